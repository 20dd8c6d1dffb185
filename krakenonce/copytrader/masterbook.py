"""What each master holds, as his fills tell it. State without I/O; belongs to one event loop.

A fill counts for what it changes in the position. As fills come in order, that is its volume; but the audit may find a
buy whose coins have been sold meanwhile, or a sell that was followed by another buy. So the fills of each pair are
folded in the order in which they happened, not in that in which we learnt of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from operator import attrgetter
from typing import NamedTuple

from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader.amounts import ZERO, add, multiply, share, subtract
from krakenonce.copytrader.records import MasterFill

RECENT = 100
"""How many fills of a pair are kept, at least, to find the right place for a late one."""
RECENT_NS = 3600 * NS_PER_SECOND
"""Those of how long are kept besides, unless they are more than `MOST`."""
MOST = 2_000
ORDERS = 10_000
"""How many orders are remembered: those that were filled last."""

_ONE = Decimal(1)
_when = attrgetter("filled_ns")


class Holding(NamedTuple):
    """A position and what it cost.

    Attributes:
        position: in the base asset, never below 0. Coins that the master never bought before our eyes do not count.
        cost: what the position was bought for, in the quote asset; a sell takes away its fraction.
    """

    position: Decimal = ZERO
    cost: Decimal = ZERO

    @property
    def average(self) -> Decimal | None:
        """The average entry price; None without a position."""
        return share(_ONE, self.cost, self.position) if self.position else None


class Change(NamedTuple):
    """What one fill changed.

    Attributes:
        before, after: the master's position as it was known before the fill and as it is known with it.
        order_share: which part of its order this fill counts for, 0 to 1; over all fills of an order they sum up to
            what of the order was filled, to at most 1. As long as an order's volume is not known, its first fill
            counts for all of it.
        order_volume: the volume of the whole order as far as known, at least that of the fill.
    """

    before: Decimal
    after: Decimal
    order_share: Decimal
    order_volume: Decimal


def step(holding: Holding, fill: MasterFill) -> Holding:
    """Return *holding* after *fill*."""
    if fill.side == "buy":
        return Holding(add(holding.position, fill.volume), add(holding.cost, multiply(fill.volume, fill.price)))
    left = subtract(holding.position, fill.volume)
    if left <= 0:
        return Holding()
    return Holding(left, share(holding.cost, left, holding.position))


@dataclass(slots=True)
class _PairBook:
    settled: Holding = field(default_factory=Holding)
    now: Holding = field(default_factory=Holding)
    recent: list[MasterFill] = field(default_factory=list)

    def take(self, fill: MasterFill) -> None:
        place = bisect_right(self.recent, fill.filled_ns, key=_when)
        self.recent.insert(place, fill)
        if place == len(self.recent) - 1:
            self.now = step(self.now, fill)
        else:
            self.now = _fold(self.settled, self.recent)
        self._settle()

    def _settle(self) -> None:
        """Fold for good what is too old to have anything late come before it; seldom, for it costs some time."""
        spare = len(self.recent) - RECENT
        if spare < RECENT:
            return
        old = bisect_right(self.recent, self.recent[-1].filled_ns - RECENT_NS, hi=spare, key=_when)
        if old >= RECENT or len(self.recent) >= MOST:
            old = max(old, RECENT)
            self.settled = _fold(self.settled, self.recent[:old])
            del self.recent[:old]


def _fold(holding: Holding, fills: Iterable[MasterFill]) -> Holding:
    for fill in fills:
        holding = step(holding, fill)
    return holding


@dataclass(slots=True)
class _OrderSeen:
    filled: Decimal = ZERO
    counted: Decimal = ZERO


class MasterBook:
    """One master's positions, and how far his orders have come.

    Nobody but the caller keeps a fill from being taken twice: the journal knows which are new.
    """

    def __init__(self) -> None:
        self._pairs: dict[str, _PairBook] = {}
        self._orders: OrderedDict[str, _OrderSeen] = OrderedDict()

    def resume(self, pair: str, holding: Holding) -> None:
        """Begin *pair* (its key) with what was held at some moment before all fills that are still to be taken."""
        self._pairs[pair] = _PairBook(settled=holding, now=holding)

    def recall(self, fills: Iterable[MasterFill]) -> None:
        """Learn, after a restart, how far the orders of *fills* have come. Positions stay as they are."""
        for fill in fills:
            self._count(fill)

    def holding(self, pair: str) -> Holding:
        """Return what the master holds of *pair*."""
        book = self._pairs.get(pair)
        return Holding() if book is None else book.now

    def holdings(self) -> dict[str, Holding]:
        """Return everything the master holds, by pair."""
        return {pair: book.now for pair, book in self._pairs.items() if book.now.position}

    def filled(self, order_txid: str) -> Decimal:
        """Return what of an order is filled, as far as its fills were taken."""
        seen = self._orders.get(order_txid)
        return ZERO if seen is None else seen.filled

    def take(self, fill: MasterFill) -> Change:
        """Fold one fill that was never taken before, and return what it changed."""
        book = self._pairs.setdefault(fill.pair, _PairBook())
        before = book.now.position
        book.take(fill)
        order_share, order_volume = self._count(fill)
        return Change(before, book.now.position, order_share, order_volume)

    def _count(self, fill: MasterFill) -> tuple[Decimal, Decimal]:
        seen = self._orders.setdefault(fill.order_txid, _OrderSeen())
        seen.filled = add(seen.filled, fill.volume)
        known = fill.order_volume is not None
        volume = max(fill.order_volume, seen.filled) if fill.order_volume is not None else fill.volume
        reached = min(share(_ONE, seen.filled, volume), _ONE) if known else _ONE
        fresh = max(subtract(reached, seen.counted), ZERO)
        seen.counted = max(seen.counted, reached)
        self._orders.move_to_end(fill.order_txid)
        if len(self._orders) > ORDERS:
            self._orders.popitem(last=False)
        return fresh, volume
