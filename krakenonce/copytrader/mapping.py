"""Which pair a user trades for a pair of the master's, and at what price. Pure.

Volumes need no conversion: a pair may only be mapped to one of the same base asset. Prices do: by a rate, which has an
age. Entries need a fresh one. Exits go out with whatever is known.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from krakenonce.broker import PairRules
from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader.amounts import ZERO, multiply
from krakenonce.copytrader.guards.reasons import Reason, say
from krakenonce.errors import ConfigError
from krakenonce.orders.records import Side

LONGEST_RATE_AGE_NS = 60 * NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Rate:
    """What one unit of the master's quote asset is worth in the user's, as of *at_ns* (the clock of ``now_ns``)."""

    value: Decimal
    at_ns: int


class Route(NamedTuple):
    """Where a fill goes: the user's *pair* (its key), and *price*, the master's in its quote asset; 0: not known."""

    pair: str
    price: Decimal


@dataclass(frozen=True, slots=True)
class Unmapped:
    """The fill goes nowhere; *reason* says why. The decision is `deciding.skip`."""

    reason: str


def checked_mapping(mapping: Mapping[str, str | None], rules: Mapping[str, PairRules]) -> Mapping[str, str | None]:
    """Return *mapping* (the master's pair to the user's, both as keys; None: not copied).

    Raises:
        ConfigError: a pair is unknown, two are mapped to one, or to a pair with another base asset.
    """
    taken: dict[str, str] = {}
    for source, target in mapping.items():
        for pair in (source, target):
            if pair is not None and pair not in rules:
                raise ConfigError("mapping", f"{pair[:32]!r}, which the exchange does not list", "Use a pair's key.")
        if target is None:
            continue
        if rules[source].base != rules[target].base:
            shape = f"{source} to {target}: {rules[source].base} is not {rules[target].base}"
            raise ConfigError("mapping", shape, "Map a pair to one of the same base asset, such as XXBTZEUR.")
        other = taken.setdefault(target, source)
        if other != source:
            shape = f"{other} and {source} to {target}"
            raise ConfigError("mapping", shape, "Map one pair of the master's to each: their books are separate.")
    return mapping


def target_of(pair: str, mapping: Mapping[str, str | None]) -> str | None:
    """Return the pair to trade for *pair*; None if there is none.

    Without any mapping, the same. With one, what it says: who maps pairs trades those and no others.
    """
    return mapping.get(pair) if mapping else pair


def route(
    pair: str,
    side: Side,
    price: Decimal,
    mapping: Mapping[str, str | None],
    rules: Mapping[str, PairRules],
    *,
    rate: Rate | None,
    now_ns: int,
    held: Collection[str] = (),
    longest_age_ns: int = LONGEST_RATE_AGE_NS,
) -> Route | Unmapped:
    """Return where a fill of *pair* goes for one user.

    Parameters:
        pair, side, price: of the master's fill.
        mapping: of the user's policy, checked.
        rules: of every pair, by key.
        rate: from *pair*'s quote asset to that of the user's pair; None if not known. Not used if they are the same.
        now_ns: the clock of the rate.
        held: the pairs in which the user holds something copied from this master. A sell closes what is held, though
            the mapping may have been changed since it was bought.
        longest_age_ns: how old a rate may be for an entry.
    """
    target = target_of(pair, mapping)
    if side == "sell":
        target = _held_target(pair, target, mapping, rules, held)
    if target is None:
        return Unmapped(say(Reason.UNMAPPED, f"{pair} is mapped to no pair"))
    if rules[pair].quote == rules[target].quote:
        return Route(target, price)
    if side == "buy":
        missing = _rate_missing(pair, target, rate, now_ns, longest_age_ns)
        if missing is not None:
            return missing
    return Route(target, ZERO if rate is None else multiply(price, rate.value))


def _rate_missing(pair: str, target: str, rate: Rate | None, now_ns: int, longest_age_ns: int) -> Unmapped | None:
    if rate is None or not rate.value > 0:
        return Unmapped(say(Reason.NO_RATE, f"no rate is known to convert {pair} to {target}"))
    if now_ns - rate.at_ns > longest_age_ns:
        age_s, most_s = (now_ns - rate.at_ns) // NS_PER_SECOND, longest_age_ns // NS_PER_SECOND
        words = f"the rate to convert {pair} to {target} is {age_s} s old, and {most_s} s is the most"
        return Unmapped(say(Reason.STALE_RATE, words))
    return None


def _held_target(
    pair: str,
    target: str | None,
    mapping: Mapping[str, str | None],
    rules: Mapping[str, PairRules],
    held: Collection[str],
) -> str | None:
    if target in held or not held:
        return target
    # Bought under an earlier mapping: what is held of the same base asset, and is not another pair's business.
    others = {other for source, other in mapping.items() if source != pair}
    base = rules[pair].base
    left = sorted(key for key in held if key in rules and rules[key].base == base and key not in others)
    if not mapping:
        left = [key for key in left if key == pair]
    if pair in left:
        return pair
    return left[0] if left else target
