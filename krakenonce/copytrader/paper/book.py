"""What an order would have found in a book. What one order takes is gone for the next. No I/O."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from krakenonce.broker import Depth
from krakenonce.copytrader.amounts import ZERO, add, multiply, subtract
from krakenonce.orders.records import Side


class Taken(NamedTuple):
    """What an order got: *volume* in the base asset, for *cost* in the quote asset."""

    volume: Decimal
    cost: Decimal


NOTHING = Taken(ZERO, ZERO)


class PaperBook:
    """A copy of a book, from which orders take.

    Parameters:
        depth: the book as it was published.
    """

    def __init__(self, depth: Depth) -> None:
        self._offers: dict[Side, list[list[Decimal]]] = {
            "buy": [list(row) for row in depth.asks],
            "sell": [list(row) for row in depth.bids],
        }

    def take(self, side: Side, volume: Decimal, limit: Decimal | None) -> Taken:
        """Take up to *volume* at prices not worse than *limit* (None: at any price), the best first."""
        taken, cost = ZERO, ZERO
        offers = self._offers[side]
        while offers and taken < volume and (limit is None or _is_within(side, offers[0][0], limit)):
            price, there = offers[0]
            part = min(there, subtract(volume, taken))
            taken, cost = add(taken, part), add(cost, multiply(part, price))
            if part == there:
                offers.pop(0)
            else:
                offers[0][1] = subtract(there, part)
        return Taken(taken, cost)


def _is_within(side: Side, price: Decimal, limit: Decimal) -> bool:
    return price <= limit if side == "buy" else price >= limit
