"""Candles: from the price path for the time before the exchange opened, from the tape since then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from krakenonce.simulator.events import Print
    from krakenonce.simulator.prices import PricePath

MINUTE_NS = 60 * 1_000_000_000
INTERVALS = (1, 5, 15, 30, 60, 240, 1440, 10080, 21600)
LIMIT = 720
_SAMPLES = 4


@dataclass(slots=True)
class Candle:
    """One interval's trades; *start_ns* is its beginning. Without trades, the four prices are the last one before."""

    start_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    cost: Decimal
    trades: int

    def add(self, price: Decimal, volume: Decimal) -> None:
        """Count one trade."""
        self.high, self.low, self.close = max(self.high, price), min(self.low, price), price
        self.volume += volume
        self.cost += price * volume
        self.trades += 1

    def merge(self, later: Candle) -> None:
        """Count the trades of a *later* candle."""
        self.high, self.low, self.close = max(self.high, later.high), min(self.low, later.low), later.close
        self.volume += later.volume
        self.cost += later.cost
        self.trades += later.trades


class Candles:
    """The candles of one pair in every interval Kraken offers. Belongs to the exchange's thread."""

    def __init__(self, path: PricePath, origin_ns: int) -> None:
        self._path = path
        self._origin_ns = origin_ns
        self._minutes: dict[int, Candle] = {}
        self._past: dict[tuple[int, int], Candle] = {}

    def add(self, event: Print) -> None:
        """Count one trade of the tape."""
        start_ns = event.time_ns - event.time_ns % MINUTE_NS
        candle = self._minutes.get(start_ns)
        if candle is None:
            zero = Decimal(0)
            candle = Candle(start_ns, event.price, event.price, event.price, event.price, zero, zero, 0)
            self._minutes[start_ns] = candle
        candle.add(event.price, event.volume)

    def between(self, start_ns: int, end_ns: int, minutes: int) -> Iterator[Candle]:
        """Yield the candles that begin in [start, end], oldest first: the last one is still forming."""
        size_ns = minutes * MINUTE_NS
        for begin_ns in range(start_ns - start_ns % size_ns, end_ns + 1, size_ns):
            yield self._candle(begin_ns, min(begin_ns + size_ns, end_ns), minutes)

    def _candle(self, begin_ns: int, end_ns: int, minutes: int) -> Candle:
        candle = self._from_path(begin_ns, min(end_ns, self._origin_ns), minutes)
        for start_ns in range(max(begin_ns, self._origin_ns - self._origin_ns % MINUTE_NS), end_ns + 1, MINUTE_NS):
            traded = self._minutes.get(start_ns)
            if traded is not None and start_ns < begin_ns + minutes * MINUTE_NS:
                candle.merge(traded)
        return candle

    def _from_path(self, begin_ns: int, end_ns: int, minutes: int) -> Candle:
        if end_ns <= begin_ns:
            return self._quiet(begin_ns)
        key = (minutes, begin_ns)
        if key not in self._past:
            self._past[key] = self._sample(begin_ns, end_ns, minutes)
        past = self._past[key]
        return Candle(past.start_ns, past.open, past.high, past.low, past.close, past.volume, past.cost, past.trades)

    def _quiet(self, begin_ns: int) -> Candle:
        price, zero = self._price(begin_ns), Decimal(0)
        return Candle(begin_ns, price, price, price, price, zero, zero, 0)

    def _sample(self, begin_ns: int, end_ns: int, minutes: int) -> Candle:
        candle = self._quiet(begin_ns)
        volume = (Decimal(5000 * minutes) / _SAMPLES / candle.open).quantize(Decimal("1e-8"))
        for number in range(1, _SAMPLES + 1):
            candle.add(self._price(begin_ns + (end_ns - begin_ns) * number // _SAMPLES), volume)
        return candle

    def _price(self, at_ns: int) -> Decimal:
        at_ms = (at_ns - self._origin_ns) // 1_000_000
        return self._path.move(at_ms, at_ms).bid
