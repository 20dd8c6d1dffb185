"""The whole copy trader over the simulated exchange: feed, accounts, engine. In virtual time, or over real sockets."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace
from decimal import Decimal
from functools import partial

from krakenonce.broker import KrakenBroker, Patience
from krakenonce.broker.streaming import StreamingAccount, StreamOptions
from krakenonce.broker.symbols import Symbols
from krakenonce.client.websocket import Dialer
from krakenonce.client.websocket.dialing import websocket_url
from krakenonce.clock import NS_PER_SECOND, SystemClock
from krakenonce.copytrader.engine.copier import Copier
from krakenonce.copytrader.engine.members import Seat
from krakenonce.copytrader.engine.quotes import QuoteBoard
from krakenonce.copytrader.engine.setting import Pace, Setting
from krakenonce.copytrader.feed import ExecutionsFeed, FeedOptions
from krakenonce.copytrader.journal import CopyJournal, open_copy_journal
from krakenonce.copytrader.journal.sqlite import SqliteBackend
from krakenonce.copytrader.live import LiveAccount
from krakenonce.copytrader.policy import Guards, Rest, Sizing, SizingMode, UserPolicy
from krakenonce.copytrader.service.following import mind_orders
from krakenonce.copytrader.service.memory import SwitchMemory
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.lanes import LaneRegistry
from tests.virtual_kraken import VirtualKraken

PAIR = "XXBTZUSD"
HALF = UserPolicy(
    sizing=Sizing(SizingMode.MULTIPLIER, Decimal("0.5")),
    guards=Guards(max_age_s=3600, slippage=Decimal("0.05"), exit_slippage=Decimal("0.05")),
    rest=Rest.RETRY,
)
"""Half of everything the master buys, insisted on: what is missing in the end is missing for a reason."""


class Trading:
    """What both kinds have in common. Use as ``async with``.

    Parameters:
        policies: one for each user that is copied, from the second account on.
    """

    knows_prices = True
    switch = None

    def __init__(self, policies, *, settings=None, options=None, feed_options=None):
        self.policies, self.settings = policies, settings or {}
        self.options, self.feed_options = options or StreamOptions(), feed_options or FeedOptions()
        self.notices, self.streams, self.following, self.stack = [], [], None, AsyncExitStack()

    async def open(self, brokers, dialing, journal, clock, **common):
        """Begin a run. The journal, and what is at the exchange, outlive it."""
        self.stack, self.journal, self.following = AsyncExitStack(), journal, None
        self.master, *others = brokers
        await asyncio.gather(*(self.stack.enter_async_context(broker) for broker in brokers))
        rules = await self.master.pairs()
        symbols = Symbols(rules.values())
        quotes = QuoteBoard(rules, "ZUSD")
        if self.knows_prices:
            quotes.take(await self.master.prices([PAIR, "XETHZUSD"]), clock.wall_ns())
        kept = {"options": self.options, **common}
        self.streams = [
            StreamingAccount(one, dialing, symbols, switch=await self.switch_of(one.name), **kept) for one in others
        ]
        for stream in self.streams:
            await self.stack.enter_async_context(stream)
        setting = Setting(
            clock=clock, exchange_ns=self.master.now_ns, rules=rules, quotes=quotes, tell=self.notices.append,
            **{"pace": Pace(), **self.settings},
        )  # fmt: skip
        self.copier = Copier(journal, setting)
        self.stack.push_async_callback(self.copier.close)
        accounts = [self.wrapped(LiveAccount(one)) for one in self.streams]
        seats = [Seat(account, policy) for account, policy in zip(accounts, self.policies, strict=True)]
        await self.copier.start([seat for seat in seats if self.is_copied(seat.account.name)])
        self.feed = ExecutionsFeed("MASTER", self.master, dialing, symbols, options=self.feed_options, **common)
        self.feed.subscribe(self.copier.on_fills, self.copier.on_orders)
        self.following = asyncio.gather(
            self.feed.run(self.copier.cursor_ns("MASTER")), mind_orders(self.feed, self.copier, asyncio.sleep)
        )

    async def switch_of(self, name):
        """Return the cancel-after switch of the account called *name*, as an earlier run has left it."""
        memory = SwitchMemory(self.journal)
        return self.switch and replace(self.switch, due_ns=await memory.recall(name), note=partial(memory.keep, name))

    def is_copied(self, name):
        """Return whether the user called *name* is copied from the start on."""
        return True

    def wrapped(self, account):
        """Return *account* as the engine is to see it."""
        return account

    async def close(self):
        if self.following is not None:
            self.following.cancel()
            await asyncio.gather(self.following, return_exceptions=True)
        await self.stack.aclose()

    async def caught_up(self, made):
        """Wait until *made* fills of the master's are known, and nothing is on its way any more."""
        while (await self.journal.select("SELECT count(*) FROM copy_fills"))[0][0] < made:
            await asyncio.sleep(0.02)
        await self.copier.idle()


class VirtualTrading(Trading):
    """On a `VirtualKraken`, in virtual time. A run may be left like a killed one, and another begun.

    Parameters:
        policies: see `Trading`; the other parameters are the exchange's.
    """

    def __init__(self, policies, *, settings=None, options=None, feed_options=None, **knobs):
        super().__init__(policies, settings=settings, options=options, feed_options=feed_options)
        self.kraken = VirtualKraken(accounts=len(policies) + 1, **knobs)
        self.hand = self.kraken.hand(0)
        self.backend = SqliteBackend(":memory:")

    def run(self, story):
        """Run the coroutine function *story*."""

        async def whole():
            try:
                return await story()
            finally:
                await self.close()

        return self.kraken.run(whole())

    async def start(self, **broker):
        kraken = self.kraken
        brokers = [kraken.broker(place, **broker) for place in range(len(self.policies) + 1)]
        journal = CopyJournal(self.backend, clock=kraken.clock)
        await self.open(brokers, kraken.dialing, journal, kraken.clock, chance=kraken.chance)

    async def connected(self):
        """Wait until the feed is live and every account's WebSocket is up."""
        while self.feed.standing.is_held or any(stream.path != "ws" for stream in self.streams):
            await asyncio.sleep(0.05)

    async def settled(self):
        """Wait until every fill the master has made is copied."""
        await self.caught_up(len(self.kraken.exchange.accounts[0].trades))


class RealTrading(Trading):
    """On a simulator with a port of its own: real sockets, real time."""

    def __init__(self, sim, policies, *, manager=None, journal="memory://", settings=None, options=None, **broker):
        super().__init__(policies, settings=settings, options=options, feed_options=FeedOptions(polled_s=0.2))
        self.sim, self.url, self.broker = sim, journal, {"patience": Patience(settle_s=0.5), **broker}
        self.manager = manager or GlobalKrakenNonceManager("memory://", registry=LaneRegistry())

    async def __aenter__(self):
        brokers = [
            KrakenBroker(
                one.name, Credentials(one.key, one.secret), manager=self.manager, base_url=self.sim.url, **self.broker
            )
            for one in self.sim.accounts[: len(self.policies) + 1]
        ]
        clock = SystemClock()
        self.dialer = Dialer(websocket_url(self.sim.url), clock)
        await self.open(brokers, self.dialer, open_copy_journal(self.url), clock)
        return self

    async def __aexit__(self, *_):
        await self.close()
        await self.dialer.close()
        await self.journal.close()


def bought_and_sold(account, pair=PAIR):
    """Return what a simulated *account* has bought and sold of *pair*, by the exchange's own books."""
    total = Counter()
    for trade in account.trades:
        if trade.order.ticket.pair.key == pair:
            total[trade.order.ticket.side] += trade.volume
    return total["buy"], total["sell"]


def doubles(account):
    """Return the names under which *account* has more than one order."""
    names = Counter(order.ticket.cl_ord_id for order in account.orders.values())
    return [name for name, count in names.items() if name and count > 1]


def seconds(ns):
    return ns / NS_PER_SECOND
