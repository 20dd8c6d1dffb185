"""Hears what was said on other hosts: a kill, a pause, a leave that was written into a journal that several share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Protocol

from krakenonce.client.budget import Sleep
from krakenonce.copytrader.config import CopySettings
from krakenonce.copytrader.engine.copier import Copier
from krakenonce.copytrader.engine.protocols import Journal
from krakenonce.copytrader.journal.records import EVERYBODY, Changes, Standing, State
from krakenonce.copytrader.journal.rows import standing_of
from krakenonce.copytrader.journal.schema import STANDINGS
from krakenonce.copytrader.service.departing import REARMED, choice_of
from krakenonce.copytrader.service.guests import Guests
from krakenonce.copytrader.service.memory import FILES_FACT
from krakenonce.copytrader.service.resolving import Resolved
from krakenonce.errors import KrakenonceError

log = logging.getLogger("krakenonce")

EVERY_S = 0.5
"""How often the journal is read by itself, if nobody calls."""

_STANDINGS = f"SELECT {STANDINGS} FROM copy_standings"  # noqa: S608 - constants only
_FILES = "SELECT value FROM copy_meta WHERE name = ?"


class Service(Protocol):
    """What steers a copier: see `krakenonce.copytrader.service.CopyService`."""

    copier: Copier
    guests: Guests
    settings: CopySettings
    files_asked: asyncio.Event

    def resolve(self, settings: CopySettings) -> Resolved:
        """Return *settings* in the exchange's words."""


class Hearing:
    """Has a service do what the journal says of its users, if that is news. One event loop.

    Parameters:
        service: that is steered; journal: its journal; sleep: how to wait, in seconds.
    """

    def __init__(self, service: Service, journal: Journal, sleep: Sleep) -> None:
        self._service, self._journal, self._sleep = service, journal, sleep
        self._called = asyncio.Event()
        self._doing: dict[str, asyncio.Task[None]] = {}
        self._files: str | None = None

    def look(self) -> None:
        """Look now: somebody has called. Never waits."""
        self._called.set()

    async def run(self) -> None:
        """Listen until cancelled; never fails."""
        try:
            while True:
                try:
                    await self.listen()
                except KrakenonceError as error:
                    log.debug("the standings can't be read now (%s)", error)
                await self._until_called()
        finally:
            for task in self._doing.values():
                task.cancel()

    async def listen(self) -> None:
        """Look once; what is news is being done when this returns, each user's apart. Raises `StoreUnavailable`."""
        for row in await self._journal.select(_STANDINGS, ()):
            told = standing_of(row)
            if told.user not in self._doing:
                self._hear(told)
        rows = await self._journal.select(_FILES, (FILES_FACT,))
        files, known = (rows[0][0] if rows else ""), self._files
        self._files = files
        if known not in (None, files):
            self._service.files_asked.set()

    def _hear(self, told: Standing) -> None:
        copier, guests = self._service.copier, self._service.guests
        if told.user == EVERYBODY or (told.user in copier.users and told.state is not State.LEAVING):
            if told.user == EVERYBODY or copier.is_news(told):
                self._do(told.user, copier.follow([told]))
        elif told.state is State.LEAVING and guests.has(told.user) and told.user not in guests.leaving:
            self._do(told.user, self._leave(told))
        elif told.state is State.LEFT and told.reason == REARMED and guests.has_departed(told.user):
            self._do(told.user, self._join(told.user))

    def _do(self, user: str, work: Coroutine[None, None, None]) -> None:
        self._doing[user] = asyncio.create_task(self._done(user, work), name=f"what was said of {user}")

    async def _done(self, user: str, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except KrakenonceError as error:
            log.warning("%s: what was said elsewhere can't be done: %s", user, error)
        finally:
            self._doing.pop(user, None)

    async def _leave(self, told: Standing) -> None:
        if await self._service.guests.leave(told.user, choice_of(told)) is None:
            left = Standing(told.user, State.LEFT, "has left", told.since_ns + 1)
            await self._journal.commit(Changes(standings=(left,)))

    async def _join(self, user: str) -> None:
        settings = self._service.settings
        if user in settings.users:
            await self._service.guests.join(settings.users[user], self._service.resolve(settings))

    async def _until_called(self) -> None:
        pause = asyncio.ensure_future(self._sleep(EVERY_S))
        called = asyncio.ensure_future(self._called.wait())
        try:
            await asyncio.wait((pause, called), return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
            called.cancel()
        self._called.clear()
