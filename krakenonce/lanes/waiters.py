"""Two ways of waiting in one queue: a thread that blocks, a task that awaits. And the drivers that act on them.

What to wait for is decided once, in a generator that yields waiters. The two drivers only wait, and close the
generator on every exception (time-out, cancellation, KeyboardInterrupt), which makes it leave the queue.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from typing import Protocol

from krakenonce.errors import LaneTimeout
from krakenonce.stores.base import PendingGrant, Store, ThreadPlace

Remaining = Callable[[], float | None]
"""Returns the seconds that are left, or None for no limit."""

Blame = Callable[[], str]
"""Returns what to add to the message of a time-out: who holds the place."""


class Waiter(Protocol):
    """Somebody who waits to be woken, once."""

    def wake(self) -> None:
        """Wake it, from any thread. Raises RuntimeError if its event loop is closed: nobody is there any more."""
        ...

    def line_up(self, store: Store, key: str, floor: int) -> PendingGrant:
        """Join the queue of *store* for *key*."""
        ...


class ThreadWaiter:
    """A blocked thread. Signals are handled while it waits."""

    __slots__ = ("_gate",)

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._gate.acquire()

    def wake(self) -> None:
        self._gate.release()

    def line_up(self, store: Store, key: str, floor: int) -> PendingGrant:
        return store.queue(key, floor, self.wake)

    def block(self, timeout: float | None) -> bool:
        """Block until woken (True) or until *timeout* seconds have passed (False)."""
        return self._gate.acquire(timeout=-1 if timeout is None else timeout)


class PatientWaiter(ThreadWaiter):
    """A blocked thread without a time-out: where the store has a way to sleep in it directly, that one is taken."""

    __slots__ = ("_place",)

    def __init__(self) -> None:
        super().__init__()
        self._place: ThreadPlace | None = None

    def line_up(self, store: Store, key: str, floor: int) -> PendingGrant:
        own_way: Callable[[str, int], ThreadPlace | None] | None = getattr(store, "line_up", None)
        self._place = own_way(key, floor) if own_way else None
        return self._place or super().line_up(store, key, floor)

    def block(self, timeout: float | None) -> bool:
        if self._place is None:
            return super().block(timeout)
        self._place.sleep()
        return True


class LoopWaiter:
    """A task that awaits a future of its own running loop. The loop is never blocked."""

    __slots__ = ("_loop", "future")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self._loop.create_future()

    def wake(self) -> None:
        self._loop.call_soon_threadsafe(self._resolve)

    def line_up(self, store: Store, key: str, floor: int) -> PendingGrant:
        return store.queue(key, floor, self.wake)

    def _resolve(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


def drive(steps: Generator[ThreadWaiter, None, None], remaining: Remaining, blame: Blame) -> None:
    """Run *steps*, blocking this thread for each waiter.

    Raises:
        LaneTimeout: the time ran out.
    """
    try:
        for waiter in steps:
            if not waiter.block(remaining()):
                raise LaneTimeout(f"the place in the lane was not reached in time; nothing was sent{blame()}")
    finally:
        steps.close()


async def drive_async(steps: Generator[LoopWaiter, None, None], remaining: Remaining, blame: Blame) -> None:
    """Run *steps*, awaiting each waiter on the running loop.

    Raises:
        LaneTimeout: the time ran out.
    """
    try:
        for waiter in steps:
            async with asyncio.timeout(remaining()):
                await waiter.future
    except TimeoutError:
        raise LaneTimeout(f"the place in the lane was not reached in time; nothing was sent{blame()}") from None
    finally:
        steps.close()
