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
from krakenonce.refusals.firewall import Pass, State
from krakenonce.refusals.healing import Step, Talk, conversation

if TYPE_CHECKING:
    from krakenonce.lanes.lane import Lane
    from krakenonce.stores.base import Grant

AnyWaiter = TypeVar("AnyWaiter", bound=Waiter)

UNHURRIED = 2
"""Priorities from here on (new orders, reads) wait while a lockout of the whole address is possible; exits go on."""


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

    __slots__ = (
        "_above", "_grant", "_held", "_is_settled", "_lane", "_nonce", "_outcome", "_scouts", "_timeout", "on_trial",
        "owner", "priority", "queued",
    )  # fmt: skip

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
        self._is_settled = self._scouts = False
        self.on_trial = False
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
        self._settle_former()
        await drive_async(self._regrant(LoopWaiter), self._countdown(), self._lane.blame)
        return self._issue()

    def _settle_former(self) -> None:
        if self._outcome is not None and not self._is_settled:
            self._lane.count(self._outcome, self._nonce)
        self._outcome, self._is_settled = None, False

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

    # What follows is for clients that heal: see `krakenonce.refusals.healing`.

    def conversation(self, *, heals: bool = True) -> Talk:
        """Return what to send in this turn, step by step: a generator that is sent what came of each step."""
        return conversation(self._lane.watch, probe_first=self.on_trial, heals=heals)

    def take(self, step: Step) -> int:
        """Return the nonce to send *step* with. All but the turn's first lie in a grant that was just confirmed."""
        self._lane.watch.begins(is_probe=step.is_probe)
        if self._nonce == 0:
            return self.nonce
        self._settle_former()
        self._lane.raise_floor(step.floor)
        drive(self._regrant(ThreadWaiter), self._countdown(), self._lane.blame)
        return self._issue()

    async def atake(self, step: Step) -> int:
        """As `take`, without blocking the event loop."""
        self._lane.watch.begins(is_probe=step.is_probe)
        if self._nonce == 0:
            try:
                return self.nonce
            except GrantEnded:  # this process was stopped between its place and its nonce
                return await self.areissue()
        self._lane.raise_floor(step.floor)
        return await self.areissue()

    def settle(self, outcome: Outcome) -> None:
        """Say how the request ended, for good: the consequences for the key are drawn at once."""
        self._outcome, self._is_settled = outcome, True
        self._lane.count(outcome, self._nonce)

    def note_sent(self, connection: int = 0) -> None:
        """Note for the flight recorder that the request is being sent, from this local port if it is known."""
        self._lane.watch.sent(connection)

    def note_date(self, text: str) -> None:
        """Note the ``Date`` header of the answer: it tells whether our clock is behind."""
        self._lane.watch.dated(text)

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
        lane = self._lane
        lane.check()
        if self.priority >= UNHURRIED and lane.firewall.state is not State.CALM:
            yield from self._pass_firewall(make)
        try:
            if not lane.enter(self, None):
                waiter = make()
                if not lane.enter(self, waiter):
                    yield waiter
            yield from self._wait_for_grant(make)
            self.on_trial = lane.check() or self._scouts
        except BaseException:
            grant, self._grant = self._grant, None
            if grant is not None:
                lane.store.release(grant, grant.low - 1)
            lane.abandon(self)
            lane.firewall.leave(self)
            raise

    def _pass_firewall(self, make: Callable[[], AnyWaiter]) -> Generator[AnyWaiter, None, None]:
        """Wait until it is known whether a lockout concerns this key as well, or find it out."""
        firewall, answer = self._lane.firewall, Pass.WAIT
        while answer is Pass.WAIT:
            waiter = make()
            answer = firewall.admit(self._lane.key, self, waiter.wake)
            if answer is Pass.WAIT:
                try:
                    yield waiter
                except BaseException:
                    firewall.forget(waiter.wake)
                    raise
        self._scouts = answer is Pass.SCOUT

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
            if self._outcome is not None and not self._is_settled:
                lane.count(self._outcome, self._nonce)
            if grant is not None:
                lane.store.release(grant, self._nonce or grant.low - 1)
        finally:
            if self._scouts:
                lane.firewall.leave(self)
            lane.leave()
