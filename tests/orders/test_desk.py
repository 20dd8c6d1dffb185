"""Placing, canceling and amending on a simulated exchange: what is not about lost answers, or about several at once."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from krakenonce.broker import Placement
from krakenonce.clock import NS_PER_SECOND, SystemClock
from krakenonce.errors import ConfigError, OutcomeUnknown, StoreUnavailable
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.replies import Refused
from krakenonce.lanes import LaneRegistry
from krakenonce.orders import NotExecuted, open_journal
from krakenonce.orders.intents import State
from tests.leap import time_out_when, until
from tests.orders.traders import (
    frozen_desk,
    frozen_exchange,
    market,
    misfortune,
    orders_of,
    release,
    resting,
    sent,
    trader,
)  # fmt: skip


async def test_every_order_has_a_name_and_a_deadline(kraken_sim):
    bodies = []
    async with trader(kraken_sim) as broker:
        post = broker._client._wire.post

        async def spy(path, body, *rest):
            bodies.append(body.decode())
            return await post(path, body, *rest)

        broker._client._wire.post = spy
        placed = await broker.place(market(None))
    assert orders_of(kraken_sim)[0].ticket.cl_ord_id == placed.cl_ord_id
    assert "deadline=" in bodies[0]


async def test_of_two_tasks_that_want_the_same_order_one_places_it(kraken_sim):
    misfortune(kraken_sim, kind="hang", phase="after", ms=3_600_000, endpoint="AddOrder", times=1)
    async with trader(kraken_sim) as broker, time_out_when(lambda: sent(kraken_sim)):
        endings = await asyncio.gather(*(broker.place(market("same")) for _ in range(5)))
    assert len({ending.txid for ending in endings}) == 1
    assert len(sent(kraken_sim)) == 1


async def test_of_two_programs_that_want_the_same_order_one_places_it(kraken_sim, tmp_path):
    misfortune(kraken_sim, kind="drop", phase="before", endpoint="AddOrder", times=3)
    manager = GlobalKrakenNonceManager("memory://", registry=LaneRegistry())
    journals = [open_journal(f"sqlite://{tmp_path}/orders.db") for _ in range(2)]
    async with trader(kraken_sim, journal=journals[0], manager=manager) as one:
        async with trader(kraken_sim, journal=journals[1], manager=manager) as other:
            endings = await asyncio.gather(one.place(market("same")), other.place(market("same")))
            while not all(isinstance(ending, Placement) for ending in endings):
                endings = await asyncio.gather(one.place(market("same")), other.place(market("same")))
    assert endings[0].txid == endings[1].txid
    assert len(orders_of(kraken_sim)) == 1
    for journal in journals:
        await journal.close()


async def test_a_name_stays_its_orders(kraken_sim):
    async with trader(kraken_sim) as broker:
        await broker.place(market("taken"))
        with pytest.raises(ConfigError, match="another order in the journal"):
            await broker.place(market("taken", volume="0.002"))
        assert (await broker.place(market("taken"))).recorded
    assert len(orders_of(kraken_sim)) == 1


async def test_the_name_of_an_order_that_was_refused_is_free(kraken_sim):
    async with trader(kraken_sim) as broker:
        assert (await broker.place(market("poor", volume="1000"))).error == "EOrder:Insufficient funds"
        assert isinstance(await broker.resolve("poor"), NotExecuted)
        assert isinstance(await broker.place(market("poor")), Placement)


async def test_an_order_that_a_lost_journal_knew_is_recognised_while_it_is_open(kraken_sim):
    async with trader(kraken_sim) as broker:
        first = await broker.place(resting("forgotten"))
    async with trader(kraken_sim) as broker:
        again = await broker.place(resting("forgotten"))
    assert (again.txid, again.looked_up) == (first.txid, True)
    assert len(orders_of(kraken_sim)) == 1


async def test_an_old_order_of_the_same_name_is_not_mistaken_for_the_one_that_was_lost(kraken_sim):
    async with trader(kraken_sim) as broker:
        await broker.place(market("again"))
    (old,) = orders_of(kraken_sim)
    old.opened_ns -= 3600 * 10**9
    misfortune(kraken_sim, kind="drop", phase="before", endpoint="AddOrder", times=1)
    async with trader(kraken_sim) as broker:
        placed = await broker.place(market("again"))
    assert placed.txid != old.txid
    assert placed.attempts == 2


async def test_a_passing_refusal_is_sent_again_and_a_lasting_one_is_not(kraken_sim):
    misfortune(kraken_sim, kind="error", error="EAuth:Too many requests", endpoint="AddOrder", times=2)
    async with trader(kraken_sim) as broker:
        assert (await broker.place(market("busy"))).attempts == 3
        misfortune(kraken_sim, kind="error", error="EOrder:Orders limit exceeded", endpoint="AddOrder")
        assert (await broker.place(market("full"))).error == "EOrder:Orders limit exceeded"
    assert len(sent(kraken_sim)) == 4


async def test_a_journal_that_cannot_be_written_keeps_the_order_from_being_sent(kraken_sim):
    async with trader(kraken_sim) as broker:
        broker._journal.claim = _fail
        with pytest.raises(StoreUnavailable):
            await broker.place(market("unwritten"))
    assert sent(kraken_sim) == []


async def test_a_verdict_that_cannot_be_written_is_told_all_the_same(kraken_sim, caplog):
    async with trader(kraken_sim) as broker:
        settle, broker._journal.settle = broker._journal.settle, _fail
        placed = await broker.place(market("unsettled"))
        assert "could not be written" in caplog.text
        broker._journal.settle = settle
        again = await broker.place(market("unsettled"))
    assert (again.txid, again.looked_up) == (placed.txid, True), "found out again"
    assert len(sent(kraken_sim)) == 1


async def _fail(_intent):
    raise StoreUnavailable("the disk is full")


async def test_a_request_signed_with_a_key_that_was_replaced_is_dead_after_its_deadline(tmp_path):
    journal, waited = open_journal(f"sqlite://{tmp_path}/orders.db"), []

    async def note(seconds):
        waited.append(seconds)

    with frozen_exchange() as sim:
        misfortune(sim, kind="drop", phase="before", endpoint="AddOrder|GetApiKeyInfo", times=20)
        async with frozen_desk(sim, journal=journal) as desk:
            with pytest.raises(OutcomeUnknown):
                await desk.place(market("oldkey", valid_s=20))
        passed_s = sim.exchange.clock.boot_ns() / NS_PER_SECOND
        misfortune(sim, faults=[])
        account = sim.accounts[1]
        account.keys.insert(0, sim.exchange.add_key(account))
        async with frozen_desk(sim, journal=journal, wait=note, settle_s=10) as desk:
            (found,) = await desk.recover()
    assert isinstance(found.verdict, NotExecuted)
    assert waited == [pytest.approx(21 - passed_s), 10], "its deadline and a second; then the settle time"
    (intent,) = [await journal.find(desk._account, "oldkey")]
    assert intent.state is State.ABSENT
    await journal.close()


async def test_recovery_that_fails_keeps_everything_from_being_sent_and_is_tried_again(kraken_sim, tmp_path):
    journal = open_journal(f"sqlite://{tmp_path}/orders.db")
    misfortune(kraken_sim, kind="drop", phase="after", endpoint="AddOrder", times=1)
    async with trader(kraken_sim, journal=journal) as broker:
        misfortune(kraken_sim, kind="drop", phase="before", endpoint="GetApiKeyInfo", times=20)
        with pytest.raises(OutcomeUnknown):
            await broker.place(market("open1"))
    broker = trader(kraken_sim, journal=journal)
    with pytest.raises(OutcomeUnknown):
        await broker.place(market("new"))
    with pytest.raises(OutcomeUnknown):
        await broker.cancel(cl_ord_id="open1")
    assert len(sent(kraken_sim)) == 1
    assert sent(kraken_sim, "CancelOrder") == []
    misfortune(kraken_sim, faults=[])
    assert isinstance(await broker.place(market("new")), Placement)
    await broker.close()
    await journal.close()


async def test_amending_says_what_the_order_is_then(kraken_sim):
    async with trader(kraken_sim) as broker:
        await broker.place(resting("grow"))
        state = await broker.amend(cl_ord_id="grow", volume=Decimal("0.003"))
        assert (state.volume, state.limit) == (Decimal("0.003"), Decimal(40_000))
        state = await broker.amend(cl_ord_id="grow", price=Decimal(41_000))
        assert state.limit == Decimal(41_000)
        assert isinstance(await broker.amend(cl_ord_id="grow", volume=Decimal("0.0000001")), Refused)
        await broker.cancel(cl_ord_id="grow")
        state = await broker.amend(cl_ord_id="grow", price=Decimal(42_000))
        assert isinstance(state, Refused) or not state.is_open


async def test_what_to_cancel_or_amend_is_named_once(kraken_sim):
    broker = trader(kraken_sim)
    for names in ({}, {"txid": "O", "cl_ord_id": "a"}, {"txid": ""}):
        with pytest.raises(ConfigError, match="exactly one"):
            await broker.cancel(**names)
    with pytest.raises(ConfigError, match="Say what to change"):
        await broker.amend(txid="O")
    await broker.close()


async def test_a_caller_that_gives_up_leaves_the_order_to_be_found_out(kraken_sim):
    misfortune(kraken_sim, kind="hold", ms=3_600_000, phase="after", endpoint="AddOrder", times=1)
    async with trader(kraken_sim) as broker:
        placing = asyncio.create_task(broker.place(market("left")))
        await until(lambda: sent(kraken_sim))
        placing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await placing
        assert release(kraken_sim) == 1
        assert (await broker.place(market("left"))).looked_up
    assert len(orders_of(kraken_sim)) == 1


def test_intents_say_what_was_asked_for():
    from krakenonce.orders.requests import placing

    request = placing(replace(resting("a1"), valid_s=None))
    assert request.members == {
        "ordertype": "limit", "type": "buy", "pair": "XXBTZUSD", "volume": "0.001", "price": "40000", "cl_ord_id": "a1",
    }  # fmt: skip
    assert request.valid_s == 45


class WrongClock(SystemClock):
    """A host's clock that is minutes off."""

    def __init__(self, seconds):
        self.seconds = seconds

    def wall_ns(self):
        return super().wall_ns() + self.seconds * NS_PER_SECOND


@pytest.mark.parametrize("seconds", [300, -300])
async def test_a_clock_that_is_far_from_the_exchanges_hides_no_order(kraken_sim, seconds):
    misfortune(kraken_sim, kind="drop", phase="after", endpoint="AddOrder", times=1)
    async with trader(kraken_sim, clock=WrongClock(seconds)) as broker:
        placed = await broker.place(market("ahead"))
    assert placed.looked_up
    assert len(orders_of(kraken_sim)) == 1


@pytest.mark.parametrize(("waits_s", "is_sent"), [(42, True), (44, False), (46, False)])
async def test_an_order_whose_time_ran_out_in_the_lane_is_not_sent(waits_s, is_sent):
    """Kraken would refuse a deadline that is less than 2 s ahead."""
    with frozen_exchange() as sim:
        async with frozen_desk(sim) as desk:
            client = desk._sender.client
            async with client._lane.turn() as ahead:
                placing = asyncio.create_task(desk.place(market("patient")))
                await until(lambda: client._lane.stats().waiting)
                sim.exchange.clock.advance(waits_s * NS_PER_SECOND)
                assert ahead.nonce
            ending = await placing
        assert len(sent(sim)) == is_sent
    assert isinstance(ending, Placement if is_sent else Refused)
    assert is_sent or ending.error.startswith("its time was over")
