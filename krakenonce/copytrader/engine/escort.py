"""One mirrored order at the exchange, from its sending to its end; and its changes and cancels."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from krakenonce.broker import Acknowledged
from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader.endings import pause_after
from krakenonce.copytrader.engine.board import Board
from krakenonce.copytrader.engine.closing import TurnedDown, acknowledged, book, closed, refused
from krakenonce.copytrader.engine.drafts import Draft
from krakenonce.copytrader.engine.members import Member
from krakenonce.copytrader.engine.mirrors import keep, progress
from krakenonce.copytrader.engine.protocols import Account
from krakenonce.copytrader.engine.standings import count_failure, count_success
from krakenonce.copytrader.engine.tracks import Track
from krakenonce.copytrader.mirroring import Amend, Cancel, Mirror, Place, Step, answers
from krakenonce.copytrader.records import CopyOrder, OrderPhase
from krakenonce.errors import FixTheInput, KrakenonceError, RequestRefused, TryLater
from krakenonce.kraken.replies import Refused
from krakenonce.orders.records import OrderState

log = logging.getLogger("krakenonce")

LOOK_S = 1.0
"""How often it is asked what an open order has executed so far."""

AGAIN_NS = 2 * NS_PER_SECOND
"""How long it is waited, after an order was ended by the cancel-after switch, before another takes its place."""

Answer = asyncio.Future[Acknowledged | Refused]


class Conclude(Protocol):
    """Plans what follows from a draft, has it written, and everything sent."""

    def __call__(self, draft: Draft) -> Coroutine[Any, Any, None]: ...


class Escort:
    """Carries out the steps for one mirror. Any number at the same time, for different mirrors.

    Parameters:
        board: what the engine knows.
        conclude: what follows when something was learnt.
        member, track, txid: whose mirror of which order of the master's.
    """

    def __init__(self, board: Board, conclude: Conclude, member: Member, track: Track, txid: str) -> None:
        self._board, self._conclude = board, conclude
        self._member, self._track, self._txid = member, track, txid

    def begin(self, step: Step) -> None:
        """Carry out *step*, now: an order, a change or a cancel is handed over before this returns.

        Nothing is done for a user whom another worker has by now.
        """
        if not self._board.has(self._member):
            return
        name = f"the mirror of {self._txid} for {self._member.name}"
        if isinstance(step, Place):
            order, answer = self._handed_over(step.order)
            self._spawn(self._follow(order, answer), name)
        elif isinstance(step, Amend):
            self._spawn(self._amend(step), name)
        else:
            self._spawn(self._cancel(step), name)

    def resume(self, order: CopyOrder) -> None:
        """Follow *order*, which an earlier run may have sent."""
        self._spawn(self._follow(order, None, is_left_over=True), f"the mirror {order.cl_ord_id}")

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._board.spawn(work, name, self._member)

    def _handed_over(self, order: CopyOrder) -> tuple[CopyOrder, Answer | None]:
        if self._board.may_send(self._member, order):
            return order, None
        account = self._member.account
        sent = order._replace(sent_ns=self._board.setting.clock.wall_ns(), path=account.path)
        return sent, account.send(sent)

    async def _follow(self, order: CopyOrder, answer: Answer | None, *, is_left_over: bool = False) -> None:
        account = self._member.account
        if answer is None and not is_left_over:
            await self._turned_down(order, self._board.may_send(self._member, order) or "not sent", passing=True)
            return
        if answer is not None:
            try:
                order = acknowledged(order, await answer)
            except (TurnedDown, TryLater, FixTheInput) as error:
                passing = isinstance(error, TryLater) or getattr(error, "passing", False)
                await self._turned_down(order, str(error), passing=passing)
                return
            except KrakenonceError as error:
                log.warning("%s: the fate of %s is unknown (%s)", self._member.name, order.cl_ord_id, error)
        await self._learnt(lambda mirror: answers.placed(mirror, order.cl_ord_id), order)
        await self._ended(order, await self._ending(account, order))

    async def _ending(self, account: Account, order: CopyOrder) -> OrderState | None:
        tries = 0
        while True:
            ending = asyncio.ensure_future(account.ending(order))
            try:
                while not ending.done():
                    pause = asyncio.ensure_future(self._board.setting.sleep(LOOK_S))
                    await asyncio.wait((ending, pause), return_when=asyncio.FIRST_COMPLETED)
                    pause.cancel()
                    await self._progressed()
                return ending.result()
            except KrakenonceError as error:
                log.warning("%s: how %s ended is not known yet: %s", self._member.name, order.cl_ord_id, error)
            finally:
                ending.cancel()
            await self._pause(tries)
            tries += 1

    async def _progressed(self) -> None:
        draft = Draft()
        progress(self._member, self._track, draft)
        if draft.touched:
            await self._conclude(draft)

    async def _ended(self, order: CopyOrder, state: OrderState | None) -> None:
        if state is None:
            await self._turned_down(order, "it never reached the exchange", passing=True)
            return
        done = closed(order, state, self._board.setting.clock.wall_ns())
        book(self._board, self._member, done)
        self._member.look_wanted.set()
        again = self._member.account.was_switched_off(state)
        if again:
            log.warning("%s: the cancel-after switch has cancelled %s", self._member.name, order.cl_ord_id)
            self._track.resting.add(self._txid)
        name, why = order.cl_ord_id, state.reason
        await self._learnt(lambda mirror: answers.ended(mirror, name, state.executed, why, again=again), done)
        if again:
            # What the master has done in the same silence may be told a little later.
            await self._go_on_after(AGAIN_NS)

    async def _turned_down(self, order: CopyOrder, why: str, *, passing: bool) -> None:
        self._member.purse.release(order.cl_ord_id)
        if passing:
            self._track.resting.add(self._txid)
        done = refused(order, why, self._board.setting.clock.wall_ns())
        failure = "" if passing else why
        await self._learnt(lambda mirror: answers.refused(mirror, order.cl_ord_id, why, passing=passing), done, failure)
        if passing:
            await self._go_on_after(pause_after(order.attempt))

    async def _go_on_after(self, pause_ns: int) -> None:
        """Let the next order be placed, if one is due, but only then."""
        await self._board.setting.sleep(pause_ns / NS_PER_SECOND)
        self._track.resting.discard(self._txid)
        draft = Draft()
        draft.touch(self._member, self._track)
        await self._conclude(draft)

    async def _amend(self, step: Amend) -> None:
        try:
            if self._board.is_lease_over:
                raise TryLater("the lease of this worker is over")
            await self._member.account.amend(step.cl_ord_id, volume=step.volume, limit=step.limit, trigger=step.trigger)
        except RequestRefused as error:
            log.info("%s: %s is replaced, for it can't be changed: %s", self._member.name, step.cl_ord_id, error)
            await self._learnt(lambda mirror: answers.amend_refused(mirror, step.cl_ord_id))
        except KrakenonceError as error:
            # Whether it was changed is not known: a new order in its place is certain.
            log.warning("%s: %s is replaced: %s", self._member.name, step.cl_ord_id, error)
            await self._learnt(lambda mirror: answers.amend_refused(mirror, step.cl_ord_id))
        else:
            await self._learnt(lambda mirror: answers.amended(mirror, step.cl_ord_id))

    async def _cancel(self, step: Cancel) -> None:
        try:
            await self._member.account.cancel(step.cl_ord_id)
        except KrakenonceError as error:
            log.warning("%s: %s can't be cancelled yet: %s", self._member.name, step.cl_ord_id, error)
            await self._pause(0)
            await self._learnt(lambda mirror: answers.cancel_failed(mirror, step.cl_ord_id))

    async def _learnt(
        self, change: Callable[[Mirror], Mirror], order: CopyOrder | None = None, failure: str = ""
    ) -> None:
        draft = Draft()
        mirror = self._track.mirrors.get(self._txid)
        if mirror is not None:
            keep(self._member, self._track, change(mirror), draft)
        if order is not None:
            draft.note(order)
            if order.phase is OrderPhase.DONE:
                count_success(self._board, self._member, draft)
        if failure:
            count_failure(self._board, self._member, failure, draft)
        draft.touch(self._member, self._track)
        await self._conclude(draft)

    async def _pause(self, tries: int) -> None:
        await self._board.setting.sleep(pause_after(tries) / NS_PER_SECOND)
