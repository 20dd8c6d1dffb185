"""One account over WebSocket: orders, endings, changes, balances; and REST where there is no socket."""

import asyncio
import logging
from decimal import Decimal

import pytest

from krakenonce.broker import Acknowledged, Order
from krakenonce.broker.streaming import CancelAfter
from krakenonce.clock import NS_PER_SECOND
from krakenonce.errors import OutcomeUnknown, RequestRefused
from krakenonce.kraken.replies import Refused
from krakenonce.rates import Limits
from krakenonce.simulator.faults import Fault
from tests.broker.streaming.desk import PAIR, Desk

REFUSED = Fault(kind="error", error="EGeneral:Permission denied", endpoint="GetWebSocketsToken")


def test_an_order_is_handed_over_in_the_call_acknowledged_and_its_ending_told_without_a_look_up():
    desk = Desk()

    async def story():
        order, deadline = desk.ioc("one"), desk.deadline()
        sent = desk.account.send(order, deadline)
        assert isinstance(await sent, Acknowledged)
        return await desk.account.ending(order, deadline)

    state = desk.run(story)
    assert (state.status, state.executed, state.pair) == ("closed", Decimal("0.01"), PAIR)
    assert state.cost == Decimal("500.00100")
    assert state.fee == Decimal("4.00000")
    assert desk.calls("QueryOrders") + desk.calls("AddOrder") == 0


def test_a_hundred_orders_leave_in_one_turn_of_the_loop():
    desk = Desk(latency_ms=0, jitter_ms=0)

    async def story():
        orders = [desk.ioc(f"many{number}", "0.001") for number in range(100)]
        deadline = desk.deadline()
        turns = 0

        async def count():
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        before = turns
        sent = [desk.account.send(order, deadline) for order in orders]
        assert turns == before
        counting.cancel()
        return await asyncio.gather(*sent)

    assert all(isinstance(answer, Acknowledged) for answer in desk.run(story))


def test_getting_ready_sends_nothing_and_what_is_sent_is_what_was_asked_for_last():
    desk = Desk()

    async def story():
        one, other, deadline = desk.ioc("one"), desk.ioc("other", "0.02"), desk.deadline()
        desk.account.get_ready(one, deadline)
        desk.account.get_ready(desk.ioc("never", "0.03"), deadline)
        await asyncio.sleep(1)
        assert desk.calls("add_order") == 0
        desk.account.get_ready(one, deadline - NS_PER_SECOND)
        states = []
        for order in (one, other):
            await desk.account.send(order, deadline)
            states.append(await desk.account.ending(order, deadline))
        return states

    states = desk.run(story)
    assert [(state.cl_ord_id, state.executed) for state in states] == [
        ("one", Decimal("0.01")),
        ("other", Decimal("0.02")),
    ]


def test_an_order_that_finds_no_counterpart_ends_cancelled():
    desk = Desk()

    async def story():
        order, deadline = desk.ioc("low", price="45000"), desk.deadline()
        await desk.account.send(order, deadline)
        return await desk.account.ending(order, deadline)

    state = desk.run(story)
    assert (state.status, state.executed) == ("canceled", 0)


@pytest.mark.parametrize(
    ("order", "error"),
    [
        (Order(PAIR, "buy", Decimal("0.0000001"), cl_ord_id="small"), "volume minimum not met"),
        (Order(PAIR, "buy", Decimal(900), cl_ord_id="much"), "EOrder:Insufficient funds"),
    ],
)
def test_what_the_exchange_refuses_is_refused_and_never_existed(order, error):
    desk = Desk()

    async def story():
        deadline = desk.deadline()
        answer = await desk.account.send(order, deadline)
        assert isinstance(answer, Refused)
        assert error in answer.error
        assert await desk.account.ending(order, deadline) is None

    desk.run(story)
    assert not desk.orders()


@pytest.mark.parametrize(
    ("order", "limit", "trigger"),
    [
        (Order(PAIR, "sell", Decimal("0.01"), "stop-loss", Decimal(40000), cl_ord_id="a"), None, 40000),
        (Order(PAIR, "sell", Decimal("0.01"), "take-profit", Decimal(60000), cl_ord_id="a"), None, 60000),
        (
            Order(PAIR, "sell", Decimal("0.01"), "stop-loss-limit", Decimal(40000), "a", price2=Decimal(39000)),
            39000,
            40000,
        ),
        (Order(PAIR, "buy", Decimal("0.01"), "limit", Decimal(40000), "a"), 40000, None),
    ],
)
def test_orders_that_rest_go_over_the_socket_with_their_prices_and_are_amended(order, limit, trigger):
    desk = Desk()

    async def story():
        deadline = desk.deadline()
        assert isinstance(await desk.account.send(order, deadline), Acknowledged)
        (placed,) = desk.orders()["a"]
        assert (placed.limit_price, placed.trigger_price) == (limit, trigger)
        moved = [None if price is None else Decimal(price + 100) for price in (limit, trigger)]
        await desk.account.amend("a", volume=Decimal("0.02"), limit=moved[0], trigger=moved[1])
        assert [placed.limit_price, placed.trigger_price, placed.volume] == [*moved, Decimal("0.02")]
        ending = asyncio.create_task(desk.account.ending(order, deadline))
        await asyncio.sleep(5)
        assert not ending.done()
        await desk.account.cancel("a")
        return await ending

    assert desk.run(story).status == "canceled"
    assert desk.calls("AddOrder") + desk.calls("AmendOrder") + desk.calls("CancelOrder") == 0


def test_cancelling_what_is_gone_is_no_error_and_amending_it_is_refused():
    desk = Desk()

    async def story():
        await desk.account.cancel("never")
        await desk.account.cancel_all(["never", "ever"])
        with pytest.raises(RequestRefused):
            await desk.account.amend("never", volume=Decimal(1), limit=Decimal(1), trigger=None)

    desk.run(story)


def test_cancelling_an_order_that_is_still_under_way_cancels_it_when_it_arrives():
    desk = Desk()

    async def story():
        desk.kraken.exchange.faults.add(Fault(kind="ws-delay", endpoint="add_order", ms=400, times=1))
        order, deadline = desk.resting("late"), desk.deadline()
        desk.account.send(order, deadline)
        await desk.account.cancel_all(["late"])
        return await desk.account.ending(order, deadline)

    assert desk.run(story).status == "canceled"


def test_without_a_socket_orders_go_over_rest_and_that_is_said_once(caplog):
    desk = Desk()

    async def story():
        assert desk.account.path == "rest"
        for number in range(3):
            order, deadline = desk.ioc(f"rest{number}"), desk.deadline()
            assert isinstance(await desk.account.send(order, deadline), Acknowledged)
            assert (await desk.account.ending(order, deadline)).executed == Decimal("0.01")

    with caplog.at_level(logging.INFO):
        desk.run(story, websocket=False)
    assert caplog.text.count("orders go over REST") == 1
    assert desk.calls("AddOrder") == 3


def test_a_key_that_may_not_use_websockets_trades_over_rest(caplog):
    desk = Desk()
    desk.kraken.exchange.faults.add(REFUSED)

    async def story():
        await asyncio.sleep(2)
        order, deadline = desk.market("one"), desk.deadline()
        assert isinstance(await desk.account.send(order, deadline), Acknowledged)
        return await desk.account.ending(order, deadline)

    assert desk.run(story, wait=False).executed == Decimal("0.01")
    assert caplog.text.count("no token: EGeneral:Permission denied") == 1


def test_when_the_socket_is_lost_orders_go_over_rest_until_it_is_back(caplog):
    desk = Desk()

    async def story():
        for number in range(3):
            order, deadline = desk.ioc(f"order{number}"), desk.deadline()
            if number == 1:
                desk.kraken.dialing.break_all()
                await asyncio.sleep(0.001)
                assert desk.account.path == "rest"
            await desk.account.send(order, deadline)
            assert (await desk.account.ending(order, deadline)).executed == Decimal("0.01")
            await desk.connected()

    with caplog.at_level(logging.INFO):
        desk.run(story)
    assert desk.calls("AddOrder") == 1
    assert [message for message in caplog.messages if "orders go over" in message] == [
        f"USER:1: orders go over {way}" for way in ("WebSocket", "REST", "WebSocket")
    ]


def test_a_token_that_is_not_valid_any_more_is_replaced_and_the_order_goes_over_rest():
    desk = Desk()

    async def story():
        desk.kraken.exchange.tokens._tokens.clear()
        order, deadline = desk.ioc("one"), desk.deadline()
        assert isinstance(await desk.account.send(order, deadline), Acknowledged)
        assert (await desk.account.ending(order, deadline)).executed == Decimal("0.01")
        await desk.connected()

    desk.run(story)
    assert len(desk.orders()["one"]) == 1
    assert desk.calls("GetWebSocketsToken") == 2


def test_an_order_whose_time_is_over_is_not_sent():
    desk = Desk()

    async def story():
        answer = await desk.account.send(desk.ioc("late"), desk.broker.now_ns() + NS_PER_SECOND)
        assert isinstance(answer, Refused)

    desk.run(story, websocket=False)
    assert desk.calls("AddOrder") == 0


def test_balances_are_told_and_asked_for_only_if_something_is_bound():
    desk = Desk()

    async def story():
        order, deadline = desk.ioc("one"), desk.deadline()
        await desk.account.send(order, deadline)
        await desk.account.ending(order, deadline)
        told, asked = await desk.account.balances(), await desk.broker.balances()
        before = desk.calls("BalanceEx")
        for asset in ("XXBT", "ZUSD"):
            assert abs(told[asset].available - asked[asset].available) < Decimal("0.0001")
        await desk.account.send(desk.resting("rests"), desk.deadline())
        await asyncio.sleep(1)
        bound = await desk.account.balances()
        assert bound["ZUSD"].held > 400
        assert desk.calls("BalanceEx") == before + 1
        await desk.account.cancel("rests")
        await asyncio.sleep(1)
        desk.kraken.exchange.faults.add(Fault(kind="ws-drop", endpoint="balances", times=1))
        desk.hand.place()
        desk.hand.place()
        await asyncio.sleep(2)
        told, asked = await desk.account.balances(), await desk.broker.balances()
        assert abs(told["XXBT"].total - asked["XXBT"].total) < Decimal("0.0001")

    desk.run(story)


def test_cancel_after_is_kept_alive_and_fires_only_when_we_are_gone():
    desk = Desk()

    async def story():
        order, deadline = desk.resting("stays"), desk.deadline()
        await desk.account.send(order, deadline)
        await asyncio.sleep(600)
        (placed,) = desk.orders()["stays"]
        assert placed.is_open
        desk.kraken.dialing.break_all()
        await asyncio.sleep(300)
        assert placed.is_open
        for task in (*desk.account._tasks, *desk.account._winding):
            task.cancel()
        await asyncio.sleep(61)
        assert not placed.is_open
        desk.account._winder._may_fire = False

    desk.run(story, switch=CancelAfter())


def test_what_cancel_after_has_cancelled_is_told_from_what_somebody_has():
    desk = Desk()

    async def ended(name, happens):
        order, deadline = desk.resting(name), desk.deadline()
        await desk.account.send(order, deadline)
        (placed,) = desk.orders()[name]
        await asyncio.sleep(60)
        await happens(placed)
        state = await desk.account.ending(order, deadline)
        assert state.closed_ns == placed.closed_ns + desk.kraken.exchange.shown_ns - desk.kraken.exchange.now
        return desk.account.was_switched_off(state)

    async def by_hand(placed):
        desk.hand.call("CancelOrder", txid=placed.txid)

    async def by_silence(placed):
        desk.kraken.is_reachable = False
        desk.kraken.dialing.break_all()
        await asyncio.sleep(200)
        assert not placed.is_open
        desk.kraken.is_reachable = True

    async def story():
        assert [await ended(name, how) for name, how in (("h1", by_hand), ("s", by_silence), ("h2", by_hand))] == [
            False, True, False,
        ]  # fmt: skip

    desk.run(story, switch=CancelAfter())


def test_closing_disarms_cancel_after():
    desk = Desk()

    async def story():
        await desk.account.send(desk.resting("stays"), desk.deadline())
        await desk.stop()
        await asyncio.sleep(600)
        (placed,) = desk.orders()["stays"]
        assert placed.is_open

    desk.run(story, switch=CancelAfter())


@pytest.mark.parametrize("moment_ms", range(20, 40, 4))
def test_closing_disarms_cancel_after_also_while_it_is_wound_up(moment_ms):
    desk = Desk()

    async def story():
        await desk.account.send(desk.resting("stays"), desk.deadline())
        await desk.stop()
        await desk.start(wait=False, switch=CancelAfter())
        await asyncio.sleep(moment_ms / 1000)
        await desk.stop()
        await asyncio.sleep(600)
        (placed,) = desk.orders()["stays"]
        assert placed.is_open

    desk.run(story)


def test_limits_of_orders_are_kept_over_websocket_too():
    desk = Desk(tier="starter")

    async def story():
        deadline = desk.deadline(50)
        orders = [desk.ioc(f"many{number}", "0.001") for number in range(90)]
        answers = await asyncio.gather(*(desk.account.send(order, deadline) for order in orders))
        assert all(isinstance(answer, Acknowledged) for answer in answers)

    desk.run(story, limits=Limits(tier="starter"))
    assert len(desk.orders()) == 90
    assert desk.kraken.clock.boot_ns() > 30 * NS_PER_SECOND
    assert desk.calls("AddOrder") == 0


def test_without_the_rate_model_the_exchange_refuses():
    """Positive control."""
    desk = Desk(tier="starter")

    async def story():
        deadline = desk.deadline(50)
        orders = [desk.ioc(f"many{number}", "0.001") for number in range(90)]
        answers = await asyncio.gather(*(desk.account.send(order, deadline) for order in orders))
        assert any(isinstance(answer, Refused) and "Rate limit" in answer.error for answer in answers)

    desk.run(story)


def test_an_answer_that_says_nothing_leaves_the_order_unknown():
    desk = Desk()

    async def story():
        order, deadline = desk.ioc("one"), desk.deadline()
        desk.account._stream._on_order = lambda _: None
        sent = desk.account.send(order, deadline)
        connection = desk.account.session._connection
        connection._take('{"method":"add_order","req_id":3,"success":true,"result":{"order_id":7}}')
        with pytest.raises(OutcomeUnknown):
            await sent
        assert (await desk.account.ending(order, deadline)).executed == Decimal("0.01")

    desk.run(story)
    assert len(desk.orders()["one"]) == 1


def test_an_order_that_is_under_way_is_not_sent_again():
    desk = Desk()

    async def story():
        order, deadline = desk.ioc("one"), desk.deadline()
        first, second = desk.account.send(order, deadline), desk.account.send(order, deadline)
        assert await first is await second
        await desk.account.ending(order, deadline)

    desk.run(story)
    assert len(desk.orders()["one"]) == 1


def test_a_snapshot_that_is_lost_is_asked_for_again():
    desk = Desk()
    desk.kraken.exchange.faults.add(Fault(kind="ws-drop", endpoint="executions", times=1))

    async def story():
        assert not desk.account._stream.is_live
        order, deadline = desk.ioc("one"), desk.deadline()
        await desk.account.send(order, deadline)
        assert (await desk.account.ending(order, deadline)).executed == Decimal("0.01")
        await asyncio.sleep(1)
        assert desk.account._stream.is_live

    desk.run(story)
    assert desk.calls("GetWebSocketsToken") == 2
