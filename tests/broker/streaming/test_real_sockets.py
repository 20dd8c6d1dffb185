"""The same over real sockets: accounts and a master's feed under faults, counted by the exchange."""

import asyncio
import json
import urllib.request
from contextlib import AsyncExitStack
from decimal import Decimal

import pytest

from krakenonce.broker import KrakenBroker, Order, OrderState, Patience
from krakenonce.broker.streaming import StreamingAccount, StreamOptions
from krakenonce.broker.symbols import Symbols
from krakenonce.client.websocket import Dialer, websocket_url
from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader.feed import ExecutionsFeed, FeedOptions
from krakenonce.errors import OutcomeUnknown, TryLater
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.kraken.replies import Refused
from krakenonce.lanes import LaneRegistry

PAIR = "XXBTZUSD"
FAULTS = [
    {"kind": "ws-drop", "rate": 0.08, "account": "USER:*"},
    {"kind": "ws-drop", "rate": 0.08, "phase": "after", "account": "USER:*"},
    {"kind": "ws-twice", "rate": 0.1},
    {"kind": "ws-disconnect", "rate": 0.03, "phase": "after"},
    {"kind": "ws-disconnect", "rate": 0.02},
    {"kind": "drop", "rate": 0.1, "phase": "after"},
]


def control(sim, faults):
    body = json.dumps({"faults": faults}).encode()
    with urllib.request.urlopen(f"{sim.url}/_control/faults", body) as answer:
        assert answer.status == 200


class Floor:
    """Connected brokers of a simulator's accounts, a dialer, and the names of pairs."""

    def __init__(self, sim, places):
        self.sim, self.places = sim, places
        self.manager = GlobalKrakenNonceManager("memory://", registry=LaneRegistry())
        self.stack = AsyncExitStack()

    async def __aenter__(self):
        self.brokers = []
        for place in self.places:
            account = self.sim.accounts[place]
            broker = KrakenBroker(
                account.name,
                Credentials(account.key, account.secret),
                manager=self.manager,
                base_url=self.sim.url,
                patience=Patience(settle_s=0.2, pause_s=0.05),
            )
            self.brokers.append(await self.stack.enter_async_context(broker))
        self.dialer = await self.stack.enter_async_context(Dialer(websocket_url(self.sim.url)))
        self.symbols = Symbols((await self.brokers[0].pairs()).values())
        return self

    async def __aexit__(self, *_):
        await self.stack.aclose()


async def want(account, number):
    """Have one order executed exactly once; a new name only after proof that the last one is dead."""
    for attempt in range(50):
        name = f"w{number}x{attempt}"
        order = Order(
            PAIR, "buy", Decimal("0.001"), "limit", Decimal(52_000), name, time_in_force="ioc", fees_in="quote"
        )
        deadline_ns = account.broker.now_ns() + 6 * NS_PER_SECOND
        try:
            answer = await account.send(order, deadline_ns)
        except (OutcomeUnknown, TryLater):
            answer = None
        if isinstance(answer, Refused):
            continue
        ending = await account.ending(order, deadline_ns)
        if isinstance(ending, OrderState) and ending.executed:
            return ending
    raise AssertionError("never placed")


@pytest.mark.kraken_sim(accounts=4, volatility=0, latency_ms=5, jitter_ms=4)
async def test_each_wanted_order_exists_exactly_once_by_the_exchanges_own_count(kraken_sim):
    wanted = 25
    async with Floor(kraken_sim, (1, 2, 3)) as floor, AsyncExitStack() as stack:
        options = StreamOptions(settle_s=0.3, ending_s=0.5)
        accounts = [
            await stack.enter_async_context(StreamingAccount(broker, floor.dialer, floor.symbols, options=options))
            for broker in floor.brokers
        ]
        while any(account.path != "ws" for account in accounts):
            await asyncio.sleep(0.02)
        control(kraken_sim, FAULTS)
        endings = await asyncio.gather(*(want(account, number) for account in accounts for number in range(wanted)))
        control(kraken_sim, [])
    assert all(ending.executed == Decimal("0.001") for ending in endings)
    for place in (1, 2, 3):
        executed = [order for order in kraken_sim.accounts[place].orders.values() if order.filled]
        assert sorted(int(order.ticket.cl_ord_id[1:].partition("x")[0]) for order in executed) == list(range(wanted))


@pytest.mark.kraken_sim(accounts=1, volatility=0)
async def test_a_feed_delivers_each_fill_once_whatever_its_socket_does(kraken_sim):
    fills = []
    async with Floor(kraken_sim, (0,)) as floor:
        (master,) = floor.brokers
        options = FeedOptions(audit_s=0.5, polled_s=0.2)
        feed = ExecutionsFeed("MASTER", master, floor.dialer, floor.symbols, options=options)
        feed.subscribe(fills.extend)
        task = asyncio.create_task(feed.run(0))
        while feed.standing.is_held:
            await asyncio.sleep(0.02)
        streams = [{**fault, "endpoint": "executions", "account": "*"} for fault in FAULTS if fault["kind"] != "drop"]
        control(kraken_sim, streams)
        for number in range(150):
            side = "sell" if number % 2 else "buy"
            await master.place(Order(PAIR, side, Decimal("0.001"), cl_ord_id=f"m{number}"))
        control(kraken_sim, [])
        real = {trade.txid for trade in kraken_sim.accounts[0].trades}
        while {fill.exec_id for fill in fills} != real:
            await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.wait((task,))
    assert len(fills) == len(real)
    assert feed.standing.connection.losses > 1
    assert feed.standing.found > 0
