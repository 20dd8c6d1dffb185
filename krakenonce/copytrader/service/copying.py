"""One configuration, running: from a file to accounts, feeds, engine and journal."""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from krakenonce.client.budget import Sleep
from krakenonce.clock import Clock, SystemClock
from krakenonce.copytrader.config import CopySettings
from krakenonce.copytrader.engine.copier import Copier
from krakenonce.copytrader.engine.protocols import Journal
from krakenonce.copytrader.engine.setting import Setting
from krakenonce.copytrader.feed import ExecutionsFeed
from krakenonce.copytrader.notify import Event, Notice, Notifier
from krakenonce.copytrader.records import MasterFill
from krakenonce.copytrader.service.accounts import Load
from krakenonce.copytrader.service.following import Following
from krakenonce.copytrader.service.furnishing import Ambience, Furniture, furnish, own_name
from krakenonce.copytrader.service.guests import Guests
from krakenonce.copytrader.service.hearing import Hearing
from krakenonce.copytrader.service.keeping import KeptGuests
from krakenonce.copytrader.service.memory import PairNames, paper_orders
from krakenonce.copytrader.service.prices import PriceFeed
from krakenonce.copytrader.service.resolving import Resolved, pairs_in_use, resolve
from krakenonce.copytrader.service.telling import CopyLog, ToldJournal
from krakenonce.keychain import load_credentials
from krakenonce.orders.journal import JournalAddress

if TYPE_CHECKING:
    from krakenonce.copytrader.journal.leases import Leases
    from krakenonce.copytrader.service.partaking import Partaking

log = logging.getLogger("krakenonce")

UNSEEN_S = 30.0
"""How long, beside a lease, a user may be without a worker until another one follows the masters for him."""

LAST_WISHES_S = 10.0
"""How long a stop waits for orders on their way. What is on its way then is found out by the next start."""


class CopyService:
    """Everything that one configuration asks for. Use as ``async with``; belongs to one event loop.

    Parameters:
        settings: the configuration.
        clock, sleep, chance: time and chance, injected.
        load: how to come by credentials.

    Attributes:
        settings: the configuration that counts now.
        copier: the engine; guests: the users' accounts around it.
        files_asked: set when another worker was asked to have the configuration read again.

    Entering raises:
        BadConfig, ConfigError: something that only shows here: a pair that is not listed, a master's key that may
            withdraw, one key for two accounts, a journal of another kind of run.
        KrakenonceError: a master cannot be connected, or store or journal cannot be opened.
    """

    copier: Copier
    guests: Guests

    def __init__(
        self,
        settings: CopySettings,
        *,
        clock: Clock | None = None,
        sleep: Sleep = asyncio.sleep,
        chance: random.Random | None = None,
        load: Load = load_credentials,
    ) -> None:
        self.settings = settings
        self._ambience = Ambience(clock or SystemClock(), sleep, chance, load, own_name())
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._following: Following | None = None
        self._part: Partaking | None = None
        self.files_asked = asyncio.Event()
        self._notifier = self._new_notifier(settings)

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end_tasks()
        if self._part is None:
            await self._last_wishes()
        await self._stop()

    @property
    def feeds(self) -> dict[str, ExecutionsFeed]:
        """The masters' feeds, by master."""
        return {} if self._following is None else self._following.feeds

    @property
    def is_shared(self) -> bool:
        """True if other workers may have some of the users: the journal is in a database."""
        return self._part is not None

    @property
    def worker(self) -> str:
        """The name of this worker among those that share the journal."""
        return self._ambience.worker

    @property
    def clock(self) -> Clock:
        """Ours."""
        return self._ambience.clock

    @property
    def journal(self) -> Journal:
        """Where everything is written."""
        return self._furniture.journal

    def has(self, user: str) -> bool:
        """Return whether *user* is this worker's: copied, leaving, or tried again and again."""
        return self._part is None or self.guests.has(user)

    async def _last_wishes(self) -> None:
        try:
            async with asyncio.timeout(LAST_WISHES_S):
                await self.copier.idle()
        except TimeoutError:
            log.warning("orders are still on their way: the next start finds out what became of them")

    def resolve(self, settings: CopySettings) -> Resolved:
        """Return *settings* in the exchange's words; raises `BadConfig`."""
        return resolve(settings, self._furniture.world.rules)

    def adopt(self, settings: CopySettings, resolved: Resolved) -> None:
        """Go on with *settings*; who is copied, and how, has been changed already."""
        self.settings, self._resolved = settings, resolved
        if self._part is not None:
            self._part.look()
        self._prices.pairs = pairs_in_use(resolved)
        self._names.note(self._prices.pairs or ())

    def name_of(self, pair: str) -> str:
        """Return what people call the pair with this key."""
        return self._furniture.world.symbols.symbol(pair) or pair

    async def renew_notices(self, settings: CopySettings) -> None:
        """Have notices go where *settings* say from now on."""
        old, self._notifier = self._notifier, self._new_notifier(settings)
        await self._notifier.__aenter__()
        await old.__aexit__(None, None, None)

    async def _start(self) -> None:
        await self._notifier.__aenter__()
        self._furniture = furniture = await furnish(self.settings, self._ambience, self._stack)
        self._resolved = furniture.resolved
        self._names = PairNames(furniture.journal, furniture.world.symbols, furniture.memory.meta)
        await self._read_prices(furniture)
        self.copier = self._engine(furniture)
        await self._seat(furniture)
        if furniture.leases is not None:
            await self._share(furniture, furniture.leases)
        unseen_s = self.settings.lease_s + UNSEEN_S
        self._following = Following(furniture, self._ambience, self.copier, self._on_fills, unseen_s)
        self._following.begin()

    async def _stop(self) -> None:
        await self._end_tasks()
        await self._stack.aclose()
        await self._notifier.__aexit__(None, None, None)

    async def _end_tasks(self) -> None:
        if self._following is not None:
            await self._following.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _engine(self, furniture: Furniture) -> Copier:
        world = furniture.world
        setting = Setting(
            clock=world.clock,
            exchange_ns=furniture.reader.now_ns,
            rules=world.rules,
            quotes=furniture.quotes,
            sleep=world.sleep,
            guards=furniture.resolved.guards,
            fee_rate=self.settings.fee_rate,
            masters=furniture.masters,
            tell=self._tell,
        )
        copies = CopyLog({key: world.symbols.symbol(key) or key for key in world.rules})
        return Copier(ToldJournal(furniture.journal, copies), setting, furniture.masters)

    async def _read_prices(self, furniture: Furniture) -> None:
        clock, sleep, pairs = self._ambience.clock, self._ambience.sleep, pairs_in_use(furniture.resolved)
        self._prices = feed = PriceFeed(furniture.reader.prices, furniture.take_prices, clock, sleep, pairs)
        await feed.begin()
        self._tasks.append(asyncio.create_task(feed.run(), name="prices"))

    async def _seat(self, furniture: Furniture) -> None:
        owners = {broker.fingerprint: name for name, broker in furniture.masters.items()}
        on_paper = await paper_orders(furniture.journal)
        self.guests = Guests(self.copier, furniture.world, owners, on_paper, self._say, self._ambience.sleep)
        self._stack.push_async_callback(self.guests.close)
        self._stack.push_async_callback(self.copier.close)
        standings = {standing.user: standing for standing in furniture.memory.standings}
        users = () if furniture.leases is not None else self.settings.users.values()
        if furniture.leases is not None:
            # All workers have to count the masters' fills from the same moment on.
            await asyncio.to_thread(furniture.leases.settle, self.copier.beginning())
        await self.guests.seat(users, furniture.resolved, standings)
        self._names.note(pairs_in_use(furniture.resolved) or ())

    async def _share(self, furniture: Furniture, leases: Leases) -> None:
        from krakenonce.copytrader.service.partaking import Partaking  # needs psycopg

        sleep, url = self._ambience.sleep, JournalAddress.of(self.settings.journal).target
        keeping = KeptGuests(self.guests, self.copier, furniture.journal, lambda: (self.settings, self._resolved))
        hearing = Hearing(self, furniture.journal, sleep)
        self._part = part = Partaking(leases, keeping, hearing, url, sleep)
        self._stack.push_async_callback(part.end)
        await part.begin()

    def _on_fills(self, fills: list[MasterFill]) -> None:
        self.copier.on_fills(fills)
        self._names.note({fill.pair for fill in fills})

    def _say(self, event: Event, user: str, text: str) -> None:
        self._tell(Notice(event, user, text, self._ambience.clock.wall_ns()))

    def _tell(self, notice: Notice) -> None:
        level = logging.INFO if notice.event in (Event.SKIP, Event.RESUME) else logging.WARNING
        log.log(level, "%s: %s: %s", notice.user, notice.event.value, notice.text)
        self._notifier.tell(notice)

    def _new_notifier(self, settings: CopySettings) -> Notifier:
        chance = self._ambience.chance or random.SystemRandom()
        return Notifier(settings.webhooks, sleep=self._ambience.sleep, jitter=chance.random)
