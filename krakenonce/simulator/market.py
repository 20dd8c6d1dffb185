"""One pair's market: its book, its tape, its last price and the orders that wait for a price."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING

from krakenonce.simulator.book import BookSide, Level, make_levels
from krakenonce.simulator.events import Print
from krakenonce.simulator.fees import FeeTier, schedule_for
from krakenonce.simulator.orders import Side, opposite
from krakenonce.simulator.prices import EUR_IN_USD, Move, PricePath
from krakenonce.simulator.tape import Tape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from krakenonce.kraken.pairs import Pair
    from krakenonce.simulator.orders import Order
    from krakenonce.simulator.settings import Settings


class Market:
    """The state of one pair. Belongs to the exchange's thread.

    Parameters:
        pair: what is traded; path: where its price goes; settings: depth, fees and pace.
        origin_ns: the exchange's time at which path time is 0.
    """

    def __init__(self, pair: Pair, path: PricePath, settings: Settings, origin_ns: int) -> None:
        self.pair, self.path = pair, path
        self._settings = settings
        self._origin_ns = origin_ns
        self._path_ms = 0
        self._moves = 0
        self.move = path.move(-settings.step_ms, 0)
        self.schedule: tuple[FeeTier, ...] = schedule_for(settings.fees, pair.base.symbol)
        self.bids = BookSide("buy", lambda: self._levels("buy"))
        self.asks = BookSide("sell", lambda: self._levels("sell"))
        self.waiting: list[Order] = []
        self.spreads = deque([(origin_ns, self.move.bid, self.move.ask)], maxlen=200)
        self.last = self.move.bid
        self.tape = Tape(self, origin_ns)

    def path_ms(self, now_ns: int) -> int:
        """Return path time at *now_ns* of the exchange's time, in milliseconds."""
        return int((now_ns - self._origin_ns) / 1_000_000 * self._settings.pace)

    def advance(self, now_ns: int, rank: int) -> Move:
        """Let the path move on to *now_ns* and return where it stands. The market's own levels are renewed."""
        path_ms = self.path_ms(now_ns)
        before, self.move = self.move, self.path.move(self._path_ms, path_ms)
        self._path_ms = path_ms
        if (before.bid, before.ask) != (self.move.bid, self.move.ask):
            self.spreads.append((now_ns, self.move.bid, self.move.ask))
        self._renew(rank)
        return self.move

    def set_quotes(self, move: Move, rank: int) -> None:
        """Put the market's own quotes where *move* says, until the path moves again."""
        self.move = move
        self._renew(rank)

    def side(self, side: Side) -> BookSide:
        """Return the resting orders of *side*."""
        return self.bids if side == "buy" else self.asks

    def against(self, side: Side) -> BookSide:
        """Return the side that an order of *side* trades with."""
        return self.side(opposite(side))

    def best(self, side: Side) -> Decimal:
        """Return the best price on *side* of the book, orders included."""
        offer = next(self.side(side).offers(), None)
        if offer is not None:
            return offer.price
        return self.move.bid if side == "buy" else self.move.ask

    def record(self, event: Print) -> None:
        """Note a trade: the tape, the last price, the day's figures."""
        self.last = event.price
        self.tape.add(event)

    def in_usd(self, amount: Decimal) -> Decimal:
        """Return what *amount* of the quote asset is worth in US dollars."""
        return amount * EUR_IN_USD if self.pair.quote.symbol == "EUR" else amount

    def _renew(self, rank: int) -> None:
        self._moves += 1
        self.bids.moved(rank)
        self.asks.moved(rank)

    def _levels(self, side: Side) -> Iterator[Level]:
        best = self.move.bid if side == "buy" else self.move.ask
        depth = self._settings.depth_usd / self.in_usd(best)
        return make_levels(
            self.pair, side, best, depth, f"{self._settings.seed}/{self.pair.key}/{side}/{self._path_ms}"
        )
