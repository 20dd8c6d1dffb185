"""What most programs do today: numbers from one's own clock, and every call sent at once. For ``demo --naive`` only."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from krakenonce.clock import Clock, SystemClock
from krakenonce.kraken.replies import Outcome
from krakenonce.lanes import Priority


class UnorderedTurn:
    """A turn that waits for nobody. Its number comes straight from the clock, one above the last one if need be."""

    def __init__(self, lane: UnorderedLane) -> None:
        self._lane = lane
        self._nonce = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    @property
    def nonce(self) -> int:
        """The number of this request."""
        return self._nonce or self.reissue()

    def reissue(self) -> int:
        """Return the next number."""
        self._nonce = self._lane.next_nonce()
        return self._nonce

    async def areissue(self) -> int:
        """Return the next number."""
        return self.reissue()

    def report(self, outcome: Outcome) -> None:
        """Take note of nothing."""


class UnorderedLane:
    """No lane at all: unique, rising numbers, and no order of arrival."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def turn(
        self, priority: Priority = Priority.READ, *, timeout: float | None = None, above: int = 0
    ) -> UnorderedTurn:
        """Return a turn that begins at once."""
        return UnorderedTurn(self)

    def next_nonce(self) -> int:
        """Return a number above the last one."""
        self._last = max(self._last + 1, self._clock.wall_ns())
        return self._last


class UnorderedLanes:
    """Gives every client a counter of its own."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()

    def lane(self, api_key: str, *, base_url: str = "") -> UnorderedLane:
        """Return a new counter, whoever else uses the key."""
        return UnorderedLane(self._clock)
