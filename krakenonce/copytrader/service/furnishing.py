"""Opens what a service needs before anybody is copied: journal, masters, rules, prices; and closes it again."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from krakenonce.broker import KrakenBroker
from krakenonce.broker.symbols import Symbols
from krakenonce.client.budget import Sleep
from krakenonce.client.websocket import Dialer
from krakenonce.client.websocket.dialing import websocket_url
from krakenonce.clock import Clock
from krakenonce.copytrader.config import CopySettings, RunMode
from krakenonce.copytrader.engine.quotes import QuoteBoard
from krakenonce.copytrader.journal import Changes, CopyJournal, Snapshot, open_copy_journal
from krakenonce.copytrader.paper import PaperMarket
from krakenonce.copytrader.service.accounts import Load, World, make_broker
from krakenonce.copytrader.service.memory import RUN_FACT, SwitchMemory, check_run
from krakenonce.copytrader.service.resolving import Resolved, resolve
from krakenonce.errors import ConfigError
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.orders import open_journal
from krakenonce.orders.journal import JournalAddress

if TYPE_CHECKING:
    from krakenonce.copytrader.journal.leases import Leases


@dataclass(frozen=True, slots=True)
class Ambience:
    """Time, chance and secrets, injected: *clock*, *sleep* (seconds), *chance*, and how to *load* credentials.

    *worker* is the name of this copier among those that share a journal.
    """

    clock: Clock
    sleep: Sleep
    chance: random.Random | None
    load: Load
    worker: str


@dataclass(frozen=True, slots=True)
class Furniture:
    """What is there before anybody is copied.

    Attributes:
        world: what users' accounts are made of.
        journal: open; memory: what it held.
        masters: connected, by name; reader: the one whose public calls serve everybody.
        dialer: opens WebSockets.
        resolved: the configuration in the exchange's words.
        quotes: the last prices.
        leases: of this worker, if the journal is in a database that several share; a file is locked instead.
    """

    world: World
    journal: CopyJournal
    memory: Snapshot
    masters: Mapping[str, KrakenBroker]
    dialer: Dialer
    resolved: Resolved
    quotes: QuoteBoard
    leases: Leases | None

    @property
    def reader(self) -> KrakenBroker:
        """The broker whose public calls and clock serve everybody."""
        return next(iter(self.masters.values()))

    def take_prices(self, prices: Mapping[str, Decimal], at_ns: int) -> None:
        """Have *prices*, by pair, read at *at_ns* by our clock, count for everybody: also on paper."""
        self.quotes.take(prices, at_ns)
        self.world.market.take(prices)


def own_name() -> str:
    """Return a name that no other copier has: host, process, and something nobody can guess."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


async def furnish(settings: CopySettings, ambience: Ambience, stack: AsyncExitStack) -> Furniture:
    """Open everything; *stack* closes it. Raises as `CopyService` does."""
    leases = await _leases(settings, ambience)
    journal = open_copy_journal(
        settings.journal, clock=ambience.clock, is_sole=leases is None, worker=ambience.worker if leases else None
    )
    stack.push_async_callback(journal.close)
    memory = await _remembered(journal, settings.run)
    manager = GlobalKrakenNonceManager(settings.store)
    stack.callback(manager.store.close)
    masters = await _connect_masters(settings, manager, ambience, stack)
    reader = next(iter(masters.values()))
    rules = await reader.pairs()
    resolved = resolve(settings, rules)
    dialer = await stack.enter_async_context(Dialer(websocket_url(settings.url), ambience.clock))
    orders = open_journal(settings.journal if settings.run is RunMode.LIVE else "memory://")
    stack.push_async_callback(orders.close)
    market = PaperMarket(reader.depth, ambience.clock)
    world = World(
        settings, manager, dialer, Symbols(rules.values()), rules, orders, market, ambience.load, ambience.clock,
        ambience.sleep, ambience.chance, SwitchMemory(journal),
    )  # fmt: skip
    quotes = QuoteBoard(rules, resolved.currency)
    return Furniture(world, journal, memory, masters, dialer, resolved, quotes, leases)


def refuse_twin(owners: dict[str, str], name: str, mark: str) -> None:
    """Note in *owners* that *name* has the key *mark*.

    Raises:
        ConfigError: another account has it: its orders would be copied to itself, or one user would pay for two.
    """
    other = owners.setdefault(mark, name)
    if other != name:
        raise ConfigError(f"the key of {name}", f"the key of {other} as well", "Give every account a key of its own.")


async def _leases(settings: CopySettings, ambience: Ambience) -> Leases | None:
    address = JournalAddress.of(settings.journal)
    if not address.is_server:
        return None
    from krakenonce.copytrader.journal.leases import Leases  # needs psycopg

    return await asyncio.to_thread(Leases, address.target, ambience.worker, lease_s=settings.lease_s)


async def _remembered(journal: CopyJournal, run: RunMode) -> Snapshot:
    known = await journal.load()
    check_run(run, known.meta, is_used=bool(known.lines or known.standings or known.masters))
    if RUN_FACT not in known.meta:
        await journal.commit(Changes(meta={RUN_FACT: run.value}))
    return known


async def _connect_masters(
    settings: CopySettings, manager: GlobalKrakenNonceManager, ambience: Ambience, stack: AsyncExitStack
) -> dict[str, KrakenBroker]:
    brokers = {
        name: make_broker(account, settings, manager, ambience.load, ambience.clock)
        for name, account in settings.masters.items()
    }
    owners: dict[str, str] = {}
    for name, broker in brokers.items():
        stack.push_async_callback(broker.close)
        refuse_twin(owners, name, broker.fingerprint)
    await asyncio.gather(*(broker.connect() for broker in brokers.values()))
    return brokers
