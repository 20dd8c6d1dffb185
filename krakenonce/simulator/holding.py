"""Requests and answers that wait on the way until somebody lets them go on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from krakenonce.simulator.faults import Fault


class Holding:
    """Where the fault ``hold`` keeps what it strikes. Belongs to the event loop.

    Attributes:
        waiting: how many are held now.
    """

    def __init__(self) -> None:
        self._gate = asyncio.Event()
        self._is_closed = False
        self.waiting = 0

    async def keep(self, faults: Sequence[Fault], phase: str) -> None:
        """Wait, if one of *faults* holds in this *phase*: until the release, or for as long as the fault says."""
        spans_s = [fault.ms / 1000 for fault in faults if fault.kind == "hold" and fault.phase == phase]
        if not spans_s or self._is_closed:
            return
        self.waiting += 1
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._gate.wait(), max(spans_s))
        finally:
            self.waiting -= 1

    def release(self) -> int:
        """Let everything go on that is held now, and return how much that is. What comes later is held anew."""
        gate, self._gate = self._gate, asyncio.Event()
        gate.set()
        return self.waiting

    def close(self) -> None:
        """Let everything go on, and hold nothing any more."""
        self._is_closed = True
        self.release()
