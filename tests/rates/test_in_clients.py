"""The limits at work in our client, the broker and foreign clients: real HTTP, real waits, the simulator's counters."""

import asyncio
import threading
from decimal import Decimal

import krakenex
import pytest

from krakenonce.adapters import install
from krakenonce.broker import KrakenBroker
from krakenonce.client import KrakenClient
from krakenonce.errors import ConfigError, HeldBack
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.kraken.replies import Accepted
from krakenonce.lanes import LaneRegistry, Priority
from krakenonce.rates import Limits, NotSent, Reason
from tests.faults import add_fault
from tests.leap import until
from tests.orders.traders import release

PRO = pytest.mark.kraken_sim(tier="pro", accounts=2)


@pytest.fixture
def manager():
    return GlobalKrakenNonceManager("memory://", registry=LaneRegistry())


def client_of(sim, manager, number=0, **limits):
    account = sim.accounts[number]
    return KrakenClient(
        Credentials(account.key, account.secret), manager=manager, base_url=sim.url, limits=Limits(**limits)
    )


def causes(sim, name="MASTER"):
    return sim.stats()["keys"][name]["causes"]


@PRO
async def test_a_burst_of_reads_waits_and_none_is_refused(kraken_sim, manager):
    async with client_of(kraken_sim, manager, tier="pro") as client:
        answers = await asyncio.gather(*(client.call("Balance") for _ in range(17)))
    assert all(isinstance(answer, Accepted) for answer in answers)
    assert causes(kraken_sim) == {}


@PRO
async def test_without_limits_the_same_burst_is_refused(kraken_sim, manager):
    """Positive control."""
    async with client_of(kraken_sim, manager) as client:
        # 20 at once and one a second are allowed: a hundred would have to take more than a minute.
        await asyncio.gather(*(client.call("Balance") for _ in range(100)))
    assert causes(kraken_sim)["EAPI:Rate limit exceeded"] > 0


@PRO
async def test_what_cannot_be_sent_in_time_is_not_sent_and_orders_go_on(kraken_sim, manager):
    async with client_of(kraken_sim, manager, tier="pro", patience_s=0.1) as client:
        answers = await asyncio.gather(*(client.call("TradesHistory") for _ in range(20)))
        held_back = [answer for answer in answers if isinstance(answer, NotSent)]
        assert {answer.reason for answer in held_back} == {Reason.RATE}
        order = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.001"}
        assert isinstance(await client.call("AddOrder", order), Accepted)
    assert causes(kraken_sim) == {}


@PRO
async def test_a_cancelled_waiter_costs_nothing(kraken_sim, manager):
    async with client_of(kraken_sim, manager, tier="pro") as client:
        for _ in range(14):
            await client.call("Balance")
        waiting = [asyncio.create_task(client.call("Balance")) for _ in range(20)]
        await asyncio.sleep(0.05)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(await client.call("Balance"), Accepted)
    assert causes(kraken_sim) == {}


@PRO
async def test_the_broker_keeps_its_accounts_limits(kraken_sim, manager):
    account = kraken_sim.accounts[0]
    broker = KrakenBroker(
        "MASTER",
        Credentials(account.key, account.secret),
        manager=manager,
        base_url=kraken_sim.url,
        limits=Limits("pro", patience_s=5),
    )
    async with broker:
        await asyncio.gather(*(broker.balances() for _ in range(14)))
    assert causes(kraken_sim) == {}


@PRO
def test_an_installed_client_keeps_them_from_many_threads(kraken_sim, manager):
    account, errors = kraken_sim.accounts[0], []
    api = krakenex.API(account.key, account.secret)
    api.uri = kraken_sim.url
    install(api, manager=manager, limits=Limits("pro"))

    def call():
        for _ in range(2):
            errors.extend(api.query_private("Balance")["error"])

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    api.close()
    assert errors == []


@PRO
def test_an_installed_client_is_told_by_an_error_what_was_not_sent(kraken_sim, manager):
    account = kraken_sim.accounts[0]
    api = krakenex.API(account.key, account.secret)
    api.uri = kraken_sim.url
    install(api, manager=manager, limits=Limits("pro", patience_s=0))
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "30000", "volume": "0.001"}

    def ask_often():
        for _ in range(100):  # 14 at once; and one more for each second that this takes
            assert api.query_private("Balance")["error"] == []

    with pytest.raises(HeldBack, match=r"Balance was not sent: .*\(REST, tier pro\); try again in"):
        ask_often()
    assert api.query_private("AddOrder", order)["error"] == []
    with pytest.raises(ConfigError):
        install(api, manager=manager, limits=Limits("starter"))
    api.close()
    assert causes(kraken_sim) == {}


@pytest.mark.kraken_sim(throttle=1, clock_error_ms=50_000)
async def test_a_pause_that_the_exchange_asks_for_is_kept(kraken_sim, manager):
    """The exchange's clock is ahead, so the moment that it names lies 50 s ahead."""
    add_fault(kraken_sim, {"kind": "hold", "ms": 3_600_000, "endpoint": "Balance", "times": 1})
    elsewhere = GlobalKrakenNonceManager("memory://", registry=LaneRegistry())
    async with client_of(kraken_sim, manager) as client, client_of(kraken_sim, elsewhere, patience_s=0) as other:
        first = asyncio.create_task(client.call("Balance"))
        await until(lambda: kraken_sim.exchange.faults.report()[0]["struck"])
        throttled = await other.call("Balance")
        assert throttled.error.startswith("EService: Throttled")
        release(kraken_sim)
        assert isinstance(await first, Accepted)
        kept_back = await other.call("Balance")
    assert isinstance(kept_back, NotSent)
    assert (kept_back.reason, len(kraken_sim.log())) == (Reason.THROTTLED, 2)


@pytest.mark.kraken_sim(market="cancel_only")
async def test_the_published_status_opens_the_market_for_everybody(kraken_sim, manager):
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": Decimal("0.001")}
    async with client_of(kraken_sim, manager) as client, client_of(kraken_sim, manager, 1) as other:
        assert not isinstance(await client.call("AddOrder", order), NotSent)
        assert (await other.call("AddOrder", order, priority=Priority.EXIT)).reason is Reason.MARKET
        kraken_sim.exchange.market_state = "online"
        assert isinstance(await other.public("SystemStatus"), Accepted)
        assert isinstance(await client.call("AddOrder", order), Accepted)
