"""From the journal's tables to a report. Reads only, and never waits for a copier that is running."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from krakenonce.copytrader.journal import rows
from krakenonce.copytrader.journal.records import EVERYBODY, STOCK_FACT, Standing
from krakenonce.copytrader.journal.schema import DECISIONS, FILLS, LINES, META, ORDERS, STANDINGS
from krakenonce.copytrader.records import CopyOrder, Decision, Line, MasterFill
from krakenonce.copytrader.report.accounting import Moment, Place, Position, ended_ns, gains, settle
from krakenonce.copytrader.report.figures import EVERYBODY as ALL
from krakenonce.copytrader.report.figures import UserFigures, summarise
from krakenonce.copytrader.report.receipts import Receipt, due_again, write_receipts
from krakenonce.kraken.pairs import PAIRS

PAIR_FACT = "pair:"
"""The journal's small facts that begin so tell how people call a pair: ``pair:XXBTZUSD`` is ``BTC/USD``."""

_FILLS = f"SELECT {FILLS} FROM copy_fills ORDER BY filled_ns"  # noqa: S608 - constants only, as in all of these
_DECISIONS = f"SELECT {DECISIONS} FROM copy_decisions WHERE decided_ns >= ? ORDER BY decided_ns"  # noqa: S608
_ORDERS = f"SELECT {ORDERS} FROM copy_orders ORDER BY planned_ns"  # noqa: S608
_STANDINGS = f"SELECT {STANDINGS} FROM copy_standings"  # noqa: S608
_LINES = f"SELECT {LINES} FROM copy_lines"  # noqa: S608
_META = f"SELECT {META} FROM copy_meta"  # noqa: S608


class Readable(Protocol):
    """The part of the journal that a report needs."""

    @property
    def select(self) -> Callable[[str, Sequence[Any]], Awaitable[list[tuple[Any, ...]]]]:
        """Return the rows of a SELECT."""


class Reconciled(NamedTuple):
    """What a start has found of one user: when, how many positions, and how many of them off their target."""

    user: str
    at_ns: int
    positions: int
    adrift: int


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is told of a time.

    Attributes:
        since_ns: when it begins; until_ns: the last moment the journal knows.
        users: the figures of each, in the order of their names; together: of all of them.
        receipts: oldest first.
        gained: what all have gained since the start, step by step.
        names: how people call each pair.
        run: ``live``, ``dry`` or ``shadow``; empty if the journal does not say.
        kill: why everybody was stopped; empty if nobody did.
        reconciled: how each user's positions were found at the last start that concerned him.
    """

    since_ns: int
    until_ns: int
    users: tuple[UserFigures, ...]
    together: UserFigures
    receipts: tuple[Receipt, ...]
    gained: tuple[Moment, ...]
    names: Mapping[str, str]
    run: str
    kill: str
    reconciled: tuple[Reconciled, ...] = ()


async def read_report(journal: Readable, *, user: str | None = None, since_ns: int = 0) -> Report:
    """Return the report on *user* (``USER:<name>``), or on all, from *since_ns* (nanoseconds since 1970) on.

    Raises:
        StoreUnavailable: the journal cannot be read.
    """
    read = journal.select
    facts = {str(name): str(value) for name, value in await read(_META, ())}
    fills = [rows.fill_of(row).fill for row in await read(_FILLS, ())]
    decisions = [(rows.decision_of(row), str(row[-1])) for row in await read(_DECISIONS, (since_ns,))]
    orders = [rows.order_of(row) for row in await read(_ORDERS, ())]
    standings = {row[0]: rows.standing_of(row) for row in await read(_STANDINGS, ())}
    lines = [rows.line_of(row).line for row in await read(_LINES, ())]
    if user is not None:
        decisions = [entry for entry in decisions if entry[0].line.user == user]
        orders = [order for order in orders if order.line.user == user]
    return compose(fills, decisions, orders, standings, facts, since_ns, lines)


def compose(
    fills: Sequence[MasterFill],
    decisions: Sequence[tuple[Decision, str]],
    orders: Sequence[CopyOrder],
    standings: Mapping[str, Standing],
    facts: Mapping[str, str],
    since_ns: int = 0,
    lines: Sequence[Line] = (),
) -> Report:
    """Return the report on what the journal holds. Pure; see `read_report`."""
    names = _names(facts)
    quotes = {pair: name.rpartition("/")[2] for pair, name in names.items()}
    by_id = {(fill.master, fill.exec_id): fill for fill in fills}
    receipts = _receipts(by_id, decisions, orders, since_ns, due_again(orders, lines))
    positions, prices = settle(orders, since_ns), last_prices(fills, orders)
    own: defaultdict[str, list[Receipt]] = defaultdict(list)
    held: defaultdict[str, dict[Place, Position]] = defaultdict(dict)
    for receipt in receipts:
        own[receipt.user].append(receipt)
    for place, position in positions.items():
        held[place[0]][place] = position
    figures = tuple(
        summarise(user, own[user], held[user], prices, quotes, _standing(standings.get(user)))
        for user in sorted(own.keys() | held.keys())
    )
    seen = [(fill.filled_ns, fill.pair, fill.price) for fill in fills]
    moments = [moment for moment in gains(orders, seen, quotes) if moment.at_ns >= since_ns]
    last = max((receipt.at_ns for receipt in receipts), default=since_ns)
    together = summarise(ALL, receipts, positions, prices, quotes)
    kill = standings.get(EVERYBODY)
    return Report(
        since_ns or min((receipt.at_ns for receipt in receipts), default=0), last, figures, together,
        tuple(receipts), tuple(moments), names, facts.get("run", ""), _standing(kill) if kill is not None else "",
        _reconciled(facts, own.keys() | held.keys()),
    )  # fmt: skip


def last_prices(fills: Sequence[MasterFill], orders: Sequence[CopyOrder]) -> dict[str, Decimal]:
    """Return the newest price that the journal knows of each pair: a master's, or that of a copy."""
    newest: dict[str, tuple[int, Decimal]] = {}
    seen = [(fill.filled_ns, fill.pair, fill.price) for fill in fills]
    seen += [(ended_ns(order), order.line.pair, order.cost / order.executed) for order in orders if order.executed]
    for at_ns, pair, price in seen:
        if pair not in newest or newest[pair][0] <= at_ns:
            newest[pair] = (at_ns, price)
    return {pair: price for pair, (_, price) in newest.items()}


def _receipts(
    fills: Mapping[tuple[str, str], MasterFill],
    decisions: Sequence[tuple[Decision, str]],
    orders: Sequence[CopyOrder],
    since_ns: int,
    due: frozenset[str],
) -> list[Receipt]:
    recent = [entry for entry in decisions if entry[0].decided_ns >= since_ns]
    receipts = write_receipts(fills, recent, {order.cl_ord_id: order for order in orders}, due)
    # An order of before belongs to decisions of before, which are left out: it is no receipt of its own.
    return [receipt for receipt in receipts if receipt.at_ns >= since_ns]


def _names(facts: Mapping[str, str]) -> dict[str, str]:
    names = {pair.key: pair.symbol for pair in PAIRS}
    prefix = len(PAIR_FACT)
    return names | {name[prefix:]: value for name, value in facts.items() if name.startswith(PAIR_FACT)}


def _reconciled(facts: Mapping[str, str], users: Collection[str]) -> tuple[Reconciled, ...]:
    counted = ((name.removeprefix(STOCK_FACT), value) for name, value in facts.items() if name.startswith(STOCK_FACT))
    return tuple(Reconciled(user, *map(int, value.split())) for user, value in sorted(counted) if user in users)


def _standing(standing: Standing | None) -> str:
    if standing is None:
        return "active"
    state = standing.state.value.replace("_", " ")
    return f"{state}: {standing.reason}" if standing.reason else state
