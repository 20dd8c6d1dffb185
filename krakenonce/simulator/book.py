"""The book of one pair: clients' resting orders, among the market's own levels that follow the price path."""

from __future__ import annotations

import heapq
import random
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from krakenonce.kraken.pairs import Pair
    from krakenonce.simulator.orders import Order, Side

LEVELS = 100


@dataclass(slots=True)
class Level:
    """One price of the market's own book, with what is left there until the next move."""

    price: Decimal
    volume: Decimal


@dataclass(frozen=True, slots=True)
class Offer:
    """Something a taker can get: a resting order, or one of the market's own levels."""

    price: Decimal
    volume: Decimal
    order: Order | None = None
    level: Level | None = None


class Levels:
    """The market's own levels of one side since its last move, best first. They are made as far as somebody looks."""

    __slots__ = ("_made", "_source")

    def __init__(self, source: Iterator[Level]) -> None:
        self._source = source
        self._made: list[Level] = []

    def __iter__(self) -> Iterator[Level]:
        for index in range(LEVELS):
            if index == len(self._made):
                level = next(self._source, None)
                if level is None:
                    return
                self._made.append(level)
            yield self._made[index]


class BookSide:
    """Bids or asks, best first. *Better* means a lower sort key.

    Parameters:
        side: the side of the orders that rest here ("buy" for bids).
        make_levels: returns the market's own levels; called when somebody first looks after a move.
    """

    def __init__(self, side: Side, make_levels: Callable[[], Iterator[Level]]) -> None:
        self.side = side
        self._sign = -1 if side == "buy" else 1
        self._make_levels = make_levels
        self._levels: Levels | None = None
        self._resting: list[tuple[Decimal, int, Order]] = []
        self._moved_rank = 0

    @property
    def levels(self) -> Levels:
        """The market's own levels since the last move, best first."""
        if self._levels is None:
            self._levels = Levels(self._make_levels())
        return self._levels

    @property
    def orders(self) -> Iterator[Order]:
        """The resting orders, best first, older first."""
        return (order for _, _, order in self._resting)

    @property
    def first(self) -> Order | None:
        """The order with the best price and, within it, the oldest."""
        return self._resting[0][2] if self._resting else None

    def moved(self, rank: int) -> None:
        """Forget the market's own levels: the path has moved on. Orders of a lower rank are older than the new ones."""
        self._levels = None
        self._moved_rank = rank

    def add(self, order: Order) -> None:
        """Let *order* rest behind those of the same price."""
        insort(self._resting, self._entry(order))

    def remove(self, order: Order) -> None:
        """Take *order* out, if it rests here."""
        entry = self._entry(order)
        index = bisect_left(self._resting, entry[:2], key=lambda row: row[:2])
        if index < len(self._resting) and self._resting[index][2] is order:
            del self._resting[index]

    def offers(self) -> Iterator[Offer]:
        """Yield what a taker can get, in price-time order: a level is as old as the last move."""
        rows = heapq.merge(self._order_rows(), self._level_rows(), key=lambda row: row[:2])
        return (row[2] for row in rows)

    def _order_rows(self) -> Iterator[tuple[Decimal, int, Offer]]:
        for key, rank, order in self._resting:
            yield key, rank, Offer(key * self._sign, order.remaining, order=order)

    def _level_rows(self) -> Iterator[tuple[Decimal, int, Offer]]:
        for level in self.levels:
            if level.volume > 0:
                yield level.price * self._sign, self._moved_rank, Offer(level.price, level.volume, level=level)

    def _entry(self, order: Order) -> tuple[Decimal, int, Order]:
        if order.limit_price is None:
            raise ValueError("only orders with a limit price can rest in a book")
        return order.limit_price * self._sign, order.rank, order


def make_levels(pair: Pair, side: Side, best: Decimal, depth: Decimal, seed: str) -> Iterator[Level]:
    """Yield the market's own levels from *best* away from the other side, each about *depth* base units deep."""
    rng, lot = random.Random(seed), pair.lot
    step = max(pair.tick, (best * Decimal("0.0001")).quantize(pair.tick)) * (-1 if side == "buy" else 1)
    for index in range(LEVELS):
        price, volume = best + step * index, (depth * Decimal(rng.uniform(0.3, 1.7))).quantize(lot)
        if price > 0:
            yield Level(price, volume)
