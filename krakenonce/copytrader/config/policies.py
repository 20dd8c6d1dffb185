"""From what users and defaults say to each user's policy: what a user does not say is said by the defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, TypeVar

from krakenonce.copytrader.config import values
from krakenonce.copytrader.config.lines import Path
from krakenonce.copytrader.config.problems import Notes
from krakenonce.copytrader.config.tables import read_pairs
from krakenonce.copytrader.policy import Guards, Sizing, SizingMode, UserPolicy
from krakenonce.errors import ConfigError

T = TypeVar("T")

NOBODY = ("",)
"""Stands for whom a user follows while that is not known."""

_PLAIN = ("below_minimum", "round_up_cap", "rest", "exit_rest", "mode", "joining", "leaving", "valid_s")


def account_name(master: str) -> str:
    """Return the account's name of the *master* that a user names: ``MASTER``, or ``MASTER:<name>``."""
    return master if master == "MASTER" or master.startswith("MASTER:") else f"MASTER:{master}"


def read_tables_of_data(notes: Notes, path: Path, said: dict[str, Any]) -> None:
    """Read the mapping and the balances in *said*: tables whose keys are pairs and currencies."""
    if "mapping" in said:
        mapping = read_pairs(notes, (*path, "mapping"), said["mapping"], values.pair, values.or_off(values.pair))
        said["mapping"] = mapping
    if "balances" in said:
        said["balances"] = read_pairs(notes, (*path, "balances"), said["balances"], values.asset, values.amount)


def merge(defaults: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return what counts for a user: its *own* words, else those of the *defaults*; tables word by word.

    An amount belongs to its mode of sizing: it is not taken over into another.
    """
    merged = {**defaults, **own}
    for name in ("guards", "mapping", "balances", "sizing"):
        merged[name] = {**defaults.get(name, {}), **own.get(name, {})}
    mode, before = own.get("sizing", {}).get("mode"), defaults.get("sizing", {}).get("mode", SizingMode.MULTIPLIER)
    if mode is not None and mode is not before:
        merged["sizing"] = dict(own["sizing"])
    return merged


def made(notes: Notes, path: Path, make: Callable[[], T], otherwise: T) -> T:
    """Return what *make* returns; if it finds fault with a value, note that at *path*, and return *otherwise*."""
    try:
        return make()
    except ConfigError as error:
        notes.add((*path, error.field), error.shape, error.mend)
        return otherwise


def build_policy(notes: Notes, path: Path, said: Mapping[str, Any], pairs: tuple[str, ...] | None) -> UserPolicy:
    """Return the policy of the user at *path*; what contradicts itself is noted.

    Parameters:
        said: what counts for the user, see `merge`.
        pairs: what may be entered at all; None for everything.
    """
    sizing = _sizing(notes, (*path, "sizing"), said["sizing"])
    guards = _guards(notes, (*path, "guards"), said["guards"], pairs)
    plain = {name: said[name] for name in _PLAIN if name in said}
    mapping = MappingProxyType(dict(said["mapping"]))
    masters = said["masters"] or NOBODY

    def make() -> UserPolicy:
        return UserPolicy(masters=masters, sizing=sizing, guards=guards, mapping=mapping, **plain)

    return made(notes, path, make, UserPolicy())


def build_common_guards(notes: Notes, said: Mapping[str, Any], pairs: tuple[str, ...] | None) -> Guards:
    """Return the limits of all users together, of what was *said* in ``[guards]``."""
    if "stop" in said and said.get("daily_loss") is None and said.get("drawdown") is None:
        mend = "Add daily_loss or drawdown: what is reached then stops everybody."
        notes.add(("guards", "stop"), "a stop without a loss that stops", mend)
    return _built(notes, ("guards",), {"max_failures": None, **said}, pairs)


def _sizing(notes: Notes, path: Path, said: Mapping[str, Any]) -> Sizing:
    mode = said.get("mode", SizingMode.MULTIPLIER)
    if "amount" not in said and mode is not SizingMode.MULTIPLIER and not notes.has(path):
        notes.add(path, f"mode {mode.value} without an amount", "Add amount: see docs/reference/sizing.md.")
    if mode is not SizingMode.RISK and "stop_percent" in said:
        notes.add((*path, "stop_percent"), f"a stop with mode {mode.value}", 'Leave it out, or write mode = "risk".')
    if mode is SizingMode.RISK:
        _check_percent(notes, (*path, "amount"), said.get("amount"))
        _check_percent(notes, (*path, "stop_percent"), said.get("stop_percent"))
    return made(notes, path, lambda: Sizing(**said), Sizing())


def _check_percent(notes: Notes, path: Path, percent: Decimal | None) -> None:
    if percent is not None and percent > 100:
        notes.add(path, f"{percent} per cent", "Write per cent from 0 to 100.")


def _guards(notes: Notes, path: Path, said: Mapping[str, Any], pairs: tuple[str, ...] | None) -> Guards:
    own = said.get("pairs")
    stray = [name for name in own or () if pairs is not None and name not in pairs]
    if stray:
        mend = "Add it to the list at the top as well, in the same spelling, or leave it out here."
        notes.add((*path, "pairs"), f"{stray[0]}, which is not among the pairs at the top of the file", mend)
    allowed = own if own is not None else pairs
    return _built(notes, path, said, allowed)


def _built(notes: Notes, path: Path, said: Mapping[str, Any], pairs: tuple[str, ...] | None) -> Guards:
    least, most = said.get("min_order"), said.get("max_order")
    if least is not None and most is not None and least > most:
        notes.add((*path, "min_order"), f"{least}, which is above max_order ({most})", "Make it smaller.")
    allowed = None if pairs is None else frozenset(pairs)
    return made(notes, path, lambda: Guards(**{**said, "pairs": allowed}), Guards())
