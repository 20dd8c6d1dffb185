"""The master's feed against the simulated exchange: nothing old, nothing twice, nothing missed, all in order."""

import asyncio
import json
from decimal import Decimal

import pytest

from krakenonce.clock import NS_PER_MS, NS_PER_SECOND
from krakenonce.copytrader.records import OrderStep, Source
from krakenonce.simulator.faults import Fault
from tests.copytrader.feed.desk import Desk

REFUSED = Fault(kind="error", error="EGeneral:Permission denied", endpoint="GetWebSocketsToken")


def in_order(fills):
    moments = [fill.filled_ns for fill in fills]
    return moments == sorted(moments)


def test_fills_come_at_once_and_several_of_one_moment_come_together():
    desk = Desk()

    async def story():
        await desk.start()
        before_ns = desk.kraken.clock.boot_ns()
        desk.trade(7)
        await asyncio.sleep(0.01)
        assert desk.delivered == desk.real
        assert desk.batches == [7]
        assert desk.kraken.clock.boot_ns() - before_ns < 11 * NS_PER_MS

    desk.run(story)
    fill = desk.fills[0]
    assert (fill.master, fill.pair, fill.side, fill.source) == ("MASTER", "XXBTZUSD", "buy", Source.STREAM)
    assert (fill.volume, fill.order_volume, fill.price) == (Decimal("0.001"), Decimal("0.001"), Decimal("50000.1"))


def test_a42_what_was_filled_before_the_start_is_never_delivered():
    desk = Desk()

    async def story():
        desk.trade(60)
        await asyncio.sleep(0.001)
        await desk.start()
        await asyncio.sleep(120)
        desk.kraken.dialing.break_all()
        await asyncio.sleep(120)
        assert desk.fills == []
        desk.trade()
        await asyncio.sleep(1)
        assert desk.delivered == desk.real[-1:]

    desk.run(story)
    assert desk.feed.standing.repeated >= 100


def test_a_restart_delivers_what_came_since_the_cursor_and_nothing_from_before_it():
    desk = Desk()

    async def story():
        desk.trade(3)
        await asyncio.sleep(1)
        cursor_ns = desk.kraken.exchange.now
        await asyncio.sleep(1)
        desk.trade(70)
        await asyncio.sleep(5)
        await desk.start(cursor_ns)
        await asyncio.sleep(1)
        assert desk.delivered == desk.real[3:]
        assert {fill.order_volume for fill in desk.fills} == {fill.volume for fill in desk.fills}

    desk.run(story)


def test_a41_a_gap_of_120_fills_is_closed_from_the_books_in_order():
    desk = Desk()

    async def story():
        await desk.start()
        desk.trade(2)
        await asyncio.sleep(1)
        desk.kraken.is_reachable = False
        desk.kraken.dialing.break_all()
        for _ in range(120):
            desk.trade()
            await asyncio.sleep(2.5)
        assert len(desk.fills) == 2
        desk.kraken.is_reachable = True
        await asyncio.sleep(90)
        desk.trade()
        await asyncio.sleep(1)

    desk.run(story)
    assert desk.delivered == desk.real
    assert len(desk.real) == 123
    assert in_order(desk.fills)
    assert desk.feed.standing.found >= 70  # a snapshot shows 50


def test_a43_a_frame_that_is_lost_is_found_by_the_audit_within_thirty_seconds():
    desk = Desk()

    async def story():
        await desk.start()
        await asyncio.sleep(5)
        desk.kraken.exchange.faults.replace([Fault(kind="ws-drop", endpoint="executions", times=10)])
        desk.trade(2)  # four reports each
        desk.kraken.exchange.faults.replace([])
        lost_ns = desk.kraken.clock.boot_ns()
        while not desk.fills:
            await asyncio.sleep(0.1)
        assert desk.kraken.clock.boot_ns() - lost_ns <= 30.5 * NS_PER_SECOND

    desk.run(story)
    assert desk.delivered == desk.real
    assert {fill.source for fill in desk.fills} == {Source.AUDIT}
    assert desk.feed.standing.gaps == 0


def test_the_message_after_a_lost_one_shows_the_gap_and_both_come_in_order():
    desk = Desk()

    async def story():
        await desk.start()
        desk.kraken.exchange.faults.replace([Fault(kind="ws-drop", endpoint="executions", times=4)])
        desk.trade()
        await asyncio.sleep(2)
        assert desk.fills == []
        desk.trade()
        await asyncio.sleep(0.5)
        assert desk.delivered == desk.real

    desk.run(story)
    assert desk.feed.standing.gaps == 1
    assert in_order(desk.fills)


def test_repeated_frames_change_nothing():
    desk = Desk()

    async def story():
        await desk.start()
        desk.kraken.exchange.faults.replace([Fault(kind="ws-twice")])
        desk.trade(50)
        await asyncio.sleep(100)

    desk.run(story)
    assert desk.delivered == desk.real
    assert desk.feed.standing.repeated >= 200
    assert desk.feed.standing.gaps == 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_under_every_fault_each_fill_comes_once_and_none_is_missed(seed):
    desk = Desk(seed=seed, tier="intermediate")
    desk.kraken.exchange.faults.replace(
        [
            Fault(kind="ws-drop", rate=0.05, endpoint="executions", account="MASTER"),
            Fault(kind="ws-twice", rate=0.05, account="MASTER"),
            Fault(kind="ws-delay", rate=0.05, ms=700, account="MASTER"),
            Fault(kind="ws-disconnect", rate=0.01, account="MASTER"),
            Fault(kind="drop", rate=0.1, account="MASTER"),
            Fault(kind="error", rate=0.1, phase="after", account="MASTER"),
            Fault(kind="stale", rate=0.2, ms=5000, endpoint="TradesHistory"),
        ]
    )

    async def story():
        await desk.start(wait=False)
        while desk.feed.standing.audits == 0:
            await asyncio.sleep(0.1)
        for _ in range(150):
            desk.trade(desk.kraken.chance.choice([1, 1, 1, 2, 5]))
            await asyncio.sleep(desk.kraken.chance.uniform(0, 6))
        desk.kraken.exchange.faults.replace([])
        await asyncio.sleep(100)

    desk.run(story)
    assert sorted(desk.delivered) == sorted(desk.real)
    assert desk.feed.standing.connection.losses > 3
    assert desk.feed.standing.gaps > 3


def test_without_a_stream_the_books_alone_bring_every_fill():
    desk = Desk(tier="starter")

    async def story():
        desk.kraken.exchange.faults.replace([REFUSED])
        await desk.start(wait=False)
        await asyncio.sleep(5)
        desk.trade(60)
        await asyncio.sleep(20)
        assert desk.delivered == desk.real
        assert not desk.feed.standing.connection.up_since_ns

    desk.run(story)


def test_a_key_that_can_only_query_is_enough():
    desk = Desk()
    reads = {"query-funds", "query-open-trades", "query-closed-trades", "create-ws-token"}

    async def story():
        desk.kraken.exchange.accounts[0].keys[0].permissions = frozenset(reads)
        await desk.start()
        desk.trade(3)
        await asyncio.sleep(40)
        assert desk.delivered == desk.real

    desk.run(story)
    assert desk.feed.standing.connection.losses == 1  # by us, at the end


def test_a_fill_waits_for_the_volume_of_its_order_if_that_was_lost():
    desk = Desk()

    async def story():
        await desk.start()
        order = desk.hand.place("sell", "0.5", "limit", price=50050)
        await asyncio.sleep(1)
        desk.feed._orders.forget(order)
        desk.kraken.move(50200)
        await asyncio.sleep(2)

    desk.run(story)
    assert {fill.order_volume for fill in desk.fills} == {Decimal("0.5")}
    assert sum(fill.volume for fill in desk.fills) == Decimal("0.5")


def test_the_steps_of_the_masters_own_orders_are_told():
    desk = Desk()
    hand = desk.hand

    async def story():
        await desk.start()
        limit = hand.place("buy", "0.01", "limit", price=40000)
        stop = hand.place("sell", "0.02", "stop-loss", price=30000)
        hand.call("AmendOrder", txid=limit, order_qty=0.02, limit_price=41000)
        hand.call("AmendOrder", txid=stop, trigger_price=31000)
        hand.call("CancelOrder", txid=limit)
        await asyncio.sleep(1)
        assert desk.feed.open_orders == {stop}
        desk.kraken.move(30500)
        await asyncio.sleep(1)
        assert desk.feed.open_orders == set()
        return limit, stop

    limit, stop = desk.run(story)

    def steps(txid):
        return [event for event in desk.events if event.order_txid == txid]

    assert [event.step for event in steps(limit)] == [OrderStep.OPENED, OrderStep.AMENDED, OrderStep.CANCELED]
    amended = steps(limit)[1]
    assert (amended.volume, amended.limit, amended.trigger) == (Decimal("0.02"), Decimal(41000), None)
    assert [event.step for event in steps(stop)] == [
        OrderStep.OPENED,
        OrderStep.AMENDED,
        OrderStep.TRIGGERED,
        OrderStep.FILLED,
    ]
    assert [event.trigger for event in steps(stop)][:2] == [Decimal(30000), Decimal(31000)]
    assert steps(stop)[-1].executed == Decimal("0.02")


def test_what_became_of_orders_while_the_stream_was_away_is_told_afterwards():
    desk = Desk()
    hand = desk.hand

    async def story():
        kept, gone, filled = (hand.place("buy", "0.01", "limit", price=price) for price in (40000, 41000, 42000))
        await asyncio.sleep(1)
        await desk.start()
        # From before the start: no news, but this is how they stand.
        assert {(event.order_txid, event.step) for event in desk.events} == {
            (order, OrderStep.SHOWN) for order in (kept, gone, filled)
        }
        desk.events.clear()
        assert [event.step for event in desk.feed.shown(desk.kraken.exchange.now)] == [OrderStep.SHOWN] * 3
        assert [event.step for event in desk.feed.shown(0)] == [OrderStep.OPENED] * 3
        assert desk.feed.open_orders == {kept, gone, filled}
        desk.kraken.is_reachable = False
        desk.kraken.dialing.break_all()
        await asyncio.sleep(20)
        hand.call("CancelOrder", txid=gone)
        hand.call("AmendOrder", txid=kept, order_qty=0.03)
        opened = hand.place("buy", "0.02", "limit", price=39000)
        desk.kraken.move(41500)
        await asyncio.sleep(20)
        desk.kraken.is_reachable = True
        await asyncio.sleep(90)
        return kept, gone, filled, opened

    kept, gone, filled, opened = desk.run(story)
    assert {(event.order_txid, event.step) for event in desk.events} == {
        (kept, OrderStep.AMENDED),
        (gone, OrderStep.CANCELED),
        (filled, OrderStep.FILLED),
        (opened, OrderStep.OPENED),
    }


def test_the_end_of_an_order_never_overtakes_its_fills():
    desk = Desk()
    heard = []

    async def story():
        await desk.start()
        desk.feed.subscribe(
            lambda fills: heard.extend(("fill", fill.order_txid) for fill in fills),
            lambda events: heard.extend((event.step.value, event.order_txid) for event in events),
        )
        orders = [desk.hand.place("buy", "0.01", "limit", price=price) for price in (48000, 49000)]
        await asyncio.sleep(5)
        desk.kraken.exchange.faults.replace([Fault(kind="ws-drop", endpoint="executions", times=1)])
        desk.kraken.move(48500)
        await asyncio.sleep(1)
        desk.kraken.is_reachable = False
        desk.kraken.dialing.break_all()
        await asyncio.sleep(5)
        desk.kraken.move(47000)
        desk.kraken.is_reachable = True
        while sum(kind == "filled" for kind, _ in heard) < 2:
            await asyncio.sleep(0.1)
            is_told = desk.feed.open_orders is not None
            assert not is_told or all(("fill", order) in heard or order in desk.feed.open_orders for order in orders)
        return orders

    for order in desk.run(story):
        assert heard.index(("fill", order)) < heard.index(("filled", order))


def test_an_end_of_an_order_that_was_not_told_is_found_by_the_audit():
    desk = Desk()

    async def story():
        await desk.start()
        order = desk.hand.place("buy", "0.01", "limit", price=40000)
        await asyncio.sleep(20)
        desk.kraken.exchange.faults.replace([Fault(kind="ws-drop", endpoint="executions", times=1)])
        desk.hand.call("CancelOrder", txid=order)
        await asyncio.sleep(60)
        return order

    order = desk.run(story)
    steps = [event.step for event in desk.events if event.order_txid == order]
    assert steps == [OrderStep.OPENED, OrderStep.CANCELED]


def test_reports_that_cannot_be_read_are_skipped_and_their_fills_found_in_the_books(caplog):
    desk = Desk()

    async def story():
        await desk.start()
        session = desk.feed._session
        bad = [
            {"exec_type": "trade"},
            {"exec_type": "trade", "order_id": "O", "order_status": "new", "timestamp": "now", "exec_id": "T"},
            {"exec_type": "invented", "order_id": "O"},
            {"exec_type": "trade", "order_id": "O", "exec_id": "T1", "order_status": "new", "symbol": "NEW/USD",
             "timestamp": "2026-09-21T13:33:20.000001Z", "last_qty": 1, "last_price": 1, "side": "buy"},
        ]  # fmt: skip
        frame = {"channel": "executions", "type": "update", "data": bad}
        session._connection._take(json.dumps(frame))
        desk.trade(2)
        await asyncio.sleep(5)
        assert session.is_up

    desk.run(story)
    assert desk.delivered == desk.real
    assert "in no documented form" in caplog.text


def test_while_the_books_are_away_fills_are_held_only_for_a_while():
    desk = Desk()

    async def story():
        await desk.start()
        away = Fault(kind="drop", endpoint="TradesHistory", account="MASTER")
        desk.kraken.exchange.faults.replace([away, Fault(kind="ws-drop", endpoint="executions", times=240)])
        desk.trade(60)
        desk.trade()  # shows the gap: more than a snapshot holds is missing
        await asyncio.sleep(5)
        assert desk.fills == []
        await asyncio.sleep(60)
        assert len(desk.fills) == 50  # what the snapshot showed
        desk.kraken.exchange.faults.replace([])
        await asyncio.sleep(60)

    desk.run(story)
    assert sorted(desk.delivered) == sorted(desk.real)
