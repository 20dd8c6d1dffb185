"""One account on a simulated exchange, over HTTP: connect, look, place, cancel, and find lost orders again."""

import json
import logging
import urllib.request
from decimal import Decimal

import pytest

from krakenonce.broker import KrakenBroker, Order, Patience, Placement
from krakenonce.client import KrakenClient
from krakenonce.errors import ConfigError, OutcomeUnknown, RequestRefused
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.kraken.replies import Accepted, Refused, Unknown
from krakenonce.lanes import LaneRegistry
from tests.leap import LONG_S, time_out_when

BITCOIN = "XXBTZUSD"


@pytest.fixture
def manager():
    return GlobalKrakenNonceManager("memory://", registry=LaneRegistry())


def broker_of(sim, manager, place=1, **options):
    account = sim.accounts[place]
    patience = options.pop("patience", Patience(settle_s=0.05, pause_s=0.01))
    credentials = Credentials(account.key, account.secret)
    return KrakenBroker(account.name, credentials, manager=manager, base_url=sim.url, patience=patience, **options)


def misfortune(sim, **fault):
    request = urllib.request.Request(f"{sim.url}/_control/faults", json.dumps(fault).encode(), method="POST")
    with urllib.request.urlopen(request) as response:
        assert response.status == 200


async def test_connecting_checks_the_key_and_says_so(kraken_sim, manager, caplog):
    with caplog.at_level(logging.INFO, "krakenonce"):
        async with broker_of(kraken_sim, manager, place=0) as broker:
            assert abs(broker.clock_offset_ns) < 20_000_000_000, "half a round trip and a second, on any machine"
    assert caplog.messages == [
        "GLOBAL Kraken Nonce Manager installed for MASTER (nanosecond precision)",
        "Connected to Kraken Pro API (MASTER)",
    ]
    assert kraken_sim.accounts[0].key not in caplog.text


async def test_a_key_that_may_withdraw_does_not_connect(kraken_sim, manager):
    key = kraken_sim.accounts[1].keys[0]
    key.permissions |= {"withdraw-funds"}
    with pytest.raises(ConfigError, match="withdraw"):
        async with broker_of(kraken_sim, manager):
            pass
    async with broker_of(kraken_sim, manager, allow_withdraw=("USER:1",)):
        pass


@pytest.mark.kraken_sim(nonce_window=5000)
async def test_a_nonce_window_is_worth_a_warning(kraken_sim, manager, caplog):
    async with broker_of(kraken_sim, manager):
        assert "nonce window of 5000" in caplog.text


@pytest.mark.kraken_sim(key_info_case="camel")
async def test_key_info_is_read_in_the_documented_spelling_too(kraken_sim, manager):
    async with broker_of(kraken_sim, manager) as broker:
        assert "modify-trades" in (await broker.connect()).permissions


@pytest.mark.kraken_sim(clock_error_ms=-90_000)
async def test_a_clock_that_is_far_off_is_worth_a_warning_and_deadlines_follow_the_exchange(
    kraken_sim, manager, caplog
):
    async with broker_of(kraken_sim, manager) as broker:
        assert "ahead of the exchange's" in caplog.text
        assert isinstance(await broker.place(Order(BITCOIN, "buy", Decimal("0.001"), valid_s=45)), Placement)


async def test_a_key_the_exchange_does_not_know_is_refused(kraken_sim, manager):
    stranger = Credentials("nobody", kraken_sim.accounts[1].secret)
    with pytest.raises(RequestRefused, match="EAPI:Invalid key"):
        async with KrakenBroker("USER:nobody", stranger, manager=manager, base_url=kraken_sim.url):
            pass


@pytest.mark.parametrize("name", ["", "master", "USER:", "USER: ", "anna"])
def test_other_account_names_are_refused(kraken_sim, manager, name):
    with pytest.raises(ConfigError, match="name"):
        KrakenBroker(name, Credentials("k", "aGVsbG8="), manager=manager, base_url=kraken_sim.url)


async def test_balances_and_pairs(kraken_sim, manager):
    async with broker_of(kraken_sim, manager) as broker:
        assert (await broker.balances())["ZUSD"].available == 100_000
        assert (await broker.pairs())[BITCOIN].order_min == Decimal("0.00005")
        assert (await broker.prices([BITCOIN, "SOLUSD"])).keys() == {BITCOIN, "SOLUSD"}


async def test_a_market_order_is_filled_and_found_by_both_names(kraken_sim, manager):
    async with broker_of(kraken_sim, manager) as broker:
        placed = await broker.place(Order(BITCOIN, "buy", Decimal("0.01"), cl_ord_id="first1"))
        state = await broker.find("first1")
        assert state == (await broker.query([placed.txid]))[placed.txid]
        assert (state.txid, state.status, state.executed) == (placed.txid, "closed", Decimal("0.01"))
        assert sum(fill.volume for fill in await broker.fills(0)) == Decimal("0.01")
        assert await broker.find("second2") is None
        assert await broker.query(["OAAAAA-BBBBB-CCCCCC"]) == {}


async def test_a_limit_order_rests_until_it_is_cancelled(kraken_sim, manager):
    order = Order(BITCOIN, "buy", Decimal("0.01"), "limit", Decimal(1000), cl_ord_id="resting")
    async with broker_of(kraken_sim, manager) as broker:
        placed = await broker.place(order)
        assert [state.txid for state in await broker.open_orders()] == [placed.txid]
        assert (await broker.find("resting")).is_open
        state = await broker.cancel(cl_ord_id="resting")
        assert (state.status, state.committed) == ("canceled", 0)
        assert await broker.cancel(txid=placed.txid) == state, "it is closed already, which is no error"


async def test_a_cancel_names_one_order(kraken_sim, manager):
    async with broker_of(kraken_sim, manager) as broker:
        with pytest.raises(ConfigError, match="exactly one"):
            await broker.cancel()


async def test_what_the_exchange_refuses_is_a_value_and_not_an_exception(kraken_sim, manager):
    async with broker_of(kraken_sim, manager) as broker:
        outcome = await broker.place(Order(BITCOIN, "buy", Decimal(1000)))
        assert isinstance(outcome, Refused)
        assert outcome.error == "EOrder:Insufficient funds"


async def test_histories_longer_than_a_page_are_read_to_the_end(kraken_sim, manager):
    async with broker_of(kraken_sim, manager) as broker:
        for _ in range(120):
            assert isinstance(await broker.place(Order(BITCOIN, "buy", Decimal("0.0001"))), Placement)
        fills = await broker.fills(0)
        assert len({fill.exec_id for fill in fills}) == len(kraken_sim.accounts[1].trades) >= 120
        assert [fill.time_ns for fill in fills] == sorted(fill.time_ns for fill in fills)
        assert await broker.fills(fills[-1].time_ns + 1_000_000_000) == []


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop", "phase": "before"},
        {"kind": "drop", "phase": "after"},
        {"kind": "reset", "phase": "before"},
        {"kind": "reset", "phase": "after"},
        {"kind": "http", "phase": "before", "status": 502},
        {"kind": "http", "phase": "after", "status": 520},
        {"kind": "hang", "phase": "before", "ms": 3_600_000},
        {"kind": "hang", "phase": "after", "ms": 3_600_000},
        {"kind": "error", "phase": "after", "error": "EService:Unavailable"},
        {"kind": "error", "phase": "before", "error": "EGeneral:Internal error"},
    ],
    ids=lambda fault: f"{fault['kind']} {fault['phase']}",
)
async def test_an_order_whose_answer_is_lost_exists_exactly_once(kraken_sim, manager, fault):
    misfortune(kraken_sim, endpoint="AddOrder", times=1, **fault)
    hangs = [lambda: any(row["method"] == "AddOrder" for row in kraken_sim.log())] if fault["kind"] == "hang" else []
    async with broker_of(kraken_sim, manager, timeout=LONG_S) as broker, time_out_when(*hangs):
        placed = await broker.place(Order(BITCOIN, "buy", Decimal("0.01"), cl_ord_id="once"))
    orders = kraken_sim.accounts[1].orders
    assert [order.ticket.cl_ord_id for order in orders.values()] == ["once"]
    assert placed.txid in orders
    assert placed.looked_up == (fault["phase"] == "after")
    assert placed.attempts == (1 if fault["phase"] == "after" else 2)


async def test_sent_blindly_the_same_order_would_exist_twice(kraken_sim, manager):
    misfortune(kraken_sim, endpoint="AddOrder", times=1, kind="http", phase="after")
    order = {"pair": BITCOIN, "type": "buy", "ordertype": "market", "volume": "0.01", "cl_ord_id": "twice"}
    account = kraken_sim.accounts[1]
    credentials = Credentials(account.key, account.secret)
    async with KrakenClient(credentials, manager=manager, base_url=kraken_sim.url) as client:
        assert isinstance(await client.call("AddOrder", order), Unknown)
        assert isinstance(await client.call("AddOrder", order), Accepted)
    assert len(kraken_sim.accounts[1].orders) == 2, (
        "the positive control: the id is free again once the order is filled"
    )


async def test_reads_that_lag_do_not_cause_a_second_order(kraken_sim, manager):
    misfortune(kraken_sim, endpoint="AddOrder", times=1, kind="drop", phase="after")
    misfortune(kraken_sim, endpoint="OpenOrders|ClosedOrders", times=2, kind="stale", ms=3_600_000)
    async with broker_of(kraken_sim, manager) as broker:
        placed = await broker.place(Order(BITCOIN, "buy", Decimal("0.01"), cl_ord_id="lagging"))
    assert placed.looked_up
    assert len(kraken_sim.accounts[1].orders) == 1


async def test_a_read_whose_answer_is_lost_is_asked_again(kraken_sim, manager):
    async with broker_of(kraken_sim, manager) as broker:
        misfortune(kraken_sim, endpoint="BalanceEx", times=2, kind="http", phase="before")
        assert "ZUSD" in await broker.balances()
        misfortune(kraken_sim, endpoint="BalanceEx", kind="http", phase="before")
        with pytest.raises(OutcomeUnknown, match="HTTP 502"):
            await broker.balances()
