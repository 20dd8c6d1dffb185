"""What the masters' feeds deliver, on its way to the board: each fill once, each step of an order to its mirrors."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from krakenonce.copytrader.engine.board import Board
from krakenonce.copytrader.engine.drafts import Draft
from krakenonce.copytrader.engine.launching import Launcher
from krakenonce.copytrader.engine.members import Member
from krakenonce.copytrader.engine.mirrors import hear, open_orders_are, unheard
from krakenonce.copytrader.engine.protocols import Journal
from krakenonce.copytrader.engine.sweep import plan_all, sweep
from krakenonce.copytrader.records import MasterFill, MasterOrderEvent

_KNOWN = "SELECT 1 FROM copy_fills WHERE master = ? AND exec_id = ?"


class Intake:
    """Belongs to one event loop; nothing in here waits.

    Parameters:
        board: what the engine knows; launcher: sends what follows.
        journal: is asked for fills that are older than what is remembered.
    """

    def __init__(self, board: Board, launcher: Launcher, journal: Journal) -> None:
        self._board, self._launcher, self._journal = board, launcher, journal

    def fills(self, fills: Sequence[MasterFill]) -> None:
        """Have those of *fills* that are new copied."""
        new = [fill for fill in fills if self._is_new(fill)]
        if new:
            draft = Draft()
            sweep(self._board, self._launcher.figures(), new, draft)
            self._launcher.launch(draft)

    def orders(self, events: Sequence[MasterOrderEvent]) -> None:
        """Have *events* followed by those who mirror orders."""
        draft = Draft()
        hear(self._board, self._launcher.figures(), events, draft)
        self._launch_planned(draft)

    def open_orders(self, master: str, txids: Collection[str]) -> None:
        """Take note that *txids* are all open orders of *master*."""
        draft = Draft()
        open_orders_are(self._board, master, txids, draft)
        self._launch_planned(draft)

    def silence(self, master: str) -> None:
        """Take note that nobody tells what becomes of the orders of *master*."""
        unheard(self._board, master)

    def show(self, member: Member, master: str, events: Sequence[MasterOrderEvent]) -> None:
        """Have *member*, who was away, take note of all open orders of *master*, as *events* show them."""
        draft = Draft()
        open_orders_are(self._board, master, {event.order_txid for event in events}, draft, member)
        hear(self._board, self._launcher.figures(), events, draft, member)
        self._launch_planned(draft)

    def _launch_planned(self, draft: Draft) -> None:
        plan_all(self._board, self._launcher.figures(), draft)
        self._launcher.launch(draft)

    def _is_new(self, fill: MasterFill) -> bool:
        known = self._board.known.get(fill.master)
        if known is None or known.is_before_everything(fill) or known.has(fill):
            return False
        if known.is_older_than_memory(fill):
            self._board.spawn(self._look_up(fill), f"looking up {fill.exec_id}")
            return False
        # At once, for the same fill may stand in one list twice.
        known.add(fill)
        return True

    async def _look_up(self, fill: MasterFill) -> None:
        rows = await self._journal.select(_KNOWN, (fill.master, fill.exec_id))
        known = self._board.known[fill.master]
        if not rows and not known.has(fill):
            known.add(fill)
            draft = Draft()
            sweep(self._board, self._launcher.figures(), [fill], draft)
            self._launcher.launch(draft)
