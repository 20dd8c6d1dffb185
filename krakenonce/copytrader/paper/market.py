"""The public market as accounts on paper see it: one book for all of them, asked for once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal

from krakenonce.broker import Depth
from krakenonce.clock import NS_PER_MS, Clock
from krakenonce.copytrader.paper.book import PaperBook

FRESH_NS = 500 * NS_PER_MS
"""How long a book is taken from before it is asked for again. A fan-out to a hundred users shares one."""

Listener = Callable[[Mapping[str, Decimal]], None]


class PaperMarket:
    """Books and prices, shared by all accounts on paper. One event loop.

    Parameters:
        read: returns the book of a pair (its key) as it is published; raises `KrakenonceError`.
        clock: tells how old a book is.
    """

    def __init__(self, read: Callable[[str], Awaitable[Depth]], clock: Clock) -> None:
        self._read, self._clock = read, clock
        self._books: dict[str, tuple[int, asyncio.Future[PaperBook]]] = {}
        self._listeners: list[Listener] = []

    async def book(self, pair: str) -> PaperBook:
        """Return the book of *pair*, half a second old at the most; raises what reading it raises."""
        now_ns = self._clock.boot_ns()
        asked_ns, future = self._books.get(pair, (0, None))
        if future is None or now_ns - asked_ns > FRESH_NS or (future.done() and future.exception() is not None):
            future = asyncio.ensure_future(self._fetch(pair))
            self._books[pair] = (now_ns, future)
        return await asyncio.shield(future)

    def listen(self, listener: Listener) -> None:
        """Have *listener* told the last prices, by pair, whenever they are read."""
        self._listeners.append(listener)

    def forget(self, listener: Listener) -> None:
        """Tell *listener* nothing any more."""
        self._listeners.remove(listener)

    def take(self, prices: Mapping[str, Decimal]) -> None:
        """Take in the last prices: orders that rest on paper may be filled by them."""
        for listener in list(self._listeners):
            listener(prices)

    async def _fetch(self, pair: str) -> PaperBook:
        return PaperBook(await self._read(pair))
