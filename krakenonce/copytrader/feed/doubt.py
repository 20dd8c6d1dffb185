"""Whether something may be missing before what is heard now, and for how long fills are held back because of it."""

from __future__ import annotations

import math

from krakenonce.clock import NS_PER_SECOND, Clock
from krakenonce.copytrader.feed.intake import Intake
from krakenonce.copytrader.feed.standing import FeedStanding


class Doubt:
    """One feed's. Belongs to one event loop.

    Parameters:
        intake: what holds the fills; standing: is kept up to date.
        clock: ours; hold_s: how long fills are held back at the most, in seconds.
    """

    def __init__(self, intake: Intake, standing: FeedStanding, clock: Clock, hold_s: float) -> None:
        self._intake, self._standing, self._clock, self._hold_s = intake, standing, clock, hold_s
        self._since_ns = 0

    def begin(self) -> None:
        """Something may have been missed: hold what comes now."""
        self._intake.in_doubt = self._standing.is_held = True
        self._since_ns = self._clock.boot_ns()

    def end(self) -> None:
        """Nothing is missing, or it is not waited for any longer."""
        self._intake.clear()
        self._standing.is_held = False

    def left_s(self) -> float:
        """Return for how many seconds fills may still be held back; for ever if there is no doubt."""
        if not self._intake.in_doubt:
            return math.inf
        held_s = (self._clock.boot_ns() - self._since_ns) / NS_PER_SECOND
        return max(0.0, self._hold_s - held_s)
