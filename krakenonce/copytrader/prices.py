"""The worst price an order may get: within the slippage limit, on a tick. Pure."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from krakenonce.broker import PairRules
from krakenonce.copytrader.amounts import add, ceil_to_tick, floor_to_tick, multiply, subtract
from krakenonce.orders.records import Side

_ONE = Decimal(1)


@lru_cache(maxsize=256)  # of one fill, most users ask for the same
def bound(side: Side, reference: Decimal, slippage: Decimal) -> Decimal:
    """Return the worst price within *slippage* (a fraction) of *reference*, not rounded."""
    factor = add(_ONE, slippage) if side == "buy" else subtract(_ONE, slippage)
    return multiply(reference, factor)


def limit_within(side: Side, reference: Decimal, slippage: Decimal, rules: PairRules) -> Decimal:
    """Return the limit of a marketable order: the last tick inside the slippage limit.

    Parameters:
        side: ``buy`` or ``sell``.
        reference: the price slippage is measured from, in the quote asset.
        slippage: how much worse the price may be, as a fraction.
        rules: the pair's ticks.
    """
    return _limit(side, reference, slippage, rules.price_decimals)


@lru_cache(maxsize=256)
def _limit(side: Side, reference: Decimal, slippage: Decimal, price_decimals: int) -> Decimal:
    worst = bound(side, reference, slippage)
    return floor_to_tick(worst, price_decimals) if side == "buy" else ceil_to_tick(worst, price_decimals)
