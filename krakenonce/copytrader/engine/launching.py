"""From a draft to orders on the wire: written first, then sent for everybody without a wait in between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from krakenonce.copytrader.engine.board import Board
from krakenonce.copytrader.engine.drafts import Draft
from krakenonce.copytrader.engine.escort import Escort
from krakenonce.copytrader.engine.figures import Figures, MasterFigures
from krakenonce.copytrader.engine.members import Member
from krakenonce.copytrader.engine.pursuit import Pursuit
from krakenonce.copytrader.engine.sweep import plan_all
from krakenonce.copytrader.engine.tracks import Track

log = logging.getLogger("krakenonce")


class Launcher:
    """Writes drafts and sends what they have planned.

    Parameters:
        board: what the engine knows.
        masters: the masters' figures at their last look.
    """

    def __init__(self, board: Board, masters: Mapping[str, MasterFigures]) -> None:
        self._board, self._masters = board, masters
        self._writing: set[asyncio.Future[frozenset[str]]] = set()

    @property
    def is_writing(self) -> bool:
        """True while something is written whose orders are to be sent."""
        return bool(self._writing)

    async def written(self) -> None:
        """Wait until all that is handed over is written, and sent."""
        while self._writing:
            await asyncio.wait(self._writing)
            await asyncio.sleep(0)

    def figures(self) -> Figures:
        """Return the figures of this moment."""
        return Figures(self._board, self._masters)

    def launch(self, draft: Draft) -> asyncio.Future[frozenset[str]]:
        """Have *draft* written, and its orders sent as soon as it is. Never waits."""
        written = self._board.commit(draft)
        self._writing.add(written)
        written.add_done_callback(lambda done: self._send(draft, done))
        # Behind the writing, which the loop does not wait for if the disk is slow: then this costs no time.
        asyncio.get_running_loop().call_soon(self._get_ready, draft)
        return written

    async def conclude(self, draft: Draft) -> None:
        """Plan what is due on the lines that *draft* touches, have it written, and the orders sent."""
        plan_all(self._board, self.figures(), draft)
        await self.launch(draft)

    def pursue(self, member: Member, track: Track) -> Pursuit:
        """Return what follows the line of *track*."""
        return Pursuit(self._board, self.figures, member, track)

    def escort(self, member: Member, track: Track, txid: str) -> Escort:
        """Return what carries out steps for the mirror of the master's order *txid*."""
        return Escort(self._board, self.conclude, member, track, txid)

    def _get_ready(self, draft: Draft) -> None:
        for member, track in draft.planned:
            if track.order is not None:
                member.account.get_ready(track.order)

    def _send(self, draft: Draft, written: asyncio.Future[frozenset[str]]) -> None:
        self._writing.discard(written)
        if written.cancelled() or written.exception() is not None:
            log.error("what was planned is not written, and not sent: the journal was closed")
            return
        for user in written.result():
            self._board.drop(user)
        for member, track, txid, step in draft.steps:
            self.escort(member, track, txid).begin(step)
        pursuits = [self.pursue(member, track) for member, track in draft.planned]
        for pursuit in pursuits:
            pursuit.send()
        for pursuit in (*pursuits, *(self.pursue(member, track) for member, track in draft.held_up)):
            pursuit.start()
