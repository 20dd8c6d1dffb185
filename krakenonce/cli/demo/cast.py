"""Who plays: MASTER and the users, connected to the exchange, each with the calls that go on beside its orders."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from krakenonce.broker import KrakenBroker, PairRules, Patience
from krakenonce.broker.streaming import StreamingAccount, StreamOptions
from krakenonce.broker.symbols import Symbols
from krakenonce.cli.demo.exchange import SimulatorProcess
from krakenonce.cli.demo.script import MULTIPLIERS
from krakenonce.cli.demo.unordered import UnorderedLanes
from krakenonce.client.websocket import Dialer
from krakenonce.client.websocket.dialing import websocket_url
from krakenonce.clock import SystemClock
from krakenonce.copytrader.live import LiveAccount
from krakenonce.copytrader.policy import Guards, Rest, Sizing, SizingMode, UserPolicy
from krakenonce.errors import KrakenonceError
from krakenonce.kraken.credentials import Credentials

READS_PER_SECOND = 300
"""How many calls all accounts together make beside their orders: enough to have something in flight on every key."""

USUAL_TIMEOUT_S = 10.0
HUNG_TIMEOUT_S = 3.0
SETTLE_S = 1.0
INSIST_S = 30
LONGEST_UP_S, LOOK_S = 20, 0.01
SLIPPAGE = Decimal("0.02")


@dataclass(frozen=True, slots=True)
class User:
    """One follower of the master's; *account* is *broker* over WebSocket. One that *hangs* misses an answer."""

    broker: KrakenBroker
    account: LiveAccount
    multiplier: Decimal
    hangs: bool = False

    @property
    def name(self) -> str:
        """``USER:<name>``."""
        return self.broker.name

    @property
    def policy(self) -> UserPolicy:
        """How he copies: his multiple of every fill, insisted on for a while."""
        guards = Guards(max_age_s=INSIST_S, slippage=SLIPPAGE)
        return UserPolicy(sizing=Sizing(SizingMode.MULTIPLIER, self.multiplier), guards=guards, rest=Rest.RETRY)


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody, connected, the rules of the exchange they play on, and what opens WebSockets to it."""

    exchange: SimulatorProcess
    master: KrakenBroker
    users: tuple[User, ...]
    rules: dict[str, PairRules]
    symbols: Symbols
    dialer: Dialer

    @property
    def healthy(self) -> tuple[User, ...]:
        """The users that do not hang."""
        return tuple(user for user in self.users if not user.hangs)


@contextlib.asynccontextmanager
async def connected(exchange: SimulatorProcess, *, hung: int, naive: bool) -> AsyncIterator[Cast]:
    """Connect every account of *exchange* until the block ends.

    Parameters:
        hung: how many accounts, the last ones, will hang.
        naive: whether every client counts for itself and sends at once, instead of taking turns.
    """
    calm = len(exchange.accounts) - hung
    async with AsyncExitStack() as stack:
        master, *others = [
            _broker(exchange.url, name, credentials, hangs=place >= calm, naive=naive)
            for place, (name, credentials) in enumerate(exchange.accounts)
        ]
        await asyncio.gather(*(stack.enter_async_context(broker) for broker in (master, *others)))
        rules = await master.pairs()
        symbols = Symbols(rules.values())
        dialer = await stack.enter_async_context(Dialer(websocket_url(exchange.url), SystemClock()))
        accounts = [_account(broker, dialer, symbols, naive=naive) for broker in others]
        for account in accounts:
            await stack.enter_async_context(account)
        users = [
            User(broker, LiveAccount(account), MULTIPLIERS[place % len(MULTIPLIERS)], hangs=place >= calm - 1)
            for place, (broker, account) in enumerate(zip(others, accounts, strict=True))
        ]
        if not naive:
            await asyncio.gather(*(_up(account) for account in accounts))
        yield Cast(exchange, master, tuple(users), rules, symbols, dialer)


def _account(broker: KrakenBroker, dialer: Dialer, symbols: Symbols, *, naive: bool) -> StreamingAccount:
    # Orders over a WebSocket carry no nonce. What most programs do is REST.
    return StreamingAccount(broker, dialer, symbols, options=StreamOptions(websocket=not naive, settle_s=SETTLE_S))


async def _up(account: StreamingAccount) -> None:
    """Wait until orders of *account* go over its WebSocket; if that takes too long, they go over REST."""
    for _ in range(int(LONGEST_UP_S / LOOK_S)):
        if account.path == "ws":
            return
        await asyncio.sleep(LOOK_S)


def _broker(url: str, name: str, credentials: Credentials, *, hangs: bool, naive: bool) -> KrakenBroker:
    return KrakenBroker(
        name,
        credentials,
        manager=UnorderedLanes() if naive else None,
        base_url=url,
        timeout=HUNG_TIMEOUT_S if hangs else USUAL_TIMEOUT_S,
        patience=Patience(attempts=1 if naive else 3, settle_s=SETTLE_S),
        reissues=0 if naive else 1,
    )


@contextlib.contextmanager
def beside(brokers: Sequence[KrakenBroker]) -> Iterator[None]:
    """Let every account look at its balances and open orders all the time: calls that compete with its orders."""
    every_s = 2 * len(brokers) / READS_PER_SECOND
    tasks = [
        asyncio.create_task(_again_and_again(read, every_s))
        for broker in brokers
        for read in (broker.balances, broker.open_orders)
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()


async def _again_and_again(read: Callable[[], Coroutine[Any, Any, object]], every_s: float) -> None:
    while True:
        try:
            await read()
        except KrakenonceError as error:
            logging.getLogger("krakenonce").debug("a read beside the orders failed: %s", error)
        await asyncio.sleep(every_s)
