"""Opens and closes accounts as the run wants them: live, dry, or made up. One event loop."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial

from krakenonce.broker import KrakenBroker, PairRules
from krakenonce.broker.streaming import CancelAfter, StreamingAccount
from krakenonce.broker.symbols import Symbols
from krakenonce.client.budget import Sleep
from krakenonce.client.turns import LaneSource
from krakenonce.client.websocket import Dialing
from krakenonce.clock import Clock
from krakenonce.copytrader.config import AccountSettings, CopySettings, RunMode, UserSettings
from krakenonce.copytrader.engine.protocols import Account, Purseholder
from krakenonce.copytrader.live import LiveAccount
from krakenonce.copytrader.paper import PaperAccount, PaperMarket, PaperWallet
from krakenonce.copytrader.paper.account import MadePurse
from krakenonce.copytrader.service.memory import SwitchMemory
from krakenonce.errors import ConfigError
from krakenonce.keychain import Reference
from krakenonce.kraken.credentials import Credentials, fingerprint
from krakenonce.orders import Journal
from krakenonce.rates import Limits

Load = Callable[[Reference], Credentials]
Close = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class World:
    """What all accounts of one service share.

    Attributes:
        settings: the configuration.
        manager: where lanes come from; dialing: opens WebSockets; symbols, rules: of every pair.
        orders: the journal of orders over REST; market: the public market, for orders on paper.
        load: how to come by credentials.
        clock, sleep, chance: time and chance, injected.
        switches: remembers until when cancel-after switches are wound up, for the next run; None: nobody does.
    """

    settings: CopySettings
    manager: LaneSource
    dialing: Dialing
    symbols: Symbols
    rules: Mapping[str, PairRules]
    orders: Journal
    market: PaperMarket
    load: Load
    clock: Clock
    sleep: Sleep
    chance: random.Random | None = None
    switches: SwitchMemory | None = None


@dataclass(slots=True)
class Opened:
    """One user's account, open; *closing* closes its parts, the last one first."""

    account: Account
    closing: list[Close] = field(default_factory=list)

    async def close(self) -> None:
        """Close it."""
        for close in reversed(self.closing):
            await close()


def make_broker(
    account: AccountSettings,
    settings: CopySettings,
    manager: LaneSource,
    load: Load,
    clock: Clock,
    orders: Journal | None = None,
) -> KrakenBroker:
    """Return the broker of *account*, not connected yet.

    Raises:
        ConfigError: the credentials are not to be had, or malformed.
    """
    if account.key is None:
        raise ConfigError(account.name, "an account without a key", 'Add key = "vault:NAME".')
    return KrakenBroker(
        account.name,
        load(account.key),
        manager=manager,
        base_url=settings.url,
        clock=clock,
        allow_withdraw=(account.name,) if account.allow_withdraw else (),
        journal=orders,
        limits=Limits(account.tier),
    )


async def open_account(world: World, user: UserSettings, amounts: Mapping[str, Decimal], wallet: PaperWallet) -> Opened:
    """Return the account of *user*, connected and checked.

    Parameters:
        amounts: what a simulated user begins with, by asset; wallet: what orders on paper have changed since.

    Raises:
        ConfigError: the key is not to be had, or may withdraw funds.
        RequestRefused, OutcomeUnknown, TryLater: the exchange does not take it, or does not answer.
    """
    if world.settings.run is RunMode.SHADOW:
        return _on_paper(world, user.name, fingerprint(user.name), MadePurse(amounts), wallet)
    is_live = world.settings.run is RunMode.LIVE
    orders = world.orders if is_live else None
    broker = make_broker(user.account, world.settings, world.manager, world.load, world.clock, orders)
    try:
        await broker.connect()
    except BaseException:
        await broker.close()
        raise
    opened = await _live(world, user, broker) if is_live else _dry(world, broker, wallet)
    opened.closing.insert(0, broker.close)
    return opened


async def _live(world: World, user: UserSettings, broker: KrakenBroker) -> Opened:
    switch = await _switch(world.switches, user)
    streaming = StreamingAccount(
        broker, world.dialing, world.symbols, switch=switch, sleep=world.sleep, chance=world.chance
    )
    streaming.start()
    return Opened(LiveAccount(streaming), [streaming.close])


async def _switch(memory: SwitchMemory | None, user: UserSettings) -> CancelAfter | None:
    seconds = user.cancel_after_s
    if seconds is None:
        if memory is not None:
            await memory.forget(user.name)
        return None
    if memory is None:
        return CancelAfter(seconds, seconds / 3)
    return CancelAfter(seconds, seconds / 3, await memory.recall(user.name), partial(memory.keep, user.name))


def _dry(world: World, broker: KrakenBroker, wallet: PaperWallet) -> Opened:
    return _on_paper(world, broker.name, broker.fingerprint, broker, wallet)


def _on_paper(world: World, name: str, mark: str, purse: Purseholder, wallet: PaperWallet) -> Opened:
    account = PaperAccount(
        name,
        mark,
        world.market,
        purse,
        world.rules,
        clock=world.clock,
        fee_rate=world.settings.fee_rate,
        wallet=wallet,
    )
    return Opened(account, [account.close])


async def close_all(closing: list[Close]) -> None:
    """Close everything at once; what fails to close does not keep the rest open."""
    results = await asyncio.gather(*(close() for close in closing), return_exceptions=True)
    errors = [result for result in results if isinstance(result, Exception)]
    if errors:
        raise errors[0]
