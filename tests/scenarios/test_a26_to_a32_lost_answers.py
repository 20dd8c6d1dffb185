"""A26 to A32: whatever becomes of a request and its answer, the order exists exactly once, and its fate is known."""

from decimal import Decimal

import pytest

from krakenonce.broker import Placement
from krakenonce.errors import OutcomeUnknown
from krakenonce.kraken.replies import Refused
from krakenonce.orders import Executed, NotExecuted, open_journal
from krakenonce.simulator import serve_in_thread
from tests.leap import LONG_S, time_out_when, until
from tests.orders.crew import STEPS, Crew
from tests.orders.storm import NOTHING_WRONG, PRICES, findings, order_of
from tests.orders.traders import (
    control,
    frozen_desk,
    frozen_exchange,
    market,
    misfortune,
    orders_of,
    release,
    resting,
    sent,
    struck,
    trader,
)  # fmt: skip


@pytest.fixture
def frozen():
    with frozen_exchange() as sim:
        yield sim


async def test_a26_executed_and_the_answer_lost(kraken_sim, tmp_path):
    misfortune(kraken_sim, kind="reset", phase="after", endpoint="AddOrder", times=1)
    journal = open_journal(f"sqlite://{tmp_path}/orders.db")
    async with trader(kraken_sim, journal=journal) as broker:
        placed = await broker.place(market("a26"))
        (order,) = orders_of(kraken_sim)
        assert (placed.txid, placed.attempts, placed.looked_up) == (order.txid, 1, True)
        assert sum(fill.volume for fill in placed.fills) == Decimal("0.001")
        again = await broker.place(market("a26"))
        assert (again.txid, again.recorded) == (order.txid, True), "the journal shows its txid"
        assert len(sent(kraken_sim)) == 1
    await journal.close()


async def test_a27_dropped_before_execution(kraken_sim):
    misfortune(kraken_sim, kind="drop", phase="before", endpoint="AddOrder", times=1)
    async with trader(kraken_sim) as broker:
        placed = await broker.place(market("a27"))
    assert placed.attempts == 2
    assert [order.txid for order in orders_of(kraken_sim)] == [placed.txid]


async def test_a27_dropped_before_execution_and_the_deadline_passed_meanwhile(frozen):
    misfortune(frozen, kind="drop", phase="before", endpoint="AddOrder", times=1)
    async with frozen_desk(frozen, settle_s=10) as desk:
        ending = await desk.place(market("a27late", valid_s=12))
    assert isinstance(ending, Refused)
    assert "not executed" in ending.error
    assert orders_of(frozen) == []
    assert len(sent(frozen)) == 1, "what is left of its time is too short to be sent again"


async def test_a28_a_gateway_page_instead_of_the_answer_and_the_order_filled_at_once(kraken_sim):
    misfortune(kraken_sim, kind="http", status=520, phase="after", endpoint="AddOrder", times=1)
    async with trader(kraken_sim) as broker:
        placed = await broker.place(market("a28"))
    (order,) = orders_of(kraken_sim)
    assert not order.is_open, "it is filled, so its cl_ord_id is free and would protect nobody"
    assert placed.txid == order.txid


ALL_BOOKS = "OpenOrders|ClosedOrders|TradesHistory|QueryOrders"


@pytest.mark.parametrize("blind", ["OpenOrders|ClosedOrders", ALL_BOOKS])
async def test_a29_the_order_shows_up_eight_seconds_later(frozen, blind):
    misfortune(frozen, kind="drop", phase="after", endpoint="AddOrder", times=1)
    misfortune(frozen, kind="stale", ms=8_000, endpoint=blind)
    async with frozen_desk(frozen) as desk:
        placed = await desk.place(market("a29"))
    assert placed.looked_up
    assert len(orders_of(frozen)) == len(sent(frozen)) == 1


async def test_a29_books_that_lag_longer_than_the_settle_time_hide_the_order(frozen):
    """Positive control, and the limit of the promise."""
    misfortune(frozen, kind="drop", phase="after", endpoint="AddOrder", times=1)
    misfortune(frozen, kind="stale", ms=10_100, endpoint=ALL_BOOKS)
    async with frozen_desk(frozen) as desk:
        placed = await desk.place(market("a29hidden"))
    assert placed.attempts == len(orders_of(frozen)) == 2


async def test_a29_trades_show_what_both_lists_of_orders_hide(kraken_sim):
    misfortune(kraken_sim, kind="drop", phase="after", endpoint="AddOrder", times=1)
    misfortune(kraken_sim, kind="stale", ms=60_000, endpoint="OpenOrders|ClosedOrders")
    async with trader(kraken_sim) as broker:
        placed = await broker.place(market("a29trades"))
    assert [order.txid for order in orders_of(kraken_sim)] == [placed.txid]


HELD = {"kind": "hold", "ms": 3_600_000, "endpoint": "AddOrder", "times": 1}


@pytest.mark.kraken_sim(nonce_window=20_000_000_000)
async def test_a30_a_window_and_a_first_copy_that_is_late(kraken_sim):
    misfortune(kraken_sim, **HELD)
    async with trader(kraken_sim) as broker, time_out_when(lambda: struck(kraken_sim)):
        placed = await broker.place(market("a30"))
        assert release(kraken_sim) == 1, "the first copy goes on"
        await until(lambda: len(sent(kraken_sim)) == 2)
    assert placed.attempts == 2
    assert [order.txid for order in orders_of(kraken_sim)] == [placed.txid]
    verdicts = [(row["verdict"], row["cause"]) for row in sent(kraken_sim)]
    assert verdicts == [("accepted", ""), ("refused", "EAPI:Invalid nonce")]
    nonces = [int(row["nonce"]) for row in kraken_sim.log() if row["nonce"]]
    assert max(nonces) - int(sent(kraken_sim)[1]["nonce"]) > 20_000_000_000, "the barrier lies beyond the window"


async def test_a30_a_window_no_barrier_can_jump_is_waited_out_by_the_deadline():
    waited = []
    with frozen_exchange(nonce_window=2**62) as frozen:
        misfortune(frozen, **HELD)

        async def wait(seconds):
            waited.append(seconds)
            release(frozen)
            await until(lambda: sent(frozen))

        async with frozen_desk(frozen, wait=wait) as desk, time_out_when(lambda: struck(frozen)):
            ending = await desk.place(market("a30wide", valid_s=5))
        assert waited == [6], "5 s, and a second for what is still under way inside; and then it is seen at once"
        assert isinstance(ending, Placement)
        assert [order.txid for order in orders_of(frozen)] == [ending.txid]


@pytest.fixture(scope="module")
def crew():
    with Crew() as crew:
        yield crew


def test_a31_killed_at_every_step_with_every_order_type(crew, tmp_path):
    for step in STEPS:
        with serve_in_thread(accounts=1 + len(PRICES), volatility=0) as sim:
            journal = f"sqlite://{tmp_path}/{step.replace(' ', '-')}.db"
            terms = {"url": sim.url, "journal": journal, "timeout": LONG_S, "settle_s": 0.05}
            rows, answers = [], {}
            for account, ordertype in zip(sim.accounts[1:], PRICES, strict=True):
                order = order_of(f"a31{ordertype}".replace("-", ""), ordertype)
                rows.append({"name": account.name, "key": account.key, "secret": account.secret, "orders": [order]})
                status, said = crew.run(**terms, accounts=rows[-1:], death=(step, 0))
                assert (status, said) == (-9, []), f"killed {step}"
                status, said = crew.run(**terms, accounts=rows[-1:])
                assert status == 0
                answers |= {answer["name"]: answer for answer in said}
            assert findings(sim, rows, answers) == NOTHING_WRONG, step
            assert len(sent(sim)) == len(rows), f"nothing was sent twice after a death {step}"


def hung(sim, kind, method):
    """Let the request time out once it hangs, if that is what happens to it."""
    return time_out_when(*([lambda: sent(sim, method)] if kind == "hang" else []))


LOST_CANCEL = [("drop", "before"), ("drop", "after"), ("hang", "before"), ("hang", "after"), ("http", "after")]


@pytest.mark.parametrize(("kind", "phase"), LOST_CANCEL)
async def test_a32_a_cancel_whose_answer_is_lost(kraken_sim, kind, phase):
    async with trader(kraken_sim) as broker:
        placed = await broker.place(resting("a32"))
        misfortune(kraken_sim, kind=kind, phase=phase, endpoint="CancelOrder", times=1, ms=3_600_000)
        async with hung(kraken_sim, kind, "CancelOrder"):
            state = await broker.cancel(cl_ord_id="a32")
    assert (state.txid, state.status, state.committed) == (placed.txid, "canceled", 0)
    assert len(sent(kraken_sim, "CancelOrder")) == (2 if phase == "before" else 1)


@pytest.mark.kraken_sim(volatility=0)
async def test_a32_the_order_was_filled_before_the_cancel_came(kraken_sim):
    misfortune(kraken_sim, kind="drop", phase="after", endpoint="CancelOrder", times=1)
    async with trader(kraken_sim) as broker:
        placed = await broker.place(resting("a32full"))
        price(kraken_sim, "39000")
        state = await broker.cancel(txid=placed.txid)
    assert (state.status, state.committed) == ("closed", Decimal("0.001")), "the follower's size is what was filled"


async def test_a32_a_cancel_of_what_never_was(kraken_sim):
    async with trader(kraken_sim) as broker:
        assert isinstance(await broker.cancel(txid="OAAAAA-BBBBB-CCCCCC"), Refused)
        assert isinstance(await broker.cancel(cl_ord_id="nobody"), Refused)


@pytest.mark.parametrize(("kind", "phase"), LOST_CANCEL)
async def test_a32_an_amend_whose_answer_is_lost(kraken_sim, kind, phase):
    async with trader(kraken_sim) as broker:
        placed = await broker.place(resting("a32amend"))
        misfortune(kraken_sim, kind=kind, phase=phase, endpoint="AmendOrder", times=1, ms=3_600_000)
        async with hung(kraken_sim, kind, "AmendOrder"):
            state = await broker.amend(cl_ord_id="a32amend", volume=Decimal("0.002"), price=Decimal(39_000))
    assert (state.txid, state.volume, state.limit) == (placed.txid, Decimal("0.002"), Decimal(39_000))
    assert len(sent(kraken_sim, "AmendOrder")) == (2 if phase == "before" else 1)


async def test_what_an_earlier_run_left_open_is_resolved_before_anything_is_sent(kraken_sim, tmp_path):
    journal = open_journal(f"sqlite://{tmp_path}/orders.db")
    async with trader(kraken_sim, journal=journal) as broker:
        await broker.place(resting("standing"))
        misfortune(kraken_sim, kind="drop", phase="after", endpoint="AddOrder|CancelOrder|AmendOrder", times=1)
        misfortune(kraken_sim, kind="drop", endpoint="GetApiKeyInfo", times=20)
        with pytest.raises(OutcomeUnknown):
            await broker.place(market("bought"))
        with pytest.raises(OutcomeUnknown):
            await broker.place(market("bought"))
        assert len(sent(kraken_sim)) == 2, "while its fate is unknown it is not sent again"
    misfortune(kraken_sim, faults=[])
    async with trader(kraken_sim, journal=journal) as broker:
        (found,) = await broker.recover()
        assert (found.intent.name, type(found.verdict)) == ("bought", Executed)
        assert isinstance(await broker.resolve("bought"), Executed)
        assert await broker.resolve("never") is None
        placed = await broker.place(market("bought"))
        assert placed.recorded
    assert len(sent(kraken_sim)) == 2
    await journal.close()


async def test_what_an_earlier_run_did_not_get_through_is_reported_and_may_be_placed_again(kraken_sim, tmp_path):
    journal = open_journal(f"sqlite://{tmp_path}/orders.db")
    async with trader(kraken_sim, journal=journal) as broker:
        misfortune(kraken_sim, kind="drop", phase="before", endpoint="AddOrder|GetApiKeyInfo", times=20)
        with pytest.raises(OutcomeUnknown):
            await broker.place(market("unlucky"))
    misfortune(kraken_sim, faults=[])
    async with trader(kraken_sim, journal=journal) as broker:
        (found,) = await broker.recover()
        assert isinstance(found.verdict, NotExecuted)
        placed = await broker.place(market("unlucky"))
        assert placed.attempts == 2
    assert len(orders_of(kraken_sim)) == 1
    await journal.close()


def price(sim, value):
    control(sim, "price", pair="XXBTZUSD", price=value)
