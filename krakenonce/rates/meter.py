"""One counter and those who wait for it: highest priority first, then first come, first served."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Generator
from itertools import count
from typing import NamedTuple, TypeVar

from krakenonce.clock import NS_PER_SECOND, Clock
from krakenonce.lanes import Priority
from krakenonce.lanes.waiters import Waiter
from krakenonce.rates.allowance import Allowance
from krakenonce.rates.counter import FadingCounter

AnyWaiter = TypeVar("AnyWaiter", bound=Waiter)


class Pause(NamedTuple):
    """Somebody waits: until *waiter* is woken, or for *seconds* (None: for as long as it takes)."""

    waiter: Waiter
    seconds: float | None


class Wish:
    """One call that wants to be counted.

    Parameters:
        cost: in units; must_fit: False if it may overshoot the limit.
        until_ns: the moment of the boot clock at which the caller gives up.
        opens_ns: returns the moment before which nothing may be sent, however empty the counter is.
    """

    __slots__ = ("cost", "must_fit", "opens_ns", "priority", "queued", "until_ns", "waiter")

    def __init__(
        self, cost: int, priority: Priority, until_ns: int, opens_ns: Callable[[], int], *, must_fit: bool = True
    ) -> None:
        self.cost, self.priority, self.until_ns, self.opens_ns = cost, priority, until_ns, opens_ns
        self.must_fit = must_fit
        self.waiter: Waiter | None = None
        self.queued = False


class TooLong(Exception):
    """The wish cannot be fulfilled in time. A signal between rooms, turned into an answer before anybody sees it."""

    def __init__(self, wait_ns: int | None) -> None:
        super().__init__()
        self.wait_ns = wait_ns


class Meter:
    """A fading counter with a queue before it. Safe across threads and event loops.

    Whoever is first in line knows when the counter will have room for it, and waits until then; the others wait to
    become first. A call of a higher priority steps in front of those that wait, and may fill the counter further.

    Parameters:
        allowance: how far it may be filled, and how fast it fades.
        clock: whose boot time counts.
        counter: a counter to go on from.
    """

    __slots__ = ("_allowance", "_clock", "_numbers", "_queue", "counter", "mutex")

    def __init__(self, allowance: Allowance, clock: Clock, counter: FadingCounter | None = None) -> None:
        self._allowance, self._clock = allowance, clock
        self.counter = counter or FadingCounter(allowance.decay)
        self._queue: list[tuple[int, int, Wish]] = []
        self._numbers = count()
        self.mutex = threading.RLock()

    def take(self, cost: int, priority: Priority, now: int, opens_ns: int, *, must_fit: bool) -> bool:
        """Count a call at once if nobody is before it and there is room *now*; else return False.

        Parameters as in `Wish`; *now* by the boot clock.
        """
        with self.mutex:
            if self._queue and self._queue[0][0] <= priority:
                return False
            if opens_ns > now:
                return False
            if must_fit and self.counter.wait_ns(cost, self._allowance.ceilings[priority], now) != 0:
                return False
            self.counter.hold(cost)
            return True

    def wait(self, wish: Wish, make: Callable[[], Waiter]) -> Generator[Pause, None, None]:
        """Wait until the call is counted. Closing the generator leaves the queue.

        Raises:
            TooLong: its time would run out before there is room, or has run out.
        """
        try:
            while (pause := self._step(wish, make)) is not None:
                yield pause
        finally:
            self._leave(wish)

    def put(self, cost: int) -> None:
        """Count a call that waits elsewhere, if anywhere."""
        with self.mutex:
            self.counter.hold(cost)

    def settle(self, cost: int) -> None:
        """The answer to a counted call is there: its *cost* begins to fade."""
        with self.mutex:
            self.counter.settle(cost, self._clock.boot_ns())
            self._wake_first()

    def give_back(self, cost: int) -> None:
        """A counted call was not sent after all."""
        with self.mutex:
            self.counter.held -= cost
            self._wake_first()

    def fill(self) -> None:
        """Learn from a refusal that the exchange's counter is full: others use it as well."""
        with self.mutex:
            self.counter.raise_to(self._allowance.brim, self._clock.boot_ns())

    def wake(self) -> None:
        """Have whoever is first in line look again."""
        with self.mutex:
            self._wake_first()

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return sum(1 for _, _, wish in self._queue if wish.queued)

    def after_fork_in_child(self) -> None:
        """Renew the lock and forget the parent's waiters; what was counted stays counted."""
        self.mutex, self._queue = threading.RLock(), []

    def _step(self, wish: Wish, make: Callable[[], Waiter]) -> Pause | None:
        with self.mutex:
            remaining = wish.until_ns - self._clock.boot_ns()
            if not wish.queued:
                self._enqueue(wish, remaining)
            wait_ns = self._wait_ns(wish) if self._queue[0][2] is wish else None
            if wait_ns == 0:
                self.counter.hold(wish.cost)
                return None
            if remaining <= 0 or (wait_ns is not None and wait_ns > remaining):
                raise TooLong(wait_ns)
            wish.waiter = make()
            return Pause(wish.waiter, (remaining if wait_ns is None else wait_ns) / NS_PER_SECOND)

    def _wait_ns(self, wish: Wish) -> int | None:
        now = self._clock.boot_ns()
        closed = max(0, wish.opens_ns() - now)
        if not wish.must_fit:
            return closed
        room = self.counter.wait_ns(wish.cost, self._allowance.ceilings[wish.priority], now)
        return None if room is None else max(room, closed)

    def _enqueue(self, wish: Wish, remaining: int) -> None:
        ahead = sum(other.cost for rank, _, other in self._queue if other.queued and rank <= wish.priority)
        least = self.counter.least_wait_ns(
            ahead + wish.cost, self._allowance.ceilings[wish.priority], self._clock.boot_ns()
        )
        if wish.must_fit and least > remaining:
            raise TooLong(least)
        wish.queued = True
        heapq.heappush(self._queue, (wish.priority, next(self._numbers), wish))
        self._drop_gone()

    def _leave(self, wish: Wish) -> None:
        with self.mutex:
            wish.queued, wish.waiter = False, None
            self._wake_first()

    def _wake_first(self) -> None:
        self._drop_gone()
        while self._queue:
            waiter = self._queue[0][2].waiter
            if waiter is None:
                return  # it is awake already, and will look for itself
            self._queue[0][2].waiter = None
            try:
                waiter.wake()
                return
            except RuntimeError:  # its event loop was closed while it waited: nobody is there any more
                self._queue[0][2].queued = False
                self._drop_gone()

    def _drop_gone(self) -> None:
        while self._queue and not self._queue[0][2].queued:
            heapq.heappop(self._queue)
