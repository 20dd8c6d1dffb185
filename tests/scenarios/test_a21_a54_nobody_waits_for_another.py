"""A21: one key's hung call does not delay the others. A54: a blocked master lane does not hold up the users' exits.

Told by order, not by the clock: whatever the others do is over while the hung call is still in flight.
"""

import asyncio
import json
import urllib.request
from contextlib import AsyncExitStack
from decimal import Decimal

import pytest

from krakenonce.broker import Order, Placement
from krakenonce.broker.streaming import StreamOptions
from krakenonce.client import KrakenClient
from krakenonce.clock import SystemClock
from krakenonce.copytrader.records import MasterFill
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.kraken.replies import Accepted, Unknown
from krakenonce.lanes import LaneRegistry
from tests.copytrader.trading import HALF, PAIR, RealTrading, bought_and_sold
from tests.leap import LONG_S, Leap
from tests.scripted_exchange import ScriptedExchange


def hang_next(sim, account, endpoint):
    fault = {"kind": "hang", "phase": "after", "ms": 3_600_000, "times": 1, "account": account, "endpoint": endpoint}
    request = urllib.request.Request(f"{sim.url}/_control/faults", json.dumps(fault).encode(), method="POST")
    urllib.request.urlopen(request).close()


def lane_of(manager, sim, place):
    return manager.lane(sim.accounts[place].key, base_url=sim.url)


@pytest.fixture
def manager():
    return GlobalKrakenNonceManager("memory://", registry=LaneRegistry())


async def test_a21_one_hung_call_and_99_other_keys(manager):
    async with ScriptedExchange("hang", latency_ms=2, jitter_ms=2) as exchange, AsyncExitStack() as stack:
        hung, *well = [
            await stack.enter_async_context(
                KrakenClient(
                    Credentials(f"key {place}", "aGVsbG8="), manager=manager, base_url=exchange.url, timeout=60
                )
            )
            for place in range(100)
        ]
        waiting = asyncio.create_task(hung.call("AddOrder"))
        await exchange.hanging.wait()
        outcomes = await asyncio.gather(*(client.call("Balance") for client in well for _ in range(5)))
        assert [type(outcome) for outcome in outcomes] == [Accepted] * 495
        assert not waiting.done(), "it hangs still, and all the others are done"
        exchange.hang_up()
        assert isinstance(await waiting, Unknown)
    assert exchange.refused == 0


class OneLaneForAll:
    """What a single lock around every call amounts to."""

    def __init__(self, manager):
        self._manager = manager

    def lane(self, api_key, *, base_url):
        return self._manager.lane("every key", base_url=base_url)


async def test_a21_with_one_lane_for_all_keys_everybody_waits(manager):
    async with ScriptedExchange("hang") as exchange, AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                KrakenClient(
                    Credentials(f"key {place}", "aGVsbG8="), manager=OneLaneForAll(manager), base_url=exchange.url
                )
            )
            for place in range(10)
        ]
        calls = [asyncio.create_task(client.call("Balance")) for client in clients]
        await exchange.hanging.wait()
        lane = manager.lane("every key", base_url=exchange.url)
        while lane.stats().waiting < 9:
            await asyncio.sleep(0)
        assert len(exchange.bodies) == 1, "the positive control: nobody else has got through"
        exchange.hang_up()
        await asyncio.gather(*calls)


@pytest.mark.kraken_sim(accounts=7, latency_ms=2, jitter_ms=2)
async def test_a21_a_hung_copy_delays_no_other_copy_and_is_made_exactly_once(kraken_sim, manager):
    over_rest = StreamOptions(websocket=False, settle_s=0.05)
    async with RealTrading(kraken_sim, [HALF] * 6, manager=manager, options=over_rest, timeout=LONG_S) as trading:
        hung, *well = trading.copier.users
        hang_next(kraken_sim, hung, "AddOrder")
        assert isinstance(await trading.master.place(Order(PAIR, "buy", Decimal("0.01"))), Placement)
        while not all(held(trading, user) == Decimal("0.005") for user in well):
            await asyncio.sleep(0.005)
        assert lane_of(manager, kraken_sim, 1).stats().in_flight == 1, "it hangs still"
        assert held(trading, hung) == 0
        Leap()()
        await trading.copier.idle()
        assert held(trading, hung) == Decimal("0.005")
    for account in kraken_sim.accounts[1:]:
        assert [trade.volume for trade in account.trades] == [Decimal("0.005")]
    assert kraken_sim.stats()["totals"]["invalid_nonces"] == 0


@pytest.mark.kraken_sim(accounts=6, latency_ms=2, jitter_ms=2)
@pytest.mark.parametrize("over", ["websocket", "rest"])
async def test_a54_exits_go_while_the_masters_lane_is_blocked(kraken_sim, manager, over):
    options = StreamOptions(websocket=over == "websocket", settle_s=0.05)
    async with RealTrading(kraken_sim, [HALF] * 5, manager=manager, options=options) as trading:
        await trading.master.place(Order(PAIR, "buy", Decimal("0.01")))
        await trading.caught_up(len(kraken_sim.accounts[0].trades))
        async with lane_of(manager, kraken_sim, 0).turn() as blocked:
            trading.copier.on_fills([exit_of("0.01")])
            await trading.copier.idle()
            assert lane_of(manager, kraken_sim, 0).stats().in_flight == 1
            blocked.report(Unknown("only to block it"))
    for account in kraken_sim.accounts[1:]:
        assert bought_and_sold(account) == (Decimal("0.005"), Decimal("0.005"))


def held(trading, user):
    return sum(line.held for line in trading.copier.lines(user))


def exit_of(volume):
    now_ns = SystemClock().wall_ns()
    return MasterFill("MASTER", "TX", "OX", PAIR, "sell", Decimal(volume), Decimal(50000), now_ns, now_ns)
