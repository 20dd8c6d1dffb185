"""One service's part among several workers: its share of the users, and what others call out to it. One event loop."""

from __future__ import annotations

import asyncio

from krakenonce.client.budget import Sleep
from krakenonce.copytrader.engine.sharing import Sharing, Terms
from krakenonce.copytrader.journal.bell import Word, listen
from krakenonce.copytrader.journal.leases import Leases
from krakenonce.copytrader.service.hearing import Hearing
from krakenonce.copytrader.service.keeping import KeptGuests


class Partaking:
    """From `begin` to `end`.

    Parameters:
        leases: of this worker; keeping: opens and closes what belongs to its users.
        hearing: has the service do what the journal says; url: of the journal's database.
        sleep: how to wait, in seconds.
    """

    def __init__(self, leases: Leases, keeping: KeptGuests, hearing: Hearing, url: str, sleep: Sleep) -> None:
        self._hearing, self._url, self._sleep = hearing, url, sleep
        self._sharing = Sharing(keeping.copier, leases, keeping, terms=Terms.of(leases.lease_s))
        self._ears: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Take this worker's share of the users; the engine has begun without any. Call `end` whatever happens."""
        await self._sharing.begin()
        works = {"standings": self._hearing.run(), "calls": listen(self._url, self._hear, self._sleep)}
        self._ears = [asyncio.create_task(work, name=name) for name, work in works.items()]

    async def end(self) -> None:
        """Hand all users over, and hear of a kill until the last one is."""
        await self._sharing.end()
        for ear in self._ears:
            ear.cancel()
        await asyncio.gather(*self._ears, return_exceptions=True)

    def look(self) -> None:
        """Divide the users anew: somebody has joined, or is not in the configuration any more. Never waits."""
        self._sharing.look()

    def _hear(self, word: Word) -> None:
        if word is Word.LEASES:
            self._sharing.look()
        else:
            self._hearing.look()
