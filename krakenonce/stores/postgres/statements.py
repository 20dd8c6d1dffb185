"""The statements that do what is asked: one for all asks of a kind that follow each other, whatever their number.

Nothing is prepared, so each is parsed and planned anew: one ask alone, on which somebody waits, has a plainer one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from krakenonce.stores.leases.engine import (
    KEPT_EVENTS,
    Acquire,
    Ask,
    Claim,
    Done,
    Granted,
    Keep,
    NoSession,
    Pass,
    Queued,
    Raise,
    Release,
    Remember,
    Reply,
)
from krakenonce.stores.leases.settings import LeaseSettings


class Form(NamedTuple):
    """A function of the schema: the types of what each ask gives it after its key, and how many settings follow.

    *for_all*: another function that does the same for arrays, where that is worth one.
    """

    function: str
    types: tuple[str, ...]
    settings: int = 0
    for_all: str = ""

    @property
    def statement(self) -> str:
        """Call it for each element of the arrays, in their order: session, incarnation, arrays, settings."""
        arrays = ", ".join(f"%s::{each}[]" for each in ("text", *self.types))
        if self.for_all:
            return f"select * from krakenonce.{self.for_all}(%s, %s, {arrays}{', %s' * self.settings})"  # noqa: S608 - constants
        names = [f"v{place}" for place in range(len(self.types) + 1)]
        given = ", ".join([f"a.{name}" for name in names] + ["%s"] * self.settings)
        return (
            f"select r.* from (values (%s, %s)) m(me, incarnation), "  # noqa: S608 - constants
            f"unnest({arrays}) with ordinality a({', '.join(names)}, place), "
            f"lateral krakenonce.{self.function}(m.me, m.incarnation::bigint, {given}) r order by a.place"
        )

    @property
    def lone_statement(self) -> str:
        """Call it once."""
        given = ", ".join(["%s"] * (3 + len(self.types) + self.settings))
        return f"select * from krakenonce.{self.function}({given})"  # noqa: S608 - constants


FORMS: dict[type[Ask], Form] = {
    Acquire: Form("acquire", ("bigint", "text", "bigint"), settings=4, for_all="acquire_all"),
    Release: Form("release", ("bigint", "bigint", "boolean"), settings=1),
    Claim: Form("claim", ("bigint",)),
    Pass: Form("pass", ("bigint",), settings=1),
    Keep: Form("keep", ("bigint", "bigint")),
    Raise: Form("raise_floor", ("bigint",)),
    Remember: Form("remember", ("text",), settings=1),
}
_STATEMENTS = {kind: form.statement for kind, form in FORMS.items()}
_LONE_STATEMENTS = {kind: form.lone_statement for kind, form in FORMS.items()}
_LONE_STATEMENTS[Release] = FORMS[Release]._replace(function="release_soon").lone_statement


class Statements:
    """Puts asks into statements, for sessions with the same *settings*."""

    def __init__(self, settings: LeaseSettings) -> None:
        margin, claim_ms = settings.margin, int(settings.claim * 1000)
        self.quiet = (int(settings.quiet_after_change * 1000), int(settings.quiet_after_loss * 1000))
        self._settings: dict[type[Ask], tuple[int, ...]] = {
            Acquire: (margin, claim_ms, *self.quiet),
            Release: (margin,),
            Pass: (margin,),
            Remember: (KEPT_EVENTS,),
        }

    def of(self, asks: Sequence[Ask], session: str, incarnation: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Yield statements and parameters that do *asks* in this order; each returns a row for each of its asks."""
        for kind, group in groupby(asks, type):
            values, settings = list(map(_values, group)), self._settings.get(kind, ())
            if len(asks) == 1:
                yield _LONE_STATEMENTS[kind], (session, incarnation, *values[0], *settings)
            else:
                yield _STATEMENTS[kind], (session, incarnation, *map(list, zip(*values, strict=True)), *settings)


def _values(ask: Ask) -> tuple[Any, ...]:
    match ask:
        case Acquire():
            return ask.key, ask.floor, ask.watch, ask.watched_ms
        case Release():
            return ask.key, ask.generation, ask.floor, ask.again
        case Claim() | Pass():
            return ask.key, ask.generation
        case Keep():
            return ask.key, ask.generation, ask.floor
        case Raise():
            return ask.key, ask.floor
        case Remember():
            return ask.key, ask.event


def read(row: tuple[Any, ...] | None) -> Reply:
    """Return the reply that *row* holds; a missing one means that the session is not known."""
    kind, low, high, generation, waiting, events = row or ("S", 0, 0, 0, 0, "")
    if kind == "G":
        return Granted(low, high, generation, waiting, tuple(events.splitlines()))
    if kind == "Q":
        return Queued(max(0, waiting or 0) / 1000, events)
    return Done(effect=waiting > 0, handed=generation if waiting > 1 else 0) if kind == "D" else NoSession()
