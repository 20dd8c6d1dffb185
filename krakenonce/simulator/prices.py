"""Where prices come from: a seeded walk, or a CSV of trades that the user has.

A path is a function of path time alone, so two runs with one seed see the same prices at the same moments, however
often they look.
"""

from __future__ import annotations

import csv
import hashlib
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Protocol

from krakenonce.errors import ConfigError
from krakenonce.kraken.pairs import Pair
from krakenonce.simulator.orders import Side

START_USD = {
    "BTC": "50000",
    "ETH": "2500",
    "SOL": "150",
    "XRP": "2.2",
    "ADA": "0.75",
    "DOGE": "0.21",
    "USDT": "1",
    "LTC": "95",
    "DOT": "6.5",
    "LINK": "17",
}
EUR_IN_USD = Decimal("1.08")
_FINEST_MS = 500
_OCTAVES = 18
_HOUR_OCTAVE = 12.8  # 500 ms * 2 ** 12.8 is about one hour


@dataclass(frozen=True, slots=True)
class Taker:
    """Somebody else's market order: what keeps the tape moving."""

    side: Side
    volume: Decimal


@dataclass(frozen=True, slots=True)
class Move:
    """Where the market's own quotes stand from now on, and who trades against them."""

    bid: Decimal
    ask: Decimal
    takers: tuple[Taker, ...] = ()


class PricePath(Protocol):
    """The outside world's price of one pair."""

    def move(self, from_ms: int, to_ms: int) -> Move:
        """Return the quotes at path time *to_ms* and the trades since *from_ms*. Negative path time is the past."""
        ...


class SeededWalk:
    """A rough path around a starting price: noise of every scale from half a second to a day and a half.

    Parameters:
        pair: the market; pairs with one base asset move together.
        seed: decides everything; volatility: the share of the price it strays in about an hour.
    """

    def __init__(self, pair: Pair, seed: int, volatility: float) -> None:
        self._pair = pair
        self._name = f"{seed}/{pair.base.symbol}"
        self._start = start_price(pair)
        self._volatility = volatility / 100 if pair.base.symbol == "USDT" else volatility
        self._origin = self._drift(0)

    def move(self, from_ms: int, to_ms: int) -> Move:
        """Return quotes one tick apart around the walk, and now and then a taker."""
        bid = self._quote(to_ms)
        return Move(bid, bid + self._pair.tick, self._takers(to_ms))

    def _quote(self, at_ms: int) -> Decimal:
        price = float(self._start) * math.exp(self._volatility * (self._drift(at_ms) - self._origin))
        return max(self._pair.tick, Decimal(price).quantize(self._pair.tick, rounding=ROUND_HALF_EVEN))

    def _drift(self, at_ms: int) -> float:
        if not self._volatility:
            return 0.0
        return sum(self._octave(k, at_ms) * 2 ** ((k - _HOUR_OCTAVE) / 2) for k in range(_OCTAVES))

    def _octave(self, k: int, at_ms: int) -> float:
        index, rest = divmod(at_ms, _FINEST_MS << k)
        share = rest / (_FINEST_MS << k)
        return _noise(self._name, k, index) * (1 - share) + _noise(self._name, k, index + 1) * share

    def _takers(self, at_ms: int) -> tuple[Taker, ...]:
        chance = _noise(self._name, -1, at_ms)
        if not self._volatility or abs(chance) < 0.5:
            return ()
        volume = (Decimal(abs(chance) * 2000) / self._start).quantize(self._pair.lot)
        return (Taker("buy" if chance > 0 else "sell", max(volume, self._pair.order_min)),)


class RecordedTrades:
    """A path of trades: rows of (milliseconds since the first one, price, volume)."""

    def __init__(self, pair: Pair, rows: Sequence[tuple[int, Decimal, Decimal]]) -> None:
        self._pair = pair
        self._rows = rows
        self._times = [row[0] for row in rows]

    def move(self, from_ms: int, to_ms: int) -> Move:
        """Return quotes that touch the latest trade's price, and the volume traded since *from_ms*."""
        first, last = bisect_right(self._times, from_ms), bisect_right(self._times, to_ms)
        index = max(last - 1, 0)
        price, before = self._rows[index][1], self._rows[max(index - 1, 0)][1]
        volume = sum((row[2] for row in self._rows[first:last]), Decimal(0))
        side: Side = "buy" if price >= before else "sell"
        bid = price - self._pair.tick if side == "buy" else price
        takers = (Taker(side, volume.quantize(self._pair.lot)),) if volume else ()
        return Move(bid, bid + self._pair.tick, takers)


def read_trades(file: FilePath, pair: Pair) -> RecordedTrades:
    """Return the path in a CSV file of ``unix time,price,volume`` rows, as Kraken offers them for download.

    Raises:
        ConfigError: the file has no rows, or one that is no such row.
    """
    with file.open(newline="", encoding="utf-8") as stream:
        rows = [_trade_row(row, number, pair) for number, row in enumerate(csv.reader(stream), 1) if row]
    if not rows:
        raise ConfigError("prices", "a file without rows", "Give rows of: unix time,price,volume.")
    rows.sort(key=lambda row: row[0])
    origin = rows[0][0]
    return RecordedTrades(pair, [(time_ms - origin, price, volume) for time_ms, price, volume in rows])


def _trade_row(row: list[str], number: int, pair: Pair) -> tuple[int, Decimal, Decimal]:
    try:
        time_s, price, volume = (Decimal(cell.strip()) for cell in row[:3])
        rounded = price.quantize(pair.tick, rounding=ROUND_HALF_EVEN)
        if not (rounded > 0 and volume >= 0):
            raise InvalidOperation
        return int(time_s * 1000), rounded, volume
    except (InvalidOperation, ValueError, OverflowError):
        mend = "Give rows of: unix time,price,volume, without a header."
        raise ConfigError("prices", f"row {number} is no trade", mend) from None


def start_price(pair: Pair) -> Decimal:
    """Return the price in quote units at which the walk of *pair* begins."""
    price = Decimal(START_USD[pair.base.symbol])
    if pair.quote.symbol == "EUR":
        price /= EUR_IN_USD
    return price.quantize(pair.tick, rounding=ROUND_HALF_EVEN)


@lru_cache(maxsize=4096)
def _noise(name: str, octave: int, index: int) -> float:
    digest = hashlib.blake2b(f"{name}/{octave}/{index}".encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") / 2**55 - 1.0
