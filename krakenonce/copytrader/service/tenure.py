"""One copier at a time on a journal that several hosts can reach: the others stand by, and take over when it dies.

Who copies holds a lease on every user in the journal's database, by that database's clock alone. The journal writes
nothing for a user whose lease the writer does not hold, and nothing is sent that is not written: a copier that was
frozen past its lease makes no second copy.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from krakenonce.client.budget import Sleep
from krakenonce.clock import NS_PER_SECOND, Clock
from krakenonce.copytrader.journal.postgres import NOW_NS
from krakenonce.copytrader.journal.schema import SCHEMA
from krakenonce.errors import StoreUnavailable
from krakenonce.orders.postgres_link import PostgresLink, styled

if TYPE_CHECKING:
    from psycopg import Connection

log = logging.getLogger("krakenonce")

LASTS_S = 6.0
"""How long a lease lasts from its last renewal: so long after its end a dead copier's users are free."""

EVERY_S = 0.5
MARGIN_S = 1.0

_OFFICE = "@copier"  # no user's name begins so
_TAKE = f"""INSERT INTO copy_leases (user_name, worker, until_ns) VALUES (?, ?, {NOW_NS} + ?)
    ON CONFLICT (user_name) DO UPDATE SET worker = excluded.worker, until_ns = excluded.until_ns
    WHERE copy_leases.until_ns <= {NOW_NS} OR copy_leases.worker = excluded.worker
    RETURNING worker"""  # noqa: S608 - constants only
_HOLDER = "SELECT worker FROM copy_leases WHERE user_name = ?"
_END = "DELETE FROM copy_leases WHERE worker = ?"


class Leases:
    """The leases as one copier sees them. Its methods block; any thread; all raise `StoreUnavailable`.

    Parameters:
        url: of the journal's database; worker: this copier's name, no other's; lasts_s: see `LASTS_S`.
    """

    def __init__(self, url: str, worker: str, lasts_s: float = LASTS_S) -> None:
        self._worker, self._lasts_ns = worker, int(lasts_s * NS_PER_SECOND)
        # A connection of its own: renewing must not wait behind a long write of the journal.
        self._link = PostgresLink(url, SCHEMA, survives_power_loss=False)

    def take(self, users: Sequence[str]) -> str:
        """Take or renew the leases of *users*, all or none; return whose they are: this copier's, or another's."""
        return self._link.write(lambda connection: self._take(connection, users), vital=False)

    def end(self) -> None:
        """Let others have them at once."""
        self._link.write(lambda connection: connection.execute(styled(_END), (self._worker,)), vital=False)

    def close(self) -> None:
        """Close the connection. What is held runs out by itself."""
        self._link.close()

    def _take(self, connection: Connection[Any], users: Sequence[str]) -> str:
        for name in (_OFFICE, *sorted(users)):
            if not connection.execute(styled(_TAKE), (name, self._worker, self._lasts_ns)).fetchall():
                return str(connection.execute(styled(_HOLDER), (name,)).fetchall()[0][0])
        return self._worker


class Tenure:
    """Holds the leases of one copier from `begin` to `end`. One event loop.

    Parameters:
        leases: see there; worker: this copier's name.
        users: who is in the configuration.
        clock, sleep: time, injected; lasts_s: how long a lease lasts.

    Attributes:
        lost: set when the leases could not be renewed in time: nothing may be sent any more.
    """

    def __init__(
        self,
        leases: Leases,
        worker: str,
        users: Sequence[str],
        *,
        clock: Clock,
        sleep: Sleep,
        lasts_s: float = LASTS_S,
    ) -> None:
        self.lost = asyncio.Event()
        self._leases, self._worker, self._users = leases, worker, tuple(users)
        self._clock, self._sleep = clock, sleep
        self._safe_ns = int((lasts_s - MARGIN_S) * NS_PER_SECOND)
        self._renewed_ns = 0
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Wait until the leases are this copier's, and keep them from then on; raises `StoreUnavailable`."""
        told = ""
        while (holder := await self._take()) != self._worker:
            if holder != told:
                log.info("standing by: %s copies on this journal", holder)
                told = holder
            await self._sleep(EVERY_S)
        self._task = asyncio.create_task(self._keep(), name="leases")

    async def cover(self, users: Sequence[str]) -> None:
        """Hold the leases of *users* from now on as well; raises `StoreUnavailable`."""
        self._users = tuple({*self._users, *users})
        await self._take()

    async def end(self) -> None:
        """Let others have the users. Copying must have ended before."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            await asyncio.to_thread(self._leases.end)
        except StoreUnavailable as error:
            log.warning("the leases can't be given back (%s); they run out by themselves", error)
        self._leases.close()

    async def _keep(self) -> None:
        while not self.lost.is_set():
            await self._sleep(EVERY_S)
            try:
                if await self._take() != self._worker:
                    self._lose("another copier has this journal now")
            except StoreUnavailable as error:
                if self._clock.boot_ns() - self._renewed_ns > self._safe_ns:
                    self._lose(str(error))

    async def _take(self) -> str:
        began_ns = self._clock.boot_ns()
        holder = await asyncio.to_thread(self._leases.take, self._users)
        if holder == self._worker:
            self._renewed_ns = began_ns
        return holder

    def _lose(self, why: str) -> None:
        log.warning("the users' leases are lost (%s): nothing is sent any more", why)
        self.lost.set()
