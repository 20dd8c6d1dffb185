"""The sizing modes: from a fill of the master's to an amount of the user's. Pure.

Every formula is a product of the fill with figures of the moment, rounded nowhere but in the fortieth decimal place:
rounding to lots happens once, on the order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from krakenonce.copytrader.amounts import multiply, share
from krakenonce.copytrader.policy import Sizing, SizingMode


class Figures(NamedTuple):
    """What sizing may depend on.

    Attributes:
        volume: what the master bought, in the base asset.
        order_share: which part of the master's order that is, 0 to 1.
        price: the master's price, in the quote asset of the user's pair.
        worth: what one unit of that quote asset is worth, in the currency of the config.
        user_equity, master_equity: in the currency of the config; None if not known.
        user_balance, master_balance: free money, both in the quote asset of the user's pair; None if not known.
    """

    volume: Decimal
    order_share: Decimal
    price: Decimal
    worth: Decimal = Decimal(1)
    user_equity: Decimal | None = None
    master_equity: Decimal | None = None
    user_balance: Decimal | None = None
    master_balance: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Unsized:
    """There is no size, because *missing* is not known or not above 0."""

    missing: str


def size(sizing: Sizing, figures: Figures) -> Decimal | Unsized:
    """Return the amount that *sizing* gives for one fill, in the base asset, before guards, funds and minimums."""
    return _FORMULAS[sizing.mode](sizing, figures)


def _multiplier(sizing: Sizing, figures: Figures) -> Decimal | Unsized:
    return multiply(sizing.amount, figures.volume)


def _fixed_base(sizing: Sizing, figures: Figures) -> Decimal | Unsized:
    return multiply(sizing.amount, figures.order_share)


def _fixed_quote(sizing: Sizing, figures: Figures) -> Decimal | Unsized:
    if not figures.price > 0:
        return Unsized("the price")
    return share(sizing.amount, figures.order_share, figures.price)


def _equity(sizing: Sizing, figures: Figures) -> Decimal | Unsized:
    return _in_proportion(
        sizing, figures, ("the user's equity", figures.user_equity), ("the master's equity", figures.master_equity)
    )


def _balance(sizing: Sizing, figures: Figures) -> Decimal | Unsized:
    return _in_proportion(
        sizing,
        figures,
        ("the user's free balance", figures.user_balance),
        ("the master's free balance", figures.master_balance),
    )


def _in_proportion(
    sizing: Sizing, figures: Figures, users: tuple[str, Decimal | None], masters: tuple[str, Decimal | None]
) -> Decimal | Unsized:
    (users_name, users_value), (masters_name, masters_value) = users, masters
    if users_value is None or not users_value > 0:
        return Unsized(users_name)
    if masters_value is None or not masters_value > 0:
        return Unsized(masters_name)
    return share(multiply(sizing.amount, figures.volume), users_value, masters_value)


def _risk(sizing: Sizing, figures: Figures) -> Decimal | Unsized:
    equity = figures.user_equity
    if equity is None or not equity > 0:
        return Unsized("the user's equity")
    stop_distance = multiply(multiply(figures.price, figures.worth), sizing.stop_percent)
    if not stop_distance > 0:
        return Unsized("the price")
    # The two per cents cancel each other out: equity * amount % / (price * stop %).
    return share(multiply(equity, sizing.amount), figures.order_share, stop_distance)


Formula: TypeAlias = Callable[[Sizing, Figures], Decimal | Unsized]

_FORMULAS: dict[SizingMode, Formula] = {
    SizingMode.MULTIPLIER: _multiplier,
    SizingMode.FIXED_BASE: _fixed_base,
    SizingMode.FIXED_QUOTE: _fixed_quote,
    SizingMode.EQUITY: _equity,
    SizingMode.BALANCE: _balance,
    SizingMode.RISK: _risk,
}
