"""One user's queue of fills: put in by the feed, taken out in runs that one order can copy."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from krakenonce.broker import Fill


@dataclass(frozen=True, slots=True)
class Arrival:
    """A fill of the master's and the moment we learnt of it (nanoseconds since 1970)."""

    fill: Fill
    received_ns: int

    @property
    def market(self) -> tuple[str, str]:
        """What fills must have in common to be copied by one order."""
        return self.fill.pair, self.fill.side


@dataclass(slots=True)
class Inbox:
    """Fills that wait for one user. `idle` is set while there are none and none is being worked on."""

    waiting: deque[Arrival] = field(default_factory=deque)
    filled: asyncio.Event = field(default_factory=asyncio.Event)
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, arrival: Arrival) -> None:
        """Add a fill at the end. Never waits."""
        self.waiting.append(arrival)
        self.idle.clear()
        self.filled.set()

    async def next_run(self) -> list[Arrival]:
        """Wait for fills, and take the longest run at the head that one order can copy."""
        if not self.waiting:
            self.filled.clear()
            self.idle.set()
            await self.filled.wait()
        run = [self.waiting.popleft()]
        while self.waiting and self.waiting[0].market == run[0].market:
            run.append(self.waiting.popleft())
        return run
