"""Who is copied, where they stand, and the switches that change it: by hand, or as another worker has written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from krakenonce.copytrader.engine.board import Board
from krakenonce.copytrader.engine.figures import MasterFigures
from krakenonce.copytrader.engine.launching import Launcher
from krakenonce.copytrader.engine.members import Member
from krakenonce.copytrader.engine.protocols import Journal
from krakenonce.copytrader.engine.setting import Setting
from krakenonce.copytrader.engine.switches import Switches
from krakenonce.copytrader.journal.records import EVERYBODY, Standing
from krakenonce.copytrader.policy import Guards
from krakenonce.copytrader.records import Line
from krakenonce.errors import ConfigError


class Steered:
    """The part of the engine that people steer. One event loop.

    Parameters:
        journal: where everything is written; setting: what surrounds the engine.
    """

    def __init__(self, journal: Journal, setting: Setting) -> None:
        self._journal, self._setting = journal, setting
        self._figures: dict[str, MasterFigures] = {}
        self._board = Board(setting, journal)
        self._launcher = Launcher(self._board, self._figures)
        self._switches = Switches(self._board, self._launcher)

    @property
    def users(self) -> tuple[str, ...]:
        """The names of all who are copied now."""
        return tuple(self._board.roster.members)

    @property
    def everybody(self) -> Standing:
        """What holds for all users together."""
        return self._board.everybody

    def standing(self, user: str) -> Standing:
        """Return where *user* stands, everybody's standing taken into account."""
        return self._board.standing(self._member(user))

    def lines(self, user: str) -> tuple[Line, ...]:
        """Return the lines of *user* as they stand."""
        return tuple(track.line for track in self._member(user).tracks.values())

    async def kill(self, reason: str = "by hand", *, user: str = EVERYBODY) -> None:
        """Let no order leave any more, from this very moment on, and have open copy orders cancelled.

        It holds over restarts, until `rearm`.
        """
        await self._switches.kill(user, reason)

    async def pause(self, reason: str = "by hand", *, user: str = EVERYBODY) -> None:
        """Make no entries until `resume`; exits go out."""
        await self._switches.pause(user, reason)

    async def resume(self, *, user: str = EVERYBODY) -> None:
        """End a pause."""
        await self._switches.resume(user)

    async def rearm(self, *, user: str = EVERYBODY) -> None:
        """Copy again after a kill or a stop; losses are counted anew."""
        await self._switches.rearm(user)

    def change_guards(self, guards: Guards | None) -> None:
        """Limit all users together by *guards* from the next fill on; what is counted so far goes on counting."""
        self._board.setting = replace(self._board.setting, guards=guards)

    def is_news(self, told: Standing) -> bool:
        """Return whether `follow` would change anything."""
        return self._switches.is_news(told)

    async def follow(self, told: Iterable[Standing]) -> None:
        """Do as somebody else has switched and written into the journal, if that is news to us."""
        await self._switches.follow(told)

    def _member(self, user: str) -> Member:
        try:
            return self._board.roster.members[user]
        except KeyError:
            raise ConfigError("user", f"{user!r}, who is not copied here", "Use the name of one who is.") from None
