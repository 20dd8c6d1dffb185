"""Where users come in: those who come at the same time come in together, for reading the journal takes its time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from krakenonce.copytrader.engine.members import Seat


class Entrance:
    """Belongs to one event loop.

    Parameters:
        let_in: has several users copied, all or none; it is called again only when it has returned.
    """

    def __init__(self, let_in: Callable[[Sequence[Seat]], Awaitable[None]]) -> None:
        self._let_in = let_in
        self._door = asyncio.Lock()
        self._waiting: list[Seat] = []
        self._next: asyncio.Task[None] | None = None

    async def come_in(self, seat: Seat) -> None:
        """Have the user of *seat* copied, together with whoever waits at the door; raises as *let_in*."""
        self._waiting.append(seat)
        if self._next is None:
            self._next = asyncio.create_task(self._open(), name="users who come in")
        await asyncio.shield(self._next)

    async def _open(self) -> None:
        async with self._door:
            seats, self._waiting, self._next = self._waiting, [], None
            await self._let_in(seats)
