"""How much a user is to buy or sell: exact arithmetic on decimals, no I/O, no state.

A user has a *target* per pair and side: the multiplier times everything the master has filled there since the start,
rounded down to the pair's lot. What is due is the target less what was already ordered. So nothing is lost to rounding
(the remainder stays in the master's sum), and seeing a fill twice or restarting in between changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal, Inexact
from typing import Protocol

from krakenonce.errors import ConfigError

# Sums and products must be exact: with this context, arithmetic that would have to round raises instead.
_EXACT = Context(prec=400, traps=[Inexact])
_FLOOR = Context(prec=400, rounding=ROUND_FLOOR)


class SizingRules(Protocol):
    """What a pair demands of an order (https://docs.kraken.com/api/docs/rest-api/get-tradable-asset-pairs)."""

    @property
    def lot_decimals(self) -> int:
        """Decimal places of a volume."""

    @property
    def order_min(self) -> Decimal:
        """Smallest volume of an order, in the base asset."""

    @property
    def cost_min(self) -> Decimal:
        """Smallest price times volume of an order, in the quote asset."""


@dataclass(frozen=True, slots=True)
class Due:
    """An order to send."""

    volume: Decimal


@dataclass(frozen=True, slots=True)
class Carried:
    """Nothing to send now: *volume* is due but waits for more. *reason* says to the user why."""

    volume: Decimal
    reason: str


def checked_multiplier(value: Decimal) -> Decimal:
    """Return *value*.

    Raises:
        ConfigError: it is not a finite positive ``Decimal``.
    """
    if not isinstance(value, Decimal):
        raise ConfigError("multiplier", f"a {type(value).__name__}", "Use a Decimal, such as Decimal('0.5').")
    if not value.is_finite() or value <= 0:
        raise ConfigError("multiplier", f"{value}", "Use a finite number above 0.")
    return value


def add(left: Decimal, right: Decimal) -> Decimal:
    """Return the exact sum."""
    return _EXACT.add(left, right)


def round_to_lot(volume: Decimal, lot_decimals: int) -> Decimal:
    """Return *volume* rounded down to a whole number of lots of ``10 ** -lot_decimals``."""
    return volume.quantize(Decimal(1).scaleb(-lot_decimals), context=_FLOOR)


def target(multiplier: Decimal, filled: Decimal, lot_decimals: int) -> Decimal:
    """Return what a user should have ordered in all, given everything the master has *filled* (pair and side alike)."""
    return round_to_lot(_EXACT.multiply(multiplier, filled), lot_decimals)


def plan(multiplier: Decimal, filled: Decimal, ordered: Decimal, price: Decimal, rules: SizingRules) -> Due | Carried:
    """Return the order that brings a user to his target, or why there is none.

    Parameters:
        multiplier: the user's size in units of the master's.
        filled: what the master has filled on this pair and side since the start, in the base asset.
        ordered: what this user has ordered there so far, in the base asset.
        price: a recent price, to tell whether the order would be worth enough.
        rules: the pair's lot and minimums.
    """
    due = _EXACT.subtract(target(multiplier, filled, rules.lot_decimals), ordered)
    if due <= 0:
        return Carried(Decimal(0), "less than one lot is due; carried to the next fill")
    if due < rules.order_min:
        return Carried(due, f"{due:f} is below the pair's order minimum {rules.order_min:f}; carried to the next fill")
    cost = _EXACT.multiply(due, price)
    if cost < rules.cost_min:
        return Carried(
            due, f"cost {cost:f} is below the pair's cost minimum {rules.cost_min:f}; carried to the next fill"
        )
    return Due(due)
