"""How users take their seats, with whatever an earlier run or another worker has left open, and how they leave them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import suppress

from krakenonce.copytrader.engine.board import Board, dismiss
from krakenonce.copytrader.engine.comings import bid_farewell, enter, has_left
from krakenonce.copytrader.engine.drafts import Draft
from krakenonce.copytrader.engine.launching import Launcher
from krakenonce.copytrader.engine.members import MOST_DECIDED, Member
from krakenonce.copytrader.engine.protocols import Account, Journal
from krakenonce.copytrader.engine.reconciliation import tell_stock
from krakenonce.copytrader.engine.recovery import recall_entries
from krakenonce.copytrader.engine.standings import judge_together
from krakenonce.copytrader.engine.sweep import decide_for
from krakenonce.copytrader.engine.watching import Watch
from krakenonce.copytrader.journal.records import Changes, FillRow, State
from krakenonce.copytrader.journal.statements import LATELY_DECIDED
from krakenonce.errors import ConfigError

HAND_OVER_LOOK_S = 0.02


class Seating:
    """Belongs to one event loop.

    Parameters:
        board: what the engine knows; launcher: sends what follows; watch: keeps purses fresh.
        journal: knows what was decided and what was not.
    """

    def __init__(self, board: Board, launcher: Launcher, watch: Watch, journal: Journal) -> None:
        self._board, self._launcher, self._watch, self._journal = board, launcher, watch, journal
        self._began_ns = board.setting.clock.wall_ns()
        board.hear(self.at_rest)

    async def seat(self, members: Sequence[Member], draft: Draft, patience_s: float | None = None) -> None:
        """Copy for *members* from now on, and see to what was left open for them; *draft* is written with it.

        Parameters:
            patience_s: how long accounts that do not answer are waited for; None for the setting's choice.
        """
        await self.patiently((self._watch.look(member) for member in members), patience_s)
        for member in members:
            decided = await self._journal.select(LATELY_DECIDED, (member.name, MOST_DECIDED))
            member.has_decided(((master, exec_id) for master, exec_id in decided), self._board.knows)
        await recall_entries(self._board, self._journal, members, self._began_ns)
        undecided = [await self._undecided(member) for member in members]
        figures = self._launcher.figures()
        for member, rows in zip(members, undecided, strict=True):
            self._board.roster.members[member.name] = member
            for row in rows:
                decide_for(self._board, figures, member, row, draft)
            enter(self._board, figures, member, draft)
            self._take_up(member, draft)
            self._watch.begin(member)
        judge_together(self._board, members, draft)
        await self._launcher.conclude(draft)
        for member in members:
            await self._catch_up(member)
        await self._launcher.launch(Draft(meta=tell_stock(self._board, self._launcher.figures(), members)))

    async def hand_over(self, member: Member, patience_s: float) -> None:
        """Decide nothing new for *member*, finish what is on its way, and have nothing to do with him then."""
        member.moving = True
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while any(track.order is not None for track in member.tracks.values()):
                    await self._board.setting.sleep(HAND_OVER_LOOK_S)
        self._board.drop(member.name)
        await self._journal.commit(Changes())  # written after everything that was handed over before

    async def patiently(self, looks: Iterable[Awaitable[object]], patience_s: float | None = None) -> None:
        """Wait for *looks*, but only a little: who does not answer holds up nobody."""
        looking = asyncio.gather(*looks)
        with suppress(TimeoutError):
            await asyncio.wait_for(looking, self._board.setting.pace.patience_s if patience_s is None else patience_s)

    def at_rest(self, member: Member) -> None:
        """See *member* off, if he wants to leave and nothing is left to do for him."""
        if has_left(member):
            self._board.spawn(self._farewell(member), f"the farewell of {member.name}")

    async def _undecided(self, member: Member) -> list[FillRow]:
        """Return what *member* has still to decide on; nothing of what his masters did after he had left."""
        if member.standing.state is State.LEFT:
            return []
        return await self._journal.undecided(member.name)

    async def _catch_up(self, member: Member) -> None:
        """Decide on what was written down between the look at the journal and the moment *member* was there."""
        draft, undecided = Draft(), await self._journal.undecided(member.name)
        figures = self._launcher.figures()
        for row in undecided:
            decide_for(self._board, figures, member, row, draft)
        await self._launcher.conclude(draft)
        member.be_seated(self._board.knows)

    def _take_up(self, member: Member, draft: Draft) -> None:
        for track in list(member.tracks.values()):
            draft.touch(member, track)
            if track.is_left_over:
                self._launcher.pursue(member, track).start()
            for txid, mirror in track.mirrors.items():
                if mirror.is_live and mirror.order is not None:
                    self._launcher.escort(member, track, txid).resume(mirror.order)

    async def _farewell(self, member: Member) -> None:
        if self._board.roster.members.get(member.name) is not member or not has_left(member):
            return
        del self._board.roster.members[member.name]
        draft = Draft()
        bid_farewell(self._board, member, draft)
        await self._board.write(draft)
        dismiss(member)
        if member.departed is not None and not member.departed.done():
            member.departed.set_result(None)


def check_keys(accounts: Sequence[Account]) -> None:
    """See that no two of *accounts* have one key.

    Raises:
        ConfigError: two have.
    """
    names: dict[str, str] = {}
    for account in accounts:
        other = names.setdefault(account.fingerprint, account.name)
        if other != account.name:
            raise ConfigError(
                f"the key of {account.name}", f"the key of {other} as well", "Give every user a key of his own."
            )
