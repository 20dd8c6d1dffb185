"""A counter that fades: pure arithmetic in whole numbers, so that no rounding ever lets one call too many through."""

from __future__ import annotations

from decimal import Decimal

POINT = 100_000_000_000
"""How many units one point of Kraken's counters has.

Decays are given in hundredths of a point per second (0.33, 2.34); in these units they are whole per nanosecond.
"""


def units(points: Decimal | int) -> int:
    """Return *points* in units, rounded down."""
    return int(points * POINT)


class FadingCounter:
    """An upper bound of what one of Kraken's counters shows. Not thread-safe.

    Kraken counts a call when it arrives, which happens at an unknown moment between sending and answer. So a call's
    cost is held in full while the call is under way, and begins to fade only once its answer is there: at every moment
    the bound is at or above the exchange's own counter, whatever the network does.

    Parameters:
        decay: how many points fade per second.

    Attributes:
        held: the cost of calls under way, in units.
    """

    __slots__ = ("_at_ns", "_decay", "_faded", "held")

    def __init__(self, decay: Decimal) -> None:
        self._decay = int(decay * 100)
        self._faded = 0
        self._at_ns = 0
        self.held = 0

    def level(self, now_ns: int) -> int:
        """Return the bound at *now_ns*, calls under way included, in units."""
        return self._fading(now_ns) + self.held

    def wait_ns(self, cost: int, ceiling: int, now_ns: int) -> int | None:
        """Return how long to wait until *cost* fits under *ceiling* (both in units): 0 if it does now.

        None says that no time is known: calls under way fill the counter, and only their answers make room.
        """
        if self._faded + self.held + cost <= ceiling:
            return 0  # however much of it has faded by now: by far the most
        fading = self._fading(now_ns)
        excess = fading + self.held + cost - ceiling
        if excess <= 0:
            return 0
        return None if excess > fading else -(-excess // self._decay)

    def least_wait_ns(self, cost: int, ceiling: int, now_ns: int) -> int:
        """Return how long *cost*, spread over several calls, has to wait at the least until it fits."""
        return max(0, -(-(self.level(now_ns) + cost - ceiling) // self._decay))

    def hold(self, cost: int) -> None:
        """Count a call that is about to be sent."""
        self.held += cost

    def settle(self, cost: int, now_ns: int) -> None:
        """The call's answer is there: from now on its *cost* fades."""
        self.held -= cost
        self.add(cost, now_ns)

    def add(self, cost: int, now_ns: int) -> None:
        """Count a call that was answered at *now_ns*."""
        self._faded, self._at_ns = self._fading(now_ns) + cost, now_ns

    def raise_to(self, level: int, now_ns: int) -> None:
        """Learn that the exchange's counter shows *level* units or more."""
        self.add(max(0, level - self.level(now_ns)), now_ns)

    def copy(self, now_ns: int) -> FadingCounter:
        """Return a counter that shows the same at *now_ns*, with nothing under way, and goes its own way from there."""
        twin = FadingCounter(Decimal(self._decay) / 100)
        twin.add(self.level(now_ns), now_ns)
        return twin

    def _fading(self, now_ns: int) -> int:
        # A clock that is read by several threads may seem to run back by a little: then nothing has faded yet.
        return max(0, self._faded - self._decay * max(0, now_ns - self._at_ns))
