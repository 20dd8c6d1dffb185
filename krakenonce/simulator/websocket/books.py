"""The ``book`` channel: snapshots, changes, and the checksum that clients compare.

https://docs.kraken.com/exchange/guides/websockets/book-checksum-v2
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from krakenonce.simulator.rest.formats import price_text, volume_text
from krakenonce.simulator.rest.public import depth_rows
from krakenonce.simulator.websocket.frames import price, quantity, stamp, update

if TYPE_CHECKING:
    from krakenonce.kraken.pairs import Pair
    from krakenonce.simulator.market import Market
    from krakenonce.simulator.orders import Side

DEPTHS = (10, 25, 100, 500, 1000)
_CHECKED = 10
Rows = Sequence[tuple[Decimal, Decimal]]


class Ladder:
    """One pair's book down to one depth, as its subscribers know it."""

    def __init__(self, market: Market, depth: int) -> None:
        self._market, self._depth = market, depth
        self._asks: Rows = ()
        self._bids: Rows = ()
        self.catch_up(0)

    def snapshot(self) -> str:
        """Return the snapshot of what the subscribers know."""
        pair = self._market.pair
        row = {"symbol": pair.symbol, "bids": levels(pair, self._bids), "asks": levels(pair, self._asks)}
        return update("book", [row | {"checksum": checksum(pair, self._asks, self._bids)}], "snapshot")

    def catch_up(self, now_ns: int) -> str | None:
        """Look at the market again and return the frame that tells what has changed, or None."""
        pair = self._market.pair
        asks, bids = self._rows("sell"), self._rows("buy")
        changes = {
            "bids": levels(pair, _changes(self._bids, bids, self._depth)),
            "asks": levels(pair, _changes(self._asks, asks, self._depth)),
        }
        self._asks, self._bids = asks, bids
        if not (changes["bids"] or changes["asks"]):
            return None
        tail = {"checksum": checksum(pair, asks, bids), "timestamp": stamp(now_ns)}
        return update("book", [{"symbol": pair.symbol} | changes | tail])

    def _rows(self, side: Side) -> Rows:
        return depth_rows(self._market, side, self._depth)


def levels(pair: Pair, rows: Iterable[tuple[Decimal, Decimal]]) -> list[dict[str, Any]]:
    """Return rows as the channel has them."""
    return [{"price": price(pair, at), "qty": quantity(pair, volume)} for at, volume in rows]


def checksum(pair: Pair, asks: Rows, bids: Rows) -> int:
    """Return the CRC32 over the ten best asks, then the ten best bids: digits without point and leading zeros."""
    text = "".join(
        part.replace(".", "").lstrip("0")
        for rows in (asks[:_CHECKED], bids[:_CHECKED])
        for at, volume in rows
        for part in (price_text(pair, at), volume_text(pair, volume))
    )
    return zlib.crc32(text.encode())


def _changes(before: Rows, after: Rows, depth: int) -> Rows:
    """Return removals (volume 0), then new and changed rows, best first.

    A level that only fell out of the depth is not mentioned: clients cut their books. Removals come first, so that
    a client which cuts after every row ends with the same book as one which cuts at the end.
    """
    known, present = dict(before), dict(after)
    gone = [at for at, _ in before if at not in present]
    if len(after) == depth and len(before) == depth:
        gone = [at for at in gone if not _is_beyond(at, after)]
    return [(at, Decimal(0)) for at in gone] + [row for row in after if known.get(row[0]) != row[1]]


def _is_beyond(at: Decimal, rows: Rows) -> bool:
    """Return whether *at* is worse than every price in *rows*, which come best first."""
    best, worst = rows[0][0], rows[-1][0]
    return at > worst if best <= worst else at < worst
