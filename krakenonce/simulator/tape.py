"""The public trades of one pair, and the day's figures and candles made of them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING

from krakenonce.simulator.candles import Candle, Candles
from krakenonce.simulator.events import Print

if TYPE_CHECKING:
    from collections.abc import Iterator

    from krakenonce.simulator.market import Market

DAY_NS = 86_400 * 1_000_000_000
KEPT = 5000


@dataclass(slots=True)
class Figures:
    """Volume, worth, trades, low, high and first price over some time."""

    volume: Decimal
    cost: Decimal
    trades: int
    low: Decimal
    high: Decimal
    open: Decimal

    @property
    def average(self) -> Decimal:
        """The volume-weighted average price; the opening price if nothing was traded."""
        return self.cost / self.volume if self.volume else self.open


class Tape:
    """The trades of one pair since the exchange opened, behind a past that the path provides."""

    def __init__(self, market: Market, origin_ns: int) -> None:
        self._prints: deque[Print] = deque(maxlen=KEPT)
        self._next_id = 100_000
        self.candles = Candles(market.path, origin_ns)

    def next_id(self) -> int:
        """Return a trade id, one above the last."""
        self._next_id += 1
        return self._next_id

    def add(self, event: Print) -> None:
        """Note one trade."""
        self._prints.append(event)
        self.candles.add(event)

    def since(self, after_ns: int, limit: int) -> list[Print]:
        """Return up to *limit* trades later than *after_ns*, oldest first."""
        return list(islice((event for event in self._prints if event.time_ns > after_ns), limit))

    def latest(self, limit: int) -> list[Print]:
        """Return up to *limit* of the latest trades, oldest first."""
        return list(self._prints)[-limit:]

    def figures(self, now_ns: int, *, today: bool) -> Figures:
        """Return the figures of the last 24 hours, or of this UTC day so far."""
        start_ns = now_ns - now_ns % DAY_NS if today else now_ns - DAY_NS
        return _sum_up(self.candles.between(start_ns, now_ns, minutes=15))


def _sum_up(candles: Iterator[Candle]) -> Figures:
    rows = list(candles)
    return Figures(
        sum((row.volume for row in rows), Decimal(0)),
        sum((row.cost for row in rows), Decimal(0)),
        sum(row.trades for row in rows),
        min(row.low for row in rows),
        max(row.high for row in rows),
        rows[0].open,
    )
