"""One request's turn: from just before signing until its outcome is known."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self

from krakenonce.clock import Clock
from krakenonce.errors import ForkedProcess, GrantEnded, ReentrantUse
from krakenonce.kraken.replies import Outcome, Unknown
from krakenonce.lanes.owner import running_loop, this_task, this_thread
from krakenonce.lanes.place import Line, Place
from krakenonce.lanes.waiters import LoopWaiter, PatientWaiter, ThreadWaiter, drive, drive_async
from krakenonce.refusals.healing import Step, Talk, conversation
from krakenonce.refusals.watch import Watch
from krakenonce.stores.base import Grant


class TurnLine(Line, Protocol):
    """What a turn needs of the lane it is in."""

    @property
    def clock(self) -> Clock:
        """Where time-outs are counted."""

    @property
    def watch(self) -> Watch:
        """What is known of the key's refusals."""

    def issue(self, grant: Grant, lowest: int) -> tuple[int, Grant]:
        """Return the next nonce and the grant it lies in."""

    def confirm(self, grant: Grant) -> Grant:
        """Return the grant in which the nonce issued last may still be sent. Raises `GrantEnded`."""

    def count(self, outcome: Outcome, nonce: int) -> None:
        """Add an outcome to the statistics, and draw the consequences."""

    def raise_floor(self, floor: int) -> None:
        """Issue nothing below *floor* from now on."""

    def blame(self) -> str:
        """Return who keeps the lane from those who wait."""

    def is_carried_over(self, place: Place) -> bool:
        """True in a forked child, if *place* is its parent's."""


class Turn:
    """One request's place in its lane: from just before signing until its outcome is known. Used once, by one owner.

    Made by `Lane.turn`. Inside the ``with`` block: look at `nonce`, sign, send, `report` the outcome. If the block ends
    in an exception and nothing was reported, the outcome counts as unknown.
    """

    __slots__ = ("_above", "_held", "_is_settled", "_lane", "_nonce", "_outcome", "_place", "_timeout")

    def __init__(self, lane: TurnLine, priority: int, timeout: float | None, above: int = 0) -> None:
        self._lane = lane
        self._place = Place(lane, priority)
        self._timeout, self._above = timeout, above
        self._held = self._is_settled = False
        self._nonce = 0
        self._outcome: Outcome | None = None

    @property
    def on_trial(self) -> bool:
        """True if a harmless probe must be sent first: the key's quarantine has just ended, or it may be locked out."""
        return self._place.on_trial

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
            if running_loop() is not None:
                raise
        return self._issue_regranted()

    async def areissue(self) -> int:
        """As `reissue`, under a grant that the store has just confirmed. The place in the lane is kept.

        For a request that was refused for its nonce (report that first), and for a grant that has ended.

        Raises:
            LaneQuarantined: whoever had the key meanwhile has spent its budget of refusals; nothing may be sent now.
        """
        self._settle_former()
        return await self._aissue_regranted()

    # A process that stands still again between its grant and its nonce needs yet another grant.

    def _issue_regranted(self) -> int:
        while True:
            drive(self._place.regrant(self._thread(), self._nonce), self._countdown(), self._lane.blame)
            self._lane.check()
            with suppress(GrantEnded):
                return self._issue()

    async def _aissue_regranted(self) -> int:
        while True:
            await self._aregrant()
            with suppress(GrantEnded):
                return self._issue()

    async def _aregrant(self) -> None:
        await drive_async(self._place.regrant(LoopWaiter, self._nonce), self._countdown(), self._lane.blame)
        # Whoever had the key meanwhile may have been refused.
        self._place.on_trial = self._lane.check() or self._place.on_trial

    def _settle_former(self) -> None:
        if self._outcome is not None and not self._is_settled:
            self.settle(self._outcome)

    def _issue(self) -> int:
        grant = self._place.grant
        if grant is None:
            raise ReentrantUse("this turn is not held: look at its nonce inside the with block")
        if self._lane.is_carried_over(self._place):
            raise ForkedProcess("this turn is the parent process's; take one of the child's own")
        self._nonce, self._place.grant = self._lane.issue(grant, self._above + 1)
        if self._is_settled:
            self._outcome, self._is_settled = None, False
        return self._nonce

    def report(self, outcome: Outcome) -> None:
        """Say how the request ended. The last word counts."""
        self._outcome = outcome

    # What follows is for clients that heal: see `krakenonce.refusals.healing`.

    def conversation(self, *, heals: bool = True) -> Talk:
        """Return what to send in this turn, step by step: a generator that is sent what came of each step."""
        return conversation(self._lane.watch, probe_first=self._place.on_trial, heals=heals)

    def take(self, step: Step) -> int:
        """Return the nonce to send *step* with. All but the turn's first lie in a grant that was just confirmed.

        Raises:
            LaneQuarantined: another process, which had the key meanwhile, has spent its budget of refusals.
        """
        self._lane.watch.begins(is_probe=step.is_probe)
        if self._nonce == 0:
            return self.nonce
        self._lane.raise_floor(step.floor)
        return self._issue_regranted()

    async def atake(self, step: Step) -> int:
        """As `take`, without blocking the event loop."""
        self._lane.watch.begins(is_probe=step.is_probe)
        if self._nonce == 0:
            try:
                return self.nonce
            except GrantEnded:  # this process was stopped between its place and its nonce
                return await self.areissue()
        self._lane.raise_floor(step.floor)
        return await self._aissue_regranted()

    def settle(self, outcome: Outcome) -> None:
        """Say how the request ended, for good: the consequences for the key are drawn at once."""
        self._outcome, self._is_settled = outcome, True
        self._lane.count(outcome, self._nonce)

    def confirm(self) -> None:
        """Look once more whether the nonce may be sent: the way to the exchange may have taken its time since.

        Raises:
            GrantEnded: not any more. Nothing may be sent with it; `areissue` waits for another one.
        """
        if self._place.grant is not None:
            self._place.grant = self._lane.confirm(self._place.grant)

    def note_sent(self, connection: int = 0) -> None:
        """Note for the flight recorder that the request is being sent, from this local port if it is known."""
        self._lane.watch.sent(connection)

    def note_port(self, connection: int) -> None:
        """Note the local port that the request went out from, for clients that show it only with the answer."""
        self._lane.watch.left_by(connection)

    def note_date(self, text: str) -> None:
        """Note the ``Date`` header of the answer: it tells whether our clock is behind."""
        self._lane.watch.dated(text)

    @property
    def outcome(self) -> Outcome | None:
        """What was reported so far."""
        return self._outcome

    def __enter__(self) -> Self:
        if not self._place.take_at_once(this_thread()):
            drive(self._place.steps(self._thread()), self._countdown(), self._lane.blame)
        self._held = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(error)

    async def __aenter__(self) -> Self:
        if not self._place.take_at_once(this_task()):
            await drive_async(self._place.steps(LoopWaiter), self._countdown(), self._lane.blame)
            await self._be_ready()
        self._held = True
        return self

    async def _be_ready(self) -> None:
        """See to it that the grant lasts still: this loop may have stood still between the grant and its waking-up."""
        try:
            while True:
                try:
                    return self.confirm()
                except GrantEnded:
                    await self._aregrant()
        except BaseException:
            self._place.give_up()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(error)

    def _thread(self) -> type[ThreadWaiter]:
        return PatientWaiter if self._timeout is None else ThreadWaiter

    def _countdown(self) -> Callable[[], float | None]:
        if self._timeout is None:
            return lambda: None
        clock, seconds = self._lane.clock, self._timeout
        begin = clock.boot_ns()
        return lambda: max(0.0, seconds - (clock.boot_ns() - begin) / 1e9)

    def _end(self, error: BaseException | None) -> None:
        if not self._held:
            raise ReentrantUse("this turn has ended already: make a new one for each request")
        self._held = False
        if self._lane.is_carried_over(self._place):
            return  # a forked child ran to the end of its parent's block: nothing here is its own to end
        if self._outcome is None and error is not None:
            self._outcome = Unknown(type(error).__name__)
        try:
            if self._outcome is not None and not self._is_settled:
                self._lane.count(self._outcome, self._nonce)
            if self._nonce:
                self._lane.watch.over()
        finally:
            self._place.leave(self._nonce)
