"""Several workers: each copies for the users it has a lease of, and takes over those of a worker that has died."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader.engine.copier import Copier
from krakenonce.copytrader.journal.leases import Leases, Share
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
        patience_s: how long an order that is on its way is waited for before its user is handed over.
    """

    lease_s: float
    renew_s: float
    margin_s: float
    patience_s: float = 5.0

    @classmethod
    def of(cls, lease_s: float) -> Terms:
        """Return the terms that go with leases of *lease_s* seconds."""
        return cls(lease_s, renew_s=lease_s / 6, margin_s=lease_s / 6)


class Keeping(Protocol):
    """Opens and closes what belongs to users. One call at a time for each of them."""

    def users(self) -> frozenset[str]:
        """Return everybody who is to be copied, by whatever worker."""

    def has(self, user: str) -> bool:
        """Return whether *user* is cared for here: copied, leaving, or tried again and again."""

    def is_stranded(self, user: str) -> bool:
        """Return whether *user*, whom this worker cares for, has dropped out of the engine and is to begin anew."""

    async def take(self, user: str) -> None:
        """Copy for *user* from now on, as the journal has left him; raises `KrakenonceError`."""

    async def let_go(self, user: str) -> None:
        """Close what belongs to *user*: another worker has him."""

    async def hand_over(self, user: str, patience_s: float) -> None:
        """Finish what is on its way for *user*, see that all is written, and close what belongs to him."""


class Sharing:
    """One worker's part, from `begin` to `end`. Belongs to the copier's event loop.

    An order that the worker planned and did not send before it lost a user is dead by its deadline; the next worker
    waits for that, and finds out what became of it, before it sends anything new for the line.

    Parameters:
        copier: the engine, started without seats.
        leases: of this worker.
        keeping: opens and closes users' accounts.
        terms: how often.
    """

    def __init__(self, copier: Copier, leases: Leases, keeping: Keeping, *, terms: Terms) -> None:
        self._copier, self._leases, self._keeping, self._terms = copier, leases, keeping, terms
        self._thread = ThreadPoolExecutor(1, "krakenonce leases")
        self._changing: dict[str, asyncio.Task[None]] = {}
        self._stale: set[str] = set()
        self._news = asyncio.Event()
        self._is_ending = False
        self._task: asyncio.Task[None] | None = None
        copier.hold_until(0)

    async def begin(self) -> None:
        """Take this worker's share of the users, and keep it from then on."""
        await self._renew()
        if self._changing:
            await asyncio.wait(self._changing.values())
        self._task = asyncio.create_task(self._run(), name="leases")

    async def end(self) -> None:
        """Finish what is on its way, hand all users over to the other workers, and give everything back."""
        self._is_ending = True
        with suppress(StoreUnavailable):
            await self._aside(self._leases.retire)
        if self._changing:
            await asyncio.wait(self._changing.values())
        mine = [user for user in self._keeping.users() if self._keeping.has(user)]
        await asyncio.gather(*(self._settled(user, self._give_back(user)) for user in mine))
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        self._copier.hold_until(0)
        try:
            await self._aside(self._leases.end)
        except StoreUnavailable as error:
            log.warning("the leases can't be given back (%s); they run out by themselves", error)
        self._leases.close()
        self._thread.shutdown()

    def look(self) -> None:
        """Renew now: something has changed, here or elsewhere. Never waits."""
        self._news.set()

    async def _run(self) -> None:
        while True:
            pause = asyncio.ensure_future(self._copier.sleep(self._terms.renew_s))
            news = asyncio.ensure_future(self._news.wait())
            try:
                await asyncio.wait((pause, news), return_when=asyncio.FIRST_COMPLETED)
            finally:
                pause.cancel()
                news.cancel()
            self._news.clear()
            await self._renew()

    async def _renew(self) -> None:
        begin_ns, users, leaving = self._copier.boot_ns(), self._keeping.users(), self._is_ending
        try:
            share = await self._aside(lambda: self._leases.renew(users, leaving=leaving))
        except StoreUnavailable as error:
            log.warning("the leases can't be renewed, and nothing is sent once they are over: %s", error)
            return
        # Counted from before it was asked for, so that it ends here before it ends there.
        lasts_ns = int((self._terms.lease_s - self._terms.margin_s) * NS_PER_SECOND)
        self._copier.hold_until(begin_ns + lasts_ns)
        for user in users - share.kept:
            self._lose(user)
        for user in self._copier.users:
            if not self._keeping.has(user):
                self._copier.drop(user)  # he was on his way in when another worker got him
        if not self._is_ending:
            self._divide(share)
        with suppress(StoreUnavailable):
            await self._copier.look_elsewhere(share.whole)

    def _divide(self, share: Share) -> None:
        has = self._keeping.has
        for user in share.users - self._changing.keys():
            if user in share.surplus:
                self._change(user, self._give_back(user))
            elif has(user) and self._keeping.is_stranded(user):
                self._change(user, self._keeping.let_go(user))
            elif not has(user):
                self._change(user, self._keeping.take(user))

    def _lose(self, user: str) -> None:
        """Have nothing to do with *user* from this moment on, whatever is being done about him."""
        self._copier.drop(user)
        if user in self._changing:
            self._stale.add(user)
        elif self._keeping.has(user):
            self._change(user, self._keeping.let_go(user))

    def _change(self, user: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._settled(user, work), name=f"sharing {user}")
        self._changing[user] = task

    async def _settled(self, user: str, work: Awaitable[None]) -> None:
        try:
            await work
            if user in self._stale:
                # Another worker has had him meanwhile: what was read about him does not count.
                self._copier.drop(user)
                await self._keeping.let_go(user)
        except KrakenonceError as error:
            log.warning("%s can't be copied by this worker yet: %s", user, error)
        finally:
            self._stale.discard(user)
            self._changing.pop(user, None)

    async def _give_back(self, user: str) -> None:
        await self._keeping.hand_over(user, self._terms.patience_s)
        await self._aside(lambda: self._leases.give_back([user]))

    async def _aside(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
