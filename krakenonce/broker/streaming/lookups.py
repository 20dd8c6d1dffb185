"""Orders looked up over REST: many wishes at one time become one call."""

from __future__ import annotations

import asyncio

from krakenonce.client.budget import Sleep
from krakenonce.lanes import Priority
from krakenonce.orders.books import MOST_PER_QUERY, Books
from krakenonce.orders.records import OrderState

_GATHER_S = 0.02


class Lookups:
    """Looks up one account's orders by the exchange's names for them. Belongs to one event loop."""

    def __init__(self, books: Books, sleep: Sleep) -> None:
        self._books, self._sleep = books, sleep
        self._wanted: set[str] = set()
        self._asking: asyncio.Task[dict[str, OrderState]] | None = None

    async def state(self, txid: str) -> OrderState | None:
        """Return how an order stands; None if the exchange does not know it (yet). Raises as `Books.query` does."""
        self._wanted.add(txid)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
            # Whoever has asked may have gone meanwhile.
            self._asking.add_done_callback(lambda asked: asked.cancelled() or asked.exception())
        return (await asyncio.shield(self._asking)).get(txid)

    async def _ask(self) -> dict[str, OrderState]:
        try:
            await self._sleep(_GATHER_S)
        finally:
            wanted, self._wanted, self._asking = sorted(self._wanted), set(), None
        found: dict[str, OrderState] = {}
        for start in range(0, len(wanted), MOST_PER_QUERY):
            found |= await self._books.query(wanted[start : start + MOST_PER_QUERY], priority=Priority.EXIT)
        return found
