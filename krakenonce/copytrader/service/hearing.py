"""Hears what was said on other hosts: a kill or a pause that was written into a journal that several hosts share."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from krakenonce.client.budget import Sleep
from krakenonce.copytrader.engine.copier import Copier
from krakenonce.copytrader.engine.protocols import Journal
from krakenonce.copytrader.journal.records import EVERYBODY, Standing, State
from krakenonce.copytrader.journal.rows import standing_of
from krakenonce.copytrader.journal.schema import STANDINGS
from krakenonce.errors import KrakenonceError

log = logging.getLogger("krakenonce")

EVERY_S = 0.5

_STANDINGS = f"SELECT {STANDINGS} FROM copy_standings"  # noqa: S608 - constants only


class Hearing:
    """Has the engine do what the journal says of its users, if that is news. One event loop.

    Parameters:
        copier: the engine; journal: its journal; sleep: how to wait, in seconds.
    """

    def __init__(self, copier: Copier, journal: Journal, sleep: Sleep) -> None:
        self._copier, self._journal, self._sleep = copier, journal, sleep

    async def run(self) -> None:
        """Listen until cancelled; never fails."""
        while True:
            await self._sleep(EVERY_S)
            try:
                await self.listen()
            except KrakenonceError as error:
                log.debug("the standings can't be read now (%s)", error)

    async def listen(self) -> None:
        """Look once; raises `StoreUnavailable`."""
        told = {row[0]: standing_of(row) for row in await self._journal.select(_STANDINGS, ())}
        await self._hear(told, EVERYBODY, self._copier.everybody)
        if self._copier.everybody.state is State.ACTIVE:
            # Else what holds for everybody would be taken for a user's own standing.
            for user in self._copier.users:
                await self._hear(told, user, self._copier.standing(user))

    async def _hear(self, told: Mapping[str, Standing], user: str, known: Standing) -> None:
        news = told.get(user)
        if news is None or news.since_ns <= known.since_ns or news.state is known.state:
            return
        if news.state is State.KILLED:
            await self._copier.kill(news.reason, user=user)
        elif news.state is State.PAUSED:
            await self._copier.pause(news.reason, user=user)
        elif news.state is State.ACTIVE and known.state is State.PAUSED:
            await self._copier.resume(user=user)
        elif news.state is State.ACTIVE:
            await self._copier.rearm(user=user)
