"""How many entries were planned lately: what `orders_per_minute` counts. State without I/O; one event loop."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from krakenonce.clock import NS_PER_SECOND

MINUTE_NS = 60 * NS_PER_SECOND


class LastMinute:
    """The moments of the last 60 s at which an entry order was planned, by our clock."""

    def __init__(self) -> None:
        self._planned: deque[int] = deque()

    def add(self, planned_ns: int) -> None:
        """Note that an entry order is planned at *planned_ns*."""
        self._planned.append(planned_ns)
        if self._planned[0] <= planned_ns - MINUTE_NS:
            self.count(planned_ns)  # nobody else may ever ask

    def recall(self, planned_ns: Iterable[int]) -> None:
        """Take in what an earlier run has planned, in any order."""
        self._planned = deque(sorted((*planned_ns, *self._planned)))

    def count(self, now_ns: int) -> int:
        """Return how many there were in the 60 s before *now_ns*."""
        while self._planned and self._planned[0] <= now_ns - MINUTE_NS:
            self._planned.popleft()
        return len(self._planned)
