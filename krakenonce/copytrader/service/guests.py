"""The users around the engine: opened, seated, changed, and seen off, each without touching another. One event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping

from krakenonce.client.budget import Sleep
from krakenonce.copytrader.config import UserSettings
from krakenonce.copytrader.engine.copier import Copier
from krakenonce.copytrader.engine.members import Seat
from krakenonce.copytrader.journal.records import Standing, State
from krakenonce.copytrader.notify import Event
from krakenonce.copytrader.paper import PaperWallet, wallet_after
from krakenonce.copytrader.policy import Leaving
from krakenonce.copytrader.records import CopyOrder
from krakenonce.copytrader.service.accounts import Opened, World, open_account
from krakenonce.copytrader.service.departing import LEFT, choice_of, is_gone
from krakenonce.copytrader.service.resolving import Resolved
from krakenonce.errors import ConfigError, KrakenonceError

log = logging.getLogger("krakenonce")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 300.0

Tell = Callable[[Event, str, str], None]


class Guests:
    """Users' accounts. An account that cannot be opened is tried again and again, and keeps nobody else waiting.

    Parameters:
        copier: the engine; world: what accounts are made of.
        owners: whose keys are taken already, by fingerprint: the masters'.
        on_paper: orders of earlier runs on paper, by user.
        tell: says what people may want to know.
        sleep: how to wait, in seconds.

    Attributes:
        trouble: why a user is not copied at the moment, by name.
    """

    def __init__(
        self,
        copier: Copier,
        world: World,
        owners: Mapping[str, str],
        on_paper: Mapping[str, list[CopyOrder]],
        tell: Tell,
        sleep: Sleep,
    ) -> None:
        self.trouble: dict[str, str] = {}
        self._copier, self._world, self._tell, self._sleep = copier, world, tell, sleep
        self._masters = dict(owners)
        self._wallets = {user: wallet_after(orders, world.rules) for user, orders in on_paper.items()}
        self._opened: dict[str, Opened] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._leaving: dict[str, asyncio.Task[None]] = {}

    async def seat(self, users: Iterable[UserSettings], resolved: Resolved, standings: Mapping[str, Standing]) -> None:
        """Open the accounts of *users* all at once and start the engine with those that could be opened.

        Who was leaving goes on leaving. Who has left is not copied again until somebody says so.
        """
        wanted = [user for user in users if not self._has_left(user.name, standings)]
        opened = await asyncio.gather(*(self._open(user, resolved) for user in wanted))
        there = [(user, one) for user, one in zip(wanted, opened, strict=True) if one is not None]
        await self._copier.start([Seat(one.account, resolved.policies[user.name]) for user, one in there])
        for user in wanted:
            if standings.get(user.name, Standing("")).state is State.LEAVING and user.name in self._opened:
                await self.leave(user.name, choice_of(standings[user.name]))
        for user, one in zip(wanted, opened, strict=True):
            if one is None:
                self._insist(user, resolved)

    async def take_over(self, user: UserSettings, resolved: Resolved, standing: Standing) -> None:
        """Copy for a user whom another run or worker has copied, and left as *standing* says.

        Raises:
            StoreUnavailable: the journal can't be read.
        """
        if self._has_left(user.name, {user.name: standing}):
            return
        opened = await self._open(user, resolved)
        if opened is None:
            self._insist(user, resolved)
            return
        await self._copier.join(Seat(opened.account, resolved.policies[user.name]))
        if standing.state is State.LEAVING:
            await self.leave(user.name, choice_of(standing))

    async def let_go(self, user: str) -> None:
        """Have nothing to do with *user* any more: another worker has him."""
        self._forget(user)
        self._copier.drop(user)
        self._wallets.pop(user, None)
        await self._close_one(user)

    def has(self, user: str) -> bool:
        """Return whether *user* has an account here, or a reason why not."""
        return user in self._opened or user in self.trouble

    def is_busy(self, user: str) -> bool:
        """Return whether *user* is just about to be copied, or to leave."""
        tasks = (self._tasks.get(user), self._leaving.get(user))
        return any(task is not None and not task.done() for task in tasks)

    @property
    def leaving(self) -> frozenset[str]:
        """Who has said that he leaves, and has not left yet."""
        return frozenset(self._leaving)

    def remember(self, on_paper: Mapping[str, list[CopyOrder]]) -> None:
        """Take *on_paper*, by user, for the orders on paper that another worker has made."""
        rules = self._world.rules
        self._wallets.update((user, wallet_after(orders, rules)) for user, orders in on_paper.items())

    async def join(self, user: UserSettings, resolved: Resolved) -> None:
        """Copy for one user more, from now on.

        Raises:
            KrakenonceError: his account cannot be opened; he is tried again if that may pass.
        """
        self._forget(user.name)
        opened = await self._open(user, resolved)
        if opened is None:
            self._insist(user, resolved)
            raise ConfigError(user.name, self.trouble[user.name], "Mend it; it is tried again.")
        await self._copier.join(Seat(opened.account, resolved.policies[user.name]))

    async def leave(self, user: str, leaving: Leaving | None = None) -> asyncio.Task[None] | None:
        """Copy no more entries for *user*; return the task that ends when he has left, None if he was not copied.

        Who is leaving already goes on as he chose, unless *leaving* says otherwise.
        """
        if user in self._leaving and leaving is None:
            return self._leaving[user]
        self._forget(user)
        if user not in self._copier.users:
            await self._close_one(user)
            return None
        departed = await self._copier.leave(user, leaving)
        task = asyncio.create_task(self._see_off(user, departed), name=f"{user} leaves")
        self._leaving[user] = task
        return task

    async def rotate(self, user: UserSettings, resolved: Resolved) -> None:
        """Go on with another key (or tier, or switch); what is on its way ends with the old one.

        Raises:
            KrakenonceError: the new account cannot be opened; the old one stays.
        """
        if user.name not in self._copier.users:
            await self.join(user, resolved)
            return
        old = self._opened.pop(user.name)
        opened = await self._open(user, resolved, old)
        if opened is None:
            self._opened[user.name] = old
            raise ConfigError(user.name, self.trouble.pop(user.name), "The old key is used until then.")
        try:
            await self._copier.rotate(user.name, opened.account)
        except ConfigError:
            self._opened[user.name] = old
            await opened.close()
            raise
        await old.close()

    def path(self, user: str) -> str:
        """Return how an order of *user* would go out now: ``ws``, ``rest`` or ``dry``; empty if he has no account."""
        opened = self._opened.get(user)
        return "" if opened is None else opened.account.path

    def has_departed(self, user: str) -> bool:
        """Return whether *user* has left, and is not to come back by himself."""
        return self.trouble.get(user) == LEFT

    async def close(self) -> None:
        """Close all accounts."""
        tasks = [*self._tasks.values(), *self._leaving.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(opened.close() for opened in self._opened.values()), return_exceptions=True)

    async def _open(self, user: UserSettings, resolved: Resolved, old: Opened | None = None) -> Opened | None:
        """Return the account of *user*; None, with the reason noted, if it cannot be opened."""
        wallet = self._wallets.setdefault(user.name, PaperWallet())
        try:
            opened = await open_account(self._world, user, resolved.balances[user.name], wallet)
        except KrakenonceError as error:
            self._note(user.name, str(error))
            return None
        twin = self._twin(user.name, opened, old)
        if twin:
            await opened.close()
            self._note(user.name, f"the key of {twin} as well; give every account a key of its own")
            return None
        self.trouble.pop(user.name, None)
        self._opened[user.name] = opened
        return opened

    def _twin(self, user: str, opened: Opened, old: Opened | None) -> str:
        mark = opened.account.fingerprint
        others = {
            one.account.fingerprint: name for name, one in self._opened.items() if name != user and one is not old
        }
        return (self._masters | others).get(mark, "")

    def _note(self, user: str, why: str) -> None:
        is_news = user not in self.trouble
        self.trouble[user] = why
        if is_news:
            self._tell(Event.FAILURE, user, f"not copied: {why}")

    def _insist(self, user: UserSettings, resolved: Resolved) -> None:
        work = self._try_again(user, resolved)
        self._tasks[user.name] = asyncio.create_task(work, name=f"{user.name} is tried again")

    async def _try_again(self, user: UserSettings, resolved: Resolved) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            await self._sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            opened = await self._open(user, resolved)
            if opened is None:
                continue
            await self._copier.join(Seat(opened.account, resolved.policies[user.name]))
            self._tell(Event.RESUME, user.name, "copied from now on")
            return

    async def _see_off(self, user: str, departed: asyncio.Future[None]) -> None:
        await departed
        await self._close_one(user)
        self.trouble[user] = LEFT
        self._leaving.pop(user, None)

    async def _close_one(self, user: str) -> None:
        opened = self._opened.pop(user, None)
        if opened is not None:
            await opened.close()

    def _forget(self, user: str) -> None:
        self.trouble.pop(user, None)
        for tasks in (self._tasks, self._leaving):
            task = tasks.pop(user, None)
            if task is not None:
                task.cancel()

    def _has_left(self, user: str, standings: Mapping[str, Standing]) -> bool:
        if not is_gone(standings.get(user, Standing(""))):
            return False
        self.trouble[user] = LEFT
        log.warning("%s %s", user, self.trouble[user])
        return True
