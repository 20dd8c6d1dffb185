"""How much the free money buys. Pure; rounded down, so that an order is never above it, fee included."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from krakenonce.copytrader.amounts import ZERO, add, lots_for, multiply

_ONE = Decimal(1)


def affordable(available: Decimal, worst_price: Decimal, fee_rate: Decimal, lot_decimals: int) -> Decimal:
    """Return the largest volume, in whole lots, that *available* pays at *worst_price*, with the fee on top.

    Parameters:
        available: free money, in the quote asset.
        worst_price: the limit of the order, in the quote asset.
        fee_rate: the taker's fee, as a fraction.
        lot_decimals: of the pair.
    """
    if available <= 0 or worst_price <= 0:
        return ZERO
    return lots_for(available, with_fee(worst_price, fee_rate), lot_decimals)


@lru_cache(maxsize=256)  # of one fill, most users ask for the same
def with_fee(price: Decimal, fee_rate: Decimal) -> Decimal:
    """Return what one unit costs at *price*, with the fee (*fee_rate*, a fraction) on top."""
    return multiply(price, add(_ONE, fee_rate))
