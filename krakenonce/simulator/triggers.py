"""Stop-loss, take-profit and trailing orders: when they fire, and how a trailing stop follows the price."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from krakenonce.simulator.orders import Order


def follow(order: Order, price: Decimal) -> bool:
    """Let a trailing order's trigger follow *price*. Returns whether it moved."""
    trail = order.ticket.trail
    if trail is None:
        return False
    if order.peak is not None and not _further(order, price, order.peak):
        return False
    order.peak = price
    sign = 1 if order.side == "buy" else -1
    before = order.trigger_price
    order.trigger_price = _tick(order, price + sign * trail.distance(price))
    return order.trigger_price != before


def fires(order: Order, price: Decimal) -> bool:
    """Return whether the last *price* sets the order off.

    A stop fires when the price runs against the position it protects, a take-profit when it runs its way. A trigger
    on the wrong side of the market fires at once; Kraken does not refuse it.
    """
    if order.trigger_price is None:
        return False
    upwards = (order.side == "buy") != order.ticket.ordertype.startswith("take-profit")
    return price >= order.trigger_price if upwards else price <= order.trigger_price


def limit_after_trigger(order: Order) -> Decimal | None:
    """Return the limit price of a fired order, or None if it goes on as a market order."""
    offset = order.ticket.limit_offset
    if offset is None or order.trigger_price is None:
        return order.limit_price
    sign = 1 if order.side == "buy" else -1
    return _tick(order, order.trigger_price + sign * offset.distance(order.trigger_price))


def _further(order: Order, price: Decimal, peak: Decimal) -> bool:
    return price < peak if order.side == "buy" else price > peak


def _tick(order: Order, price: Decimal) -> Decimal:
    return max(order.pair.tick, price.quantize(order.pair.tick, rounding=ROUND_HALF_EVEN))
