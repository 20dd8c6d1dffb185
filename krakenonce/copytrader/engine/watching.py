"""Looks at balances: each user's in a task of his own, so that one that hangs holds up nobody."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from decimal import Decimal

from krakenonce.copytrader.amounts import ZERO
from krakenonce.copytrader.engine.board import Board
from krakenonce.copytrader.engine.drafts import Draft
from krakenonce.copytrader.engine.elsewhere import looked, told
from krakenonce.copytrader.engine.figures import MasterFigures, equity_of
from krakenonce.copytrader.engine.launching import Launcher
from krakenonce.copytrader.engine.members import Member
from krakenonce.copytrader.engine.protocols import Journal
from krakenonce.copytrader.engine.standings import judge_losses, judge_together
from krakenonce.copytrader.journal.records import Changes
from krakenonce.copytrader.policy import Guards
from krakenonce.errors import KrakenonceError

log = logging.getLogger("krakenonce")


class Watch:
    """Keeps purses and equities fresh, and losses judged.

    Parameters:
        board: what the engine knows.
        launcher: sends what follows, if losses close a user's positions.
        masters: where the masters' figures are kept, by master.
    """

    def __init__(self, board: Board, launcher: Launcher, masters: dict[str, MasterFigures]) -> None:
        self._board, self._launcher, self._masters = board, launcher, masters
        self._told: dict[str, Decimal] = {}

    def begin(self, member: Member) -> None:
        """Watch *member* from now on."""
        member.watch = self._board.spawn(self._watch(member), f"the watch of {member.name}")

    def begin_masters(self) -> None:
        """Watch the masters whose balances can be seen."""
        for master in self._board.setting.masters:
            self._board.spawn(self._watch_master(master), f"the watch of {master}")

    async def look(self, member: Member) -> bool:
        """Look at the balances of *member* once; False if that could not be done."""
        mark = member.purse.look()
        try:
            balances = await member.account.balances()
        except KrakenonceError as error:
            log.warning("%s: the balances can't be had: %s", member.name, error)
            return False
        member.purse.take(mark, balances)
        quotes = self._board.setting.quotes
        member.equity = equity_of(((asset, one.total) for asset, one in balances.items()), quotes)
        moved = equity_of(member.purse.unexplained().items(), quotes) or ZERO
        await self._judge(member, moved)
        return True

    async def look_at_master(self, master: str) -> None:
        """Look at the balances of *master* once."""
        setting = self._board.setting
        try:
            balances = await setting.masters[master].balances()
        except KrakenonceError as error:
            log.warning("%s: the balances can't be had: %s", master, error)
            return
        equity = equity_of(((asset, one.total) for asset, one in balances.items()), setting.quotes)
        self._masters[master] = MasterFigures(equity, {asset: one.available for asset, one in balances.items()})

    async def look_elsewhere(self, journal: Journal, whole: int) -> None:
        """Look at the users of other workers once, if there are limits for all together; *whole* users are in all."""
        if not _limits_all(self._board.setting.guards):
            return
        here = {member.name: member.equity for member in self._board.roster}
        known = {user: equity for user, equity in here.items() if equity is not None}
        news = {user: equity for user, equity in known.items() if self._told.get(user) != equity}
        self._told = known
        if news:
            await journal.commit(Changes(meta=told(news)))
        before, after = self._board.elsewhere.standings, await looked(journal, here, whole)
        self._board.elsewhere = after
        for user, (standing, equity) in after.standings.items():
            if before.get(user) != (standing, equity) and user not in self._board.roster.members:
                self._board.losses.look(standing, equity)
        draft = Draft()
        judge_together(self._board, (), draft)
        await self._launcher.conclude(draft)

    async def _judge(self, member: Member, moved: Decimal) -> None:
        if member.equity is None:
            return
        draft = Draft()
        judge_losses(self._board, member, member.equity, draft, moved)
        await self._launcher.conclude(draft)

    async def _watch(self, member: Member) -> None:
        pace, sleep = self._board.setting.pace, self._board.setting.sleep
        while True:
            with suppress(TimeoutError):
                await self._until_wanted(member, pace.balances_s)
            # Orders that end together share one look, which must come after the last of them.
            await sleep(pace.after_order_s)
            member.look_wanted.clear()
            await self.look(member)

    async def _until_wanted(self, member: Member, longest_s: float) -> None:
        wanted = asyncio.ensure_future(member.look_wanted.wait())
        pause = asyncio.ensure_future(self._board.setting.sleep(longest_s))
        try:
            await asyncio.wait((wanted, pause), return_when=asyncio.FIRST_COMPLETED)
        finally:
            wanted.cancel()
            pause.cancel()

    async def _watch_master(self, master: str) -> None:
        while True:
            await self._board.setting.sleep(self._board.setting.pace.balances_s)
            await self.look_at_master(master)


def _limits_all(guards: Guards | None) -> bool:
    if guards is None:
        return False
    limits = (guards.max_exposure, guards.max_positions, guards.orders_per_minute, guards.daily_loss, guards.drawdown)
    return any(limit is not None for limit in limits)
