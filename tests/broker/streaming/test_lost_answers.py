"""Orders whose answers are lost: found out, never sent twice, counted by the exchange itself. In virtual time."""

import asyncio
import random
from decimal import Decimal

import pytest

from krakenonce.broker import Acknowledged, OrderState
from krakenonce.clock import NS_PER_SECOND
from krakenonce.errors import OutcomeUnknown, TryLater
from krakenonce.kraken.replies import Refused
from krakenonce.simulator.faults import Fault
from tests.broker.streaming.desk import Desk

STORM = (
    Fault(kind="ws-drop", rate=0.06),
    Fault(kind="ws-drop", rate=0.06, phase="after"),
    Fault(kind="ws-twice", rate=0.08),
    Fault(kind="ws-delay", rate=0.08, ms=900),
    Fault(kind="ws-disconnect", rate=0.02),
    Fault(kind="ws-disconnect", rate=0.02, phase="after"),
    Fault(kind="drop", rate=0.05),
    Fault(kind="drop", rate=0.05, phase="after"),
    Fault(kind="error", rate=0.05, phase="after"),
    Fault(kind="http", rate=0.05, phase="after"),
    Fault(kind="stale", rate=0.2, ms=6000, endpoint="OpenOrders|ClosedOrders|TradesHistory|QueryOrders"),
)


def lost(desk, endpoint, *, phase, **fault):
    desk.kraken.exchange.faults.add(Fault(kind="ws-drop", endpoint=endpoint, phase=phase, times=1, **fault))


def test_an_order_whose_answer_is_lost_is_known_by_its_stream():
    desk = Desk()

    async def story():
        lost(desk, "add_order", phase="after")
        order, deadline = desk.ioc("one"), desk.deadline()
        assert isinstance(await desk.account.send(order, deadline), Acknowledged)
        return await desk.account.ending(order, deadline)

    assert desk.run(story).executed == Decimal("0.01")
    assert desk.calls("OpenOrders") == 0


def test_an_order_that_never_arrived_is_proved_not_to_exist_and_not_before_its_deadline_is_over():
    desk = Desk()

    async def story():
        lost(desk, "add_order", phase="before")
        order, deadline = desk.ioc("one"), desk.deadline()
        with pytest.raises(OutcomeUnknown):
            await desk.account.send(order, deadline)
        assert await desk.account.ending(order, deadline) is None
        assert desk.kraken.exchange.now > deadline + 10 * NS_PER_SECOND

    desk.run(story)
    assert not desk.orders()


def test_an_order_that_arrives_long_after_its_connection_was_lost_is_found():
    desk = Desk()

    async def story():
        desk.kraken.exchange.faults.add(Fault(kind="ws-delay", endpoint="add_order", ms=3500, times=1))
        order, deadline = desk.ioc("one"), desk.deadline()
        sent = desk.account.send(order, deadline)
        desk.kraken.dialing.break_all()
        with pytest.raises(OutcomeUnknown):
            await sent
        return await desk.account.ending(order, deadline)

    assert desk.run(story).executed == Decimal("0.01")
    assert len(desk.orders()["one"]) == 1


def test_an_order_that_arrives_after_its_deadline_is_refused_by_the_exchange_and_never_existed():
    desk = Desk()

    async def story():
        desk.kraken.exchange.faults.add(Fault(kind="ws-delay", endpoint="add_order", ms=8000, times=1))
        order, deadline = desk.ioc("one"), desk.deadline()
        with pytest.raises(OutcomeUnknown):
            await desk.account.send(order, deadline)
        assert await desk.account.ending(order, deadline) is None

    desk.run(story)
    assert not desk.orders()


def test_books_that_lag_do_not_make_an_order_count_as_absent():
    desk = Desk()

    async def story():
        books = "OpenOrders|ClosedOrders|TradesHistory"
        desk.kraken.exchange.faults.replace([Fault(kind="stale", ms=8000, endpoint=books)])
        desk.kraken.exchange.faults.add(Fault(kind="ws-delay", endpoint="add_order", ms=4500, times=1))
        order, deadline = desk.ioc("one"), desk.deadline()
        sent = desk.account.send(order, deadline)
        desk.kraken.dialing.break_all()
        with pytest.raises(OutcomeUnknown):
            await sent
        return await desk.account.ending(order, deadline)

    assert desk.run(story).executed == Decimal("0.01")


def test_an_ending_that_is_not_told_is_looked_up():
    desk = Desk()

    async def story():
        desk.kraken.exchange.faults.replace([Fault(kind="ws-drop", endpoint="executions")])
        order, deadline = desk.ioc("one"), desk.deadline()
        await desk.account.send(order, deadline)
        return await desk.account.ending(order, deadline)

    state = desk.run(story)
    assert (state.executed, state.fee) == (Decimal("0.01"), Decimal(4))
    assert desk.calls("QueryOrders") == 1


def test_a_lost_trade_report_does_not_falsify_the_fee():
    desk = Desk()

    async def story():
        order, deadline = desk.market("one", "1.8"), desk.deadline()  # walks through several levels
        sent = desk.account.send(order, deadline)
        desk.kraken.exchange.faults.replace([Fault(kind="ws-drop", endpoint="executions", rate=0.5)])
        await sent
        state = await desk.account.ending(order, deadline)
        (placed,) = desk.orders()["one"]
        assert (state.executed, state.cost) == (placed.filled, placed.cost.quantize(state.cost))
        assert abs(state.fee - placed.fee) < Decimal("0.001")

    desk.run(story)


def test_resting_orders_that_end_while_the_stream_is_away_are_found_in_one_look():
    desk = Desk()

    async def story():
        orders = [desk.resting(f"rest{number}", "0.001", str(40000 + number)) for number in range(20)]
        deadline = desk.deadline()
        await asyncio.gather(*(desk.account.send(order, deadline) for order in orders))
        endings = [asyncio.create_task(desk.account.ending(order, deadline)) for order in orders]
        await asyncio.sleep(5)
        desk.kraken.is_reachable = False
        desk.kraken.dialing.break_all()
        await asyncio.sleep(5)
        for (order,) in list(desk.orders().values())[:15]:
            desk.hand.call("CancelOrder", txid=order.txid)
        await asyncio.sleep(1)
        desk.kraken.is_reachable = True
        await asyncio.sleep(100)
        assert [ending.done() for ending in endings] == [True] * 15 + [False] * 5
        assert {ending.result().status for ending in endings[:15]} == {"canceled"}
        for ending in endings:
            ending.cancel()

    desk.run(story)
    assert desk.calls("QueryOrders") <= 3


@pytest.mark.parametrize("arrives", [True, False])
def test_after_a_restart_an_order_of_the_earlier_run_is_found_out_by_its_name(arrives):
    desk = Desk()

    async def story():
        if not arrives:
            lost(desk, "add_order", phase="before")
        order, deadline = desk.ioc("one"), desk.deadline()
        desk.account.send(order, deadline)
        await asyncio.sleep(0.2)
        await desk.stop()
        await desk.start()
        ending = await desk.account.ending(order, deadline)
        assert (ending is not None) is arrives

    desk.run(story)
    assert len(desk.orders()) == arrives


@pytest.mark.parametrize("websocket", [True, False])
def test_an_ending_is_found_however_long_the_exchange_is_away(websocket):
    desk = Desk()

    async def story():
        order, deadline = desk.resting("one"), desk.deadline()
        await desk.account.send(order, deadline)
        ending = asyncio.create_task(desk.account.ending(order, deadline))
        desk.kraken.is_reachable = False
        desk.kraken.dialing.break_all()
        await asyncio.sleep(3600)
        desk.hand.call("CancelAll")
        assert not ending.done()
        desk.kraken.is_reachable = True
        return await ending

    assert desk.run(story, websocket=websocket).status == "canceled"


async def want(desk, number, findings, *, resolve):
    """Have one order placed exactly once, as a copy trader would: a new name only after proof that the last is dead."""
    account = desk.account
    for attempt in range(30):
        order, deadline = desk.ioc(f"w{number}x{attempt}", "0.001"), desk.deadline()
        try:
            answer = await account.send(order, deadline)
        except (OutcomeUnknown, TryLater):
            answer = None
        if isinstance(answer, Refused):
            await asyncio.sleep(1)
            continue
        if not resolve and answer is None:
            continue  # the mistake: what is not known counts as not executed
        ending = await account.ending(order, deadline)
        if isinstance(ending, OrderState) and ending.executed:
            findings[number] = ending
            return
    raise AssertionError(f"order {number} was never placed")


def placed(desk):
    """Return how many executed orders the exchange has for each wanted one."""
    counts = {}
    for name, orders in desk.orders().items():
        number = int(name[1:].partition("x")[0])
        counts[number] = counts.get(number, 0) + sum(order.filled > 0 for order in orders)
    return counts


def storm(seed, wanted=60, *, resolve=True):
    desk, findings = Desk(seed=seed), {}

    async def story():
        chance = random.Random(seed)
        desk.kraken.exchange.faults.replace(STORM)
        tasks = []
        for number in range(wanted):
            tasks.append(asyncio.create_task(want(desk, number, findings, resolve=resolve)))
            await asyncio.sleep(chance.uniform(0, 4))
        await asyncio.gather(*tasks)

    desk.run(story, wait=False)
    return desk, findings


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_under_every_fault_each_wanted_order_exists_exactly_once_by_the_exchanges_own_count(seed):
    desk, findings = storm(seed)
    assert placed(desk) == dict.fromkeys(range(60), 1)
    exchange = {order.txid: order for orders in desk.orders().values() for order in orders}
    for ending in findings.values():
        order = exchange[ending.txid]
        assert (ending.executed, ending.cost) == (order.filled, order.cost.quantize(ending.cost))
        assert abs(ending.fee - order.fee) < Decimal("0.00002")
    assert desk.account.standing.losses > 3


def test_without_the_finding_out_the_same_storm_leaves_duplicates():
    """Positive control."""
    desk, _ = storm(1, resolve=False)
    assert max(placed(desk).values()) > 1


@pytest.mark.parametrize("websocket", [True, False])
def test_a_proof_is_completed_although_it_costs_more_than_the_call_counter_holds(websocket):
    """Were it begun anew at each refusal, it would never be complete: the counter fades too slowly."""
    desk = Desk(tier="starter")

    async def story():
        for _ in range(6):
            await desk.broker.open_orders()
        if websocket:
            lost(desk, "add_order", phase="before")
        desk.kraken.exchange.faults.add(Fault(kind="drop", endpoint="AddOrder"))
        order, deadline = desk.ioc("one"), desk.deadline()
        async with asyncio.timeout(600):
            await asyncio.wait((desk.account.send(order, deadline),))
            assert await desk.account.ending(order, deadline) is None

    desk.run(story, websocket=websocket)
    assert not desk.orders()


def test_whoever_waits_for_an_order_is_told_if_the_question_what_became_of_it_is_refused():
    desk = Desk()

    async def story():
        faults = desk.kraken.exchange.faults
        faults.add(Fault(kind="drop", endpoint="AddOrder", phase="after", times=1))
        faults.add(Fault(kind="error", endpoint="GetApiKeyInfo", error="EAPI:Rate limit exceeded", times=1))
        order, deadline = desk.ioc("one"), desk.deadline(30)
        async with asyncio.timeout(600):
            with pytest.raises(OutcomeUnknown):
                await desk.account.send(order, deadline)
            return await desk.account.ending(order, deadline)

    assert desk.run(story, websocket=False).executed == Decimal("0.01")
    assert len(desk.orders()["one"]) == 1


def test_orders_that_were_refused_are_not_remembered_for_ever():
    desk = Desk()

    async def story():
        desk.kraken.exchange.faults.add(Fault(kind="error", endpoint="add_order", error="EOrder:Insufficient funds"))
        for number in range(50):
            answer = await desk.account.send(desk.ioc(f"n{number}"), desk.deadline())
            assert isinstance(answer, Refused)
        flights = desk.account._flights
        assert flights.get("n49") is not None
        assert flights.get("n0") is None
        assert len(flights._flights) <= 4

    desk.run(story)
