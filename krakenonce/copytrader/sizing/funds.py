"""How much the free money buys. Pure; rounded down, so that an order is never above it, fee included."""

from __future__ import annotations

from decimal import Decimal

from krakenonce.copytrader.amounts import ZERO, add, floor_strictly, multiply, share_down

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
    per_unit = multiply(worst_price, add(_ONE, fee_rate))
    return floor_strictly(share_down(available, _ONE, per_unit), lot_decimals)
