"""What is switched by hand: kill, pause, resume, re-arm. Takes effect at once, and is written down."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace

from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader.endings import pause_after
from krakenonce.copytrader.engine.board import Board
from krakenonce.copytrader.engine.drafts import Draft
from krakenonce.copytrader.engine.launching import Launcher
from krakenonce.copytrader.engine.members import Member
from krakenonce.copytrader.engine.mirrors import steer
from krakenonce.copytrader.engine.standings import close_all, place, place_everybody
from krakenonce.copytrader.guards.losses import rearmed, recounted
from krakenonce.copytrader.journal.records import EVERYBODY, Standing, State
from krakenonce.copytrader.records import CopyOrder
from krakenonce.errors import ConfigError, KrakenonceError

log = logging.getLogger("krakenonce")

CANCEL_ATTEMPTS = 20

_BY_HAND = frozenset({State.PAUSED, State.SOFT_STOP, State.HARD_STOP})


class Switches:
    """Belongs to one event loop.

    Parameters:
        board: what the engine knows.
        launcher: sends what is due once somebody is copied again.
    """

    def __init__(self, board: Board, launcher: Launcher) -> None:
        self._board, self._launcher = board, launcher
        board.hear_stops(lambda user: board.spawn(self._steer(user), f"mirrored orders after a stop of {user}"))

    async def kill(self, user: str, reason: str, since_ns: int = 0) -> None:
        """Let no order of *user* (or of everybody) leave any more, from this moment on, and cancel the open ones."""
        draft = self._placed(user, State.KILLED, reason, since_ns)
        for member in self._concerned(user):
            for track in member.tracks.values():
                steer(self._board, member, track, draft)
        written = self._launcher.launch(draft)
        # At once, whether or not the journal can be written.
        await asyncio.gather(*(self._cancel_open(member) for member in self._concerned(user)))
        await written

    def is_news(self, told: Standing) -> bool:
        """Return whether *told* says something that we have not done, and not undone since."""
        if told.user != EVERYBODY and told.user not in self._board.roster.members:
            return False
        known = self._standing(told.user)
        # A kill that was written just before we paused somebody ourselves is in the journal, and older.
        is_kill = told.state is State.KILLED and known.state in _BY_HAND
        return told.state is not known.state and (told.since_ns > known.since_ns or is_kill)

    async def follow(self, told: Iterable[Standing]) -> None:
        """Do as somebody else has switched, if that is news: kill, pause, resume or re-arm users or everybody."""
        for one in told:
            if one.user == EVERYBODY and one.state is self._board.everybody.state:
                # Failures in a row are counted together.
                self._board.everybody = replace(self._board.everybody, failures=one.failures)
            if not self.is_news(one):
                continue
            if one.state is State.KILLED:
                await self.kill(one.user, one.reason, one.since_ns)
            elif one.state is State.ACTIVE:
                await self._follow_beginning(one)
            elif one.state in _BY_HAND:
                draft = self._placed(one.user, one.state, one.reason, one.since_ns)
                if one.state is State.HARD_STOP:
                    for member in self._concerned(one.user):
                        close_all(member, draft)
                await self._launcher.conclude(draft)
                await self._steer(one.user)

    async def _follow_beginning(self, told: Standing) -> None:
        if told.user == EVERYBODY and self._board.everybody.state is not State.PAUSED:
            await self._launcher.conclude(self._recounted())
        await self._begin_again(told.user, told)

    async def pause(self, user: str, reason: str) -> None:
        """Make no entries for *user* (or everybody) until `resume`; exits go out."""
        if self._standing(user).state is State.ACTIVE:
            await self._launcher.launch(self._placed(user, State.PAUSED, reason))
            await self._steer(user)

    async def resume(self, user: str) -> None:
        """End a pause. A stop or a kill is not ended by this: see `rearm`."""
        if self._standing(user).state is State.PAUSED:
            await self._begin_again(user, replace(self._standing(user), failures=0))

    async def rearm(self, user: str) -> None:
        """Copy *user* (or everybody) again after a kill or a stop. Losses are counted anew from now on."""
        member = self._board.roster.members.get(user)
        equity = member.equity if member is not None else None
        standing = self._standing(user)
        if standing.state not in (State.LEAVING, State.LEFT):
            await self._begin_again(user, rearmed(standing, equity, self._board.setting.clock.wall_ns()))

    def _recounted(self) -> Draft:
        """Have everybody's losses counted from now on: what all have lost is the sum of what each has."""
        draft, now_ns = Draft(), self._board.setting.clock.wall_ns()
        for member in self._board.roster:
            draft.mark_standing(member, recounted(member.standing, member.equity, now_ns))
            self._board.losses.forget(member.name)
        return draft

    async def _begin_again(self, user: str, standing: Standing) -> None:
        is_rearmed = user == EVERYBODY and self._standing(user).state is not State.PAUSED
        draft = self._recounted() if is_rearmed else Draft()
        since_ns = self._since_ns(user, standing.since_ns)
        self._place(user, replace(standing, state=State.ACTIVE, reason="", since_ns=since_ns), draft)
        for member in self._concerned(user):
            for track in member.tracks.values():
                track.purpose = None
                draft.touch(member, track)
        await self._launcher.conclude(draft)

    async def _steer(self, user: str) -> None:
        """Have mirrored orders follow the new standing."""
        draft = Draft()
        for member in self._concerned(user):
            for track in member.tracks.values():
                if track.mirrors:
                    draft.touch(member, track)
        await self._launcher.conclude(draft)

    def _placed(self, user: str, state: State, reason: str, since_ns: int = 0) -> Draft:
        draft = Draft()
        since_ns = self._since_ns(user, since_ns)
        self._place(user, replace(self._standing(user), state=state, reason=reason, since_ns=since_ns), draft)
        return draft

    def _since_ns(self, user: str, told_ns: int) -> int:
        # Later than whatever it replaces, also if that was said by a host whose clock is ahead.
        return max(self._board.setting.clock.wall_ns(), self._standing(user).since_ns + 1, told_ns)

    def _place(self, user: str, standing: Standing, draft: Draft) -> None:
        if user == EVERYBODY:
            place_everybody(self._board, standing, draft)
        else:
            place(self._board, self._board.roster.members[user], standing, draft)

    def _standing(self, user: str) -> Standing:
        if user == EVERYBODY:
            return self._board.everybody
        member = self._board.roster.members.get(user)
        if member is None:
            raise ConfigError(
                "user", f"{user!r}, who is not copied here", "Use the name of one who is, or '*' for all."
            )
        return member.standing

    def _concerned(self, user: str) -> list[Member]:
        return [member for member in self._board.roster if user in (EVERYBODY, member.name)]

    async def cancel_entries(self, member: Member) -> None:
        """Have the open orders of *member* cancelled that would buy."""
        await self._cancel_open(member, ("buy",))

    async def _cancel_open(self, member: Member, sides: tuple[str, ...] = ("buy", "sell")) -> None:
        for tries in range(CANCEL_ATTEMPTS):
            names = [order.cl_ord_id for order in _open_orders(member) if order.side in sides]
            if not names:
                return
            try:
                await member.account.cancel_all_copies(names)
                return
            except KrakenonceError as error:
                log.warning("%s: the open copy orders can't be cancelled yet: %s", member.name, error)
            await self._board.setting.sleep(pause_after(tries) / NS_PER_SECOND)


def _open_orders(member: Member) -> list[CopyOrder]:
    """Return what may be open at the exchange for *member*."""
    tracks = member.tracks.values()
    own = [track.order for track in tracks if track.order is not None and (track.path or track.is_left_over)]
    mirrored = [mirror.order for track in tracks for mirror in track.mirrors.values() if mirror.is_live]
    return [*own, *(order for order in mirrored if order is not None)]
