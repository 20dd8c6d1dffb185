"""Waiting for a while, or until there is a reason not to."""

from __future__ import annotations

import asyncio

from krakenonce.client.budget import Sleep


class Alarm:
    """One task waits, anybody rings. Belongs to one event loop."""

    def __init__(self, sleep: Sleep) -> None:
        self._sleep, self._bell = sleep, asyncio.Event()

    def ring(self) -> None:
        """End the wait; if nobody waits now, the next one ends at once."""
        self._bell.set()

    async def wait(self, seconds: float) -> None:
        """Wait for *seconds*, or until it rings."""
        waits = [asyncio.ensure_future(self._sleep(seconds)), asyncio.ensure_future(self._bell.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._bell.clear()
