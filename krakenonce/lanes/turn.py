"""One place in a lane."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self, TypeVar

from krakenonce.errors import ForkedProcess, GrantEnded, ReentrantUse
from krakenonce.kraken.replies import Outcome, Unknown
from krakenonce.lanes.waiters import LoopWaiter, ThreadWaiter, Waiter, drive, drive_async

if TYPE_CHECKING:
    from krakenonce.lanes.lane import Lane
    from krakenonce.stores.base import Grant

AnyWaiter = TypeVar("AnyWaiter", bound=Waiter)


class Owner(NamedTuple):
    """Who wants or holds a turn: a thread, or a task of an event loop."""

    thread: int
    task: asyncio.Task[object] | None
    running_loop: asyncio.AbstractEventLoop | None

    def is_same_as(self, other: Owner) -> bool:
        """True if waiting for *other* would be waiting for oneself."""
        if other.task is None:
            return self.thread == other.thread  # also for a task: its thread must leave the with block first
        return self.task is other.task

    def blocks_loop_of(self, others: Iterable[Owner]) -> bool:
        """True if this owner is synchronous and runs on the event loop of one of *others*."""
        loop = self.running_loop if self.task is None else None
        return loop is not None and any(other.task is not None and other.running_loop is loop for other in others)


def _thread_owner() -> Owner:
    return Owner(threading.get_ident(), None, asyncio._get_running_loop())  # noqa: SLF001 - returns None, does not raise


def _task_owner() -> Owner:
    return Owner(threading.get_ident(), asyncio.current_task(), asyncio.get_running_loop())


class Turn:
    """One request's place in its lane: from just before signing until its outcome is known. Used once, by one owner.

    Made by `Lane.turn`. Inside the ``with`` block: look at `nonce`, sign, send, `report` the outcome. If the block ends
    in an exception and nothing was reported, the outcome counts as unknown.
    """

    __slots__ = ("_above", "_grant", "_held", "_lane", "_nonce", "_outcome", "_timeout", "owner", "priority", "queued")

    owner: Owner

    def __init__(self, lane: Lane, priority: int, timeout: float | None, above: int = 0) -> None:
        self._lane = lane
        self._above = above
        self.priority = priority
        self._timeout = timeout
        self._grant: Grant | None = None
        self._held = False
        self._nonce = 0
        self._outcome: Outcome | None = None
        self.queued = False

    @property
    def nonce(self) -> int:
        """The nonce of this turn: 19 digits, issued at the first look. Every later look returns the same.

        Raises:
            ReentrantUse: the turn is not held now.
            NonceOutOfRange, StoreUnavailable: no number can be issued; nothing was sent.
        """
        return self._nonce or self.reissue()

    def reissue(self) -> int:
        """Issue a fresh, higher nonce in the same turn, because the former request of the turn is over.

        Raises:
            GrantEnded: the grant did not last, and waiting for another would block this thread's event loop: use
                `areissue` there. Elsewhere another one is waited for.
        """
        try:
            return self._issue()
        except GrantEnded:
            if asyncio._get_running_loop() is not None:  # noqa: SLF001 - returns None, does not raise
                raise
        drive(self._regrant(ThreadWaiter), self._countdown(), self._lane.blame)
        return self._issue()

    async def areissue(self) -> int:
        """As `reissue`, under a grant that the store has just confirmed. The place in the lane is kept.

        For a request that was refused for its nonce (report that first), and for a grant that has ended.
        """
        if self._outcome is not None:
            self._lane.count(self._outcome)
            self._outcome = None
        await drive_async(self._regrant(LoopWaiter), self._countdown(), self._lane.blame)
        return self._issue()

    def _issue(self) -> int:
        if self._grant is None:
            raise ReentrantUse("this turn is not held: look at its nonce inside the with block")
        if self._lane.is_carried_over(self):
            raise ForkedProcess("this turn is the parent process's; take one of the child's own")
        self._nonce, self._grant = self._lane.issue(self._grant, self._above + 1)
        return self._nonce

    def report(self, outcome: Outcome) -> None:
        """Say how the request ended. The last word counts."""
        self._outcome = outcome

    @property
    def outcome(self) -> Outcome | None:
        """What was reported so far."""
        return self._outcome

    def __enter__(self) -> Self:
        self.owner = _thread_owner()
        drive(self._steps(ThreadWaiter), self._countdown(), self._lane.blame)
        self._held = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(error)

    async def __aenter__(self) -> Self:
        self.owner = _task_owner()
        await drive_async(self._steps(LoopWaiter), self._countdown(), self._lane.blame)
        self._held = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(error)

    def _countdown(self) -> Callable[[], float | None]:
        if self._timeout is None:
            return lambda: None
        clock, seconds = self._lane.clock, self._timeout
        begin = clock.boot_ns()
        return lambda: max(0.0, seconds - (clock.boot_ns() - begin) / 1e9)

    def _steps(self, make: Callable[[], AnyWaiter]) -> Generator[AnyWaiter, None, None]:
        """Wait for the place in the lane, then for the store's grant. Closing the generator leaves both queues."""
        try:
            if not self._lane.enter(self, None):
                waiter = make()
                if not self._lane.enter(self, waiter):
                    yield waiter
            yield from self._wait_for_grant(make)
        except BaseException:
            self._lane.abandon(self)
            raise

    def _wait_for_grant(self, make: Callable[[], AnyWaiter]) -> Generator[AnyWaiter, None, None]:
        lane = self._lane
        self._grant = lane.store.acquire(lane.key, lane.floor)
        if self._grant is None:
            waiter = make()
            pending = lane.store.queue(lane.key, lane.floor, waiter.wake)
            try:
                yield waiter
                self._grant = pending.result()
            except BaseException:
                pending.cancel()
                raise

    def _regrant(self, make: Callable[[], AnyWaiter]) -> Generator[AnyWaiter, None, None]:
        """Give the grant back and wait for another. The lane's own queue is not touched."""
        grant, self._grant = self._grant, None
        if grant is None:
            raise ReentrantUse("this turn is not held: ask for its nonce inside the with block")
        self._lane.store.release(grant, self._nonce or grant.low - 1)
        yield from self._wait_for_grant(make)

    def _end(self, error: BaseException | None) -> None:
        lane, grant = self._lane, self._grant
        if not self._held:
            raise ReentrantUse("this turn has ended already: make a new one for each request")
        self._held, self._grant = False, None
        if lane.is_carried_over(self):
            return  # a forked child ran to the end of its parent's block: nothing here is its own to end
        if self._outcome is None and error is not None:
            self._outcome = Unknown(type(error).__name__)
        try:
            if self._outcome is not None:
                lane.count(self._outcome)
            if grant is not None:
                lane.store.release(grant, self._nonce or grant.low - 1)
        finally:
            lane.leave()
