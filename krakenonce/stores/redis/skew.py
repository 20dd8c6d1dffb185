"""What the clocks of a cluster's nodes differ by, as far as that can be proved over a network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from krakenonce.clock import Clock, SystemClock
from krakenonce.stores.leases.engine import EngineAway
from krakenonce.stores.leases.settings import NS
from krakenonce.stores.redis.cluster import MOST_SKEW


class Skew:
    """Takes in what each node's clock showed between a question and its answer.

    A node was asked some time in between, so its clock is known to within a round trip: a slow network can hide a
    difference as large as itself, and never shows one that is not there.

    Parameters:
        clock: round trips are measured by its boot time.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._latest_start = self._earliest_end = 0
        self._is_empty = True

    @contextmanager
    def measured(self) -> Iterator[list[int]]:
        """Yield a list for what one node's clock shows, in nanoseconds, while it is asked."""
        shown: list[int] = []
        before = self._clock.boot_ns()
        yield shown
        after = self._clock.boot_ns()
        start, end = max(shown) - after, min(shown) - before
        self._latest_start = start if self._is_empty else max(self._latest_start, start)
        self._earliest_end = end if self._is_empty else min(self._earliest_end, end)
        self._is_empty = False

    @property
    def seconds(self) -> float:
        """The least that two of the clocks differ by."""
        return max(0.0, (self._latest_start - self._earliest_end) / NS)

    def check(self) -> None:
        """Raise `EngineAway` if leases that are counted by one node's clock could mislead another's."""
        if self.seconds > MOST_SKEW:
            raise EngineAway(
                f"the clocks of the cluster's nodes differ by {self.seconds:.1f} s or more; {MOST_SKEW:g} s is allowed"
            )
