"""Several workers: each copies for the users it has a lease of, and takes over those of a worker that has died."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader.engine.copier import Copier
from krakenonce.copytrader.engine.members import Seat
from krakenonce.copytrader.journal.leases import Leases
from krakenonce.errors import KrakenonceError, StoreUnavailable

log = logging.getLogger("krakenonce")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Terms:
    """How users are shared, in seconds.

    Parameters:
        lease_s: how long a lease lasts without renewal.
        renew_s: how often it is renewed. Users of a dead worker are taken over within the sum of both.
        margin_s: how long before its end, by our own clock, a lease counts as over: nothing is sent from then on.
        look_s: how often it is looked whether somebody has killed or paused everybody.
    """

    lease_s: float = 6.0
    renew_s: float = 2.0
    margin_s: float = 1.0
    look_s: float = 0.05


class Sharing:
    """One worker's part. Run it beside the feeds; belongs to the copier's event loop.

    An order that the worker planned and did not send before it lost a user is dead by its deadline; the next worker
    waits for that, and finds out what became of it, before it sends anything new for the line.

    Parameters:
        copier: started without seats.
        leases: of this worker.
        users: everybody who is to be copied, by whatever worker.
        open_seat: opens a user's account; close_seat: closes it when another worker has the user.
        terms: how often.
    """

    def __init__(
        self,
        copier: Copier,
        leases: Leases,
        users: Collection[str],
        open_seat: Callable[[str], Awaitable[Seat]],
        close_seat: Callable[[str], Awaitable[None]],
        *,
        terms: Terms | None = None,
    ) -> None:
        self._copier, self._leases, self.users = copier, leases, frozenset(users)
        self._open_seat, self._close_seat = open_seat, close_seat
        self._terms = terms or Terms()
        self._thread = ThreadPoolExecutor(1, "krakenonce leases")
        self._changing: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Copy for this worker's share of the users until cancelled; then give them back."""
        looking = asyncio.create_task(self._look_again_and_again(), name="looking for switches")
        try:
            while True:
                await self._renew()
                await self._copier.sleep(self._terms.renew_s)
        finally:
            looking.cancel()
            for task in self._changing.values():
                task.cancel()
            self._copier.hold_until(0)
            with suppress(StoreUnavailable):
                await asyncio.shield(self._aside(self._leases.close))

    async def _renew(self) -> None:
        begin_ns = self._copier.boot_ns()
        try:
            share = await self._aside(lambda: self._leases.renew(self.users))
        except StoreUnavailable as error:
            log.warning("the leases can't be renewed, and nothing is sent once they are over: %s", error)
            return
        # Counted from before it was asked for, so that it ends here before it ends there.
        lasts_ns = int((self._terms.lease_s - self._terms.margin_s) * NS_PER_SECOND)
        self._copier.hold_until(begin_ns + lasts_ns)
        for user in set(self._copier.users) - share.users:
            self._change(user, self._lose(user))
        for user in share.surplus:
            self._change(user, self._give_back(user))
        for user in share.users - share.surplus - set(self._copier.users):
            self._change(user, self._take_over(user))

    def _change(self, user: str, work: Awaitable[None]) -> None:
        """Do *work* about *user*, unless something is being done about him."""
        if user in self._changing:
            asyncio.ensure_future(work).cancel()
            return
        task = asyncio.ensure_future(self._changed(user, work))
        self._changing[user] = task

    async def _changed(self, user: str, work: Awaitable[None]) -> None:
        try:
            await work
        except KrakenonceError as error:
            log.warning("%s can't be copied by this worker yet: %s", user, error)
        finally:
            del self._changing[user]

    async def _take_over(self, user: str) -> None:
        await self._copier.join(await self._open_seat(user))

    async def _lose(self, user: str) -> None:
        self._copier.drop(user)
        await self._close_seat(user)

    async def _give_back(self, user: str) -> None:
        await self._lose(user)
        await self._aside(lambda: self._leases.give_back([user]))

    async def _look_again_and_again(self) -> None:
        while True:
            with suppress(StoreUnavailable):
                await self._copier.look_at_switches()
            await self._copier.sleep(self._terms.look_s)

    async def _aside(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
