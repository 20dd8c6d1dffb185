"""One line's orders, one after the other, each followed to its end. A line never waits for another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader import lines
from krakenonce.copytrader.endings import after, pause_after
from krakenonce.copytrader.engine.board import Board
from krakenonce.copytrader.engine.closing import TurnedDown, acknowledged, book, closed, refused
from krakenonce.copytrader.engine.drafts import Draft
from krakenonce.copytrader.engine.figures import Figures
from krakenonce.copytrader.engine.members import Member
from krakenonce.copytrader.engine.planning import is_held_up, plan
from krakenonce.copytrader.engine.standings import count_failure, count_success
from krakenonce.copytrader.engine.tracks import Track
from krakenonce.copytrader.mirroring.steering import coming
from krakenonce.copytrader.ordering import Waiting
from krakenonce.copytrader.records import CopyOrder, OrderPhase, Purpose
from krakenonce.errors import FixTheInput, KrakenonceError, TryLater

log = logging.getLogger("krakenonce")


@dataclass(frozen=True, slots=True)
class Ended:
    """An order that has ended; *passing*: it was refused, or not sent, for a reason that passes."""

    order: CopyOrder
    passing: bool = False


class Pursuit:
    """Follows one line as long as there is something to do.

    Parameters:
        board: what the engine knows.
        figures: returns the figures of the moment.
        member, track: whose line.
    """

    def __init__(self, board: Board, figures: Callable[[], Figures], member: Member, track: Track) -> None:
        self._board, self._figures, self._member, self._track = board, figures, member, track

    def send(self) -> None:
        """Hand the planned order over to be sent, now, if it may be. Never waits."""
        track, setting = self._track, self._board.setting
        order = track.order
        if order is None or self._board.may_send(self._member, order):
            return
        account = self._member.account
        # The order itself is not touched here: a hundred others wait for their turn.
        track.sent_ns, track.path = setting.clock.wall_ns(), account.path
        track.account, track.answer = account, account.send(order)

    def start(self) -> None:
        """Follow the line in a task of its own, if nobody does."""
        track = self._track
        if track.task is None and self._board.has(self._member):
            track.task = self._board.spawn(self._run(), f"the line {' '.join(track.line.key)}")

    async def _run(self) -> None:
        try:
            await self._pursue()
        finally:
            # Without a wait in between: whoever changes the line from now on begins a pursuit of his own.
            self._track.task = None
            self._board.at_rest(self._member)

    async def _pursue(self) -> None:
        track, pauses = self._track, 0
        while True:
            track.news.clear()
            draft = Draft()
            pause_ns = 0
            if track.order is not None:
                pause_ns = self._settle(await self._end_of(track.order), draft)
            waiting = None if pause_ns else self._plan(draft)
            await self._board.write(draft)
            if track.order is not None:
                self.send()
                continue
            if not pause_ns and is_held_up(waiting):
                self._member.look_wanted.set()
                pause_ns, pauses = pause_after(pauses), pauses + 1
            if pause_ns:
                await self._rest(pause_ns)
            elif not track.news.is_set():
                return

    def _plan(self, draft: Draft) -> Waiting | None:
        return plan(self._board, self._figures(), self._member, self._track, draft)

    async def _rest(self, pause_ns: int) -> None:
        """Wait, but no longer than until the line changes."""
        pause = asyncio.ensure_future(self._board.setting.sleep(pause_ns / NS_PER_SECOND))
        news = asyncio.ensure_future(self._track.news.wait())
        try:
            await asyncio.wait((pause, news), return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
            news.cancel()

    async def _end_of(self, order: CopyOrder) -> Ended:
        answer = self._track.answer
        if answer is None and not self._track.is_left_over:
            why = self._board.may_send(self._member, order) or "not sent"
            return self._refused(order, why, passing=True)
        if answer is not None:
            order = order._replace(sent_ns=self._track.sent_ns, path=self._track.path)
            try:
                order = self._track.order = acknowledged(order, await answer)
            except TryLater as error:
                return self._refused(order, f"not sent: {error}", passing=True)
            except FixTheInput as error:
                return self._refused(order, str(error))
            except KrakenonceError as error:
                log.warning("%s: the fate of %s is unknown (%s); finding it out", *self._names(order), error)
            except TurnedDown as refusal:
                return self._refused(order, refusal.error, passing=refusal.passing)
        return await self._found_out(order)

    async def _found_out(self, order: CopyOrder) -> Ended:
        pause_ns = pause_after(0)
        while True:
            try:
                state = await (self._track.account or self._member.account).ending(order)
            except KrakenonceError as error:
                log.warning("%s: how %s ended can't be found out yet: %s", *self._names(order), error)
                await self._board.setting.sleep(pause_ns / NS_PER_SECOND)
                continue
            if state is None:
                return self._refused(order, "it never reached the exchange", passing=True)
            return Ended(closed(order, state, self._board.setting.clock.wall_ns()))

    def _refused(self, order: CopyOrder, why: str, *, passing: bool = False) -> Ended:
        return Ended(refused(order, why, self._board.setting.clock.wall_ns()), passing)

    def _settle(self, ended: Ended, draft: Draft) -> int:
        """Book what *ended* has done to the line; return how long to wait before its next order, in nanoseconds."""
        member, track, order = self._member, self._track, ended.order
        track.order = track.answer = track.account = None
        track.sent_ns, track.path = 0, ""
        track.is_left_over = False
        book(self._board, member, order)
        track.line = lines.executed(track.line, order.side, order.executed)
        follows = after(
            order,
            member.policy,
            tries=track.tries,
            left=track.left,
            now_ns=self._board.setting.exchange_ns(),
            fresh_until_ns=track.fresh_until_ns(member.policy),
            passing=ended.passing,
        )
        track.line = lines.write_off(track.line, follows.give_up, coming(track.mirrors.values()))
        # A decision that came meanwhile has set the tries to 0: its order is a first one.
        track.tries, track.left = (0, 0) if track.news.is_set() else (follows.tries, follows.left)
        if order.phase is OrderPhase.DONE:
            count_success(self._board, member, draft)
        elif not ended.passing:
            count_failure(self._board, member, follows.reason, draft, is_repeat=order.attempt > 0)
        if track.purpose is Purpose.SYNC:
            track.purpose = None
        draft.touch(member, track)
        draft.note(order._replace(reason=follows.reason or order.reason))
        member.look_wanted.set()
        return 0 if track.news.is_set() else follows.pause_ns

    def _names(self, order: CopyOrder) -> tuple[str, str]:
        return self._member.name, order.cl_ord_id
