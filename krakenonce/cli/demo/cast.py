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
from krakenonce.cli.demo.exchange import SimulatorProcess
from krakenonce.cli.demo.hung_line import HungLine
from krakenonce.cli.demo.script import MULTIPLIERS
from krakenonce.cli.demo.unordered import UnorderedLanes
from krakenonce.client.turns import LaneSource
from krakenonce.errors import KrakenonceError

READS_PER_SECOND = 300
"""How many calls all accounts together make beside their orders: enough to have something in flight on every key."""

HUNG_TIMEOUT_S = 3.0
SETTLE_S = 1.0


@dataclass(frozen=True, slots=True)
class User:
    """One follower of the master's; *line* is the connection that will hang, for the accounts that have one."""

    broker: KrakenBroker
    multiplier: Decimal
    line: HungLine | None = None


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody, connected, and the rules of the exchange they play on."""

    exchange: SimulatorProcess
    master: KrakenBroker
    users: tuple[User, ...]
    rules: dict[str, PairRules]

    @property
    def healthy(self) -> tuple[User, ...]:
        """The users whose line does not hang."""
        return tuple(user for user in self.users if user.line is None)


@contextlib.asynccontextmanager
async def connected(exchange: SimulatorProcess, *, hung: int, naive: bool) -> AsyncIterator[Cast]:
    """Connect every account of *exchange* until the block ends.

    Parameters:
        hung: how many accounts, the last ones, get a line that can hang.
        naive: whether every client counts for itself and sends at once, instead of taking turns.
    """
    manager = UnorderedLanes() if naive else None
    async with AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(HungLine(exchange.url)) for _ in range(hung)]
        brokers = _brokers(exchange, lines, manager)
        await asyncio.gather(*(stack.enter_async_context(broker) for broker in brokers))
        master, *others = brokers
        users = [
            User(broker, MULTIPLIERS[index % len(MULTIPLIERS)], _line_of(index - len(others) + hung, lines))
            for index, broker in enumerate(others)
        ]
        yield Cast(exchange, master, tuple(users), await master.pairs())


def _line_of(place: int, lines: Sequence[HungLine]) -> HungLine | None:
    return lines[place] if place >= 0 else None


def _brokers(exchange: SimulatorProcess, lines: Sequence[HungLine], manager: LaneSource | None) -> list[KrakenBroker]:
    calm = len(exchange.accounts) - len(lines)
    patience = Patience(attempts=1 if manager else 3, settle_s=SETTLE_S)
    brokers = []
    for place, (name, credentials) in enumerate(exchange.accounts):
        line = _line_of(place - calm, lines)
        broker = KrakenBroker(
            name,
            credentials,
            manager=manager,
            base_url=line.url if line else exchange.url,
            timeout=HUNG_TIMEOUT_S if line else 10.0,
            patience=patience,
            reissues=0 if manager else 1,
        )
        brokers.append(broker)
    return brokers


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
