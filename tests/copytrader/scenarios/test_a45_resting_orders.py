"""A45: in mode orders every step of the master's resting orders is followed; in mode fills none rests. No orphans."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from krakenonce.broker.streaming import CancelAfter
from krakenonce.copytrader.engine.board import Board
from krakenonce.copytrader.mirroring import steering
from krakenonce.copytrader.policy import CopyMode
from tests.copytrader.trading import HALF, VirtualTrading, bought_and_sold, doubles

MIRROR = replace(HALF, mode=CopyMode.ORDERS)


@pytest.fixture
def trading():
    return VirtualTrading([MIRROR, HALF], latency_ms=20, jitter_ms=15)


def resting(trading, place):
    account = trading.kraken.exchange.accounts[place]
    return [order for order in account.orders.values() if order.is_open]


def shape(order):
    price = order.limit_price if order.limit_price is not None else order.trigger_price
    return order.ticket.side, order.ticket.ordertype, order.volume - order.filled, price


async def begin(trading):
    await trading.start()
    await trading.connected()


async def quiet(trading):
    await asyncio.sleep(3)
    await trading.copier.idle()
    await asyncio.sleep(3)


def test_a45_a_limit_order_is_placed_amended_part_filled_and_cancelled_with_the_masters(trading):
    async def story():
        await begin(trading)
        txid = trading.hand.place("buy", "0.2", "limit", price="49000")
        await quiet(trading)
        assert [shape(order) for order in resting(trading, 1)] == [("buy", "limit", Decimal("0.1"), Decimal(49000))]
        assert resting(trading, 2) == [], "in mode fills nothing rests"
        trading.hand.call("AmendOrder", txid=txid, order_qty="0.3", limit_price="48000")
        await quiet(trading)
        assert [shape(order)[2:] for order in resting(trading, 1)] == [(Decimal("0.15"), Decimal(48000))]
        trading.hand.call("CancelOrder", txid=txid)
        await quiet(trading)
        assert resting(trading, 1) == []

    trading.run(story)
    assert [bought_and_sold(one) for one in trading.kraken.exchange.accounts] == [(0, 0)] * 3


def test_a45_a_stop_by_losses_takes_back_what_rests_to_be_bought():
    limited = replace(MIRROR, guards=replace(HALF.guards, daily_loss=Decimal(1_000)))
    trading = VirtualTrading([limited, MIRROR], latency_ms=20, jitter_ms=15)

    async def story():
        await begin(trading)
        trading.hand.place("buy", "1")
        await quiet(trading)
        trading.hand.place("buy", "0.2", "limit", price="40000")
        await quiet(trading)
        assert [len(resting(trading, place)) for place in (1, 2)] == [1, 1]
        trading.kraken.move(45_000)
        setting = trading.copier._board.setting
        setting.quotes.take({"XXBTZUSD": Decimal(45_000)}, setting.clock.wall_ns())
        await asyncio.sleep(200)
        await quiet(trading)
        assert [len(resting(trading, place)) for place in (1, 2)] == [0, 1], "a soft stop is of one user alone"

    trading.run(story)
    assert bought_and_sold(trading.kraken.exchange.accounts[1]) == (Decimal("0.5"), 0)


def test_a45_a_stop_that_mirrored_orders_do_not_hear_of_is_found_out(monkeypatch):
    """Positive control."""
    monkeypatch.setattr(Board, "hear_stops", lambda *_: None)
    with pytest.raises(AssertionError, match="a soft stop is of one user alone"):
        test_a45_a_stop_by_losses_takes_back_what_rests_to_be_bought()


@pytest.mark.parametrize("ordertype", ["limit", "stop-loss", "take-profit"])
def test_a45_what_is_filled_in_the_end_is_held_exactly_once(trading, ordertype):
    prices = {"limit": ("49000", 48000), "stop-loss": ("51000", 52000), "take-profit": ("49000", 48000)}
    trigger, market = prices[ordertype]

    async def story():
        await begin(trading)
        trading.hand.place("buy", "0.2", ordertype, price=trigger)
        await quiet(trading)
        assert len(resting(trading, 1)) == 1
        trading.kraken.move(market)
        await quiet(trading)
        trading.hand.place("sell", "0.1")
        await quiet(trading)

    trading.run(story)
    for account in trading.kraken.exchange.accounts[1:]:
        assert bought_and_sold(account) == (Decimal("0.1"), Decimal("0.05"))
        assert doubles(account) == []
    assert [resting(trading, place) for place in (1, 2)] == [[], []]


def test_a45_a_sell_order_binds_what_was_copied_and_closes_it(trading):
    async def story():
        await begin(trading)
        trading.hand.place("buy", "0.2")
        await quiet(trading)
        trading.hand.place("sell", "0.1", "limit", price="51000")
        trading.hand.place("sell", "0.1", "stop-loss", price="49000")
        await quiet(trading)
        sides = sorted(shape(order)[:3] for order in resting(trading, 1))
        assert sides == [("sell", "limit", Decimal("0.05")), ("sell", "stop-loss", Decimal("0.05"))]
        trading.kraken.move(52000)
        await quiet(trading)
        trading.kraken.move(48000)
        await quiet(trading)

    trading.run(story)
    for account in trading.kraken.exchange.accounts[1:]:
        assert bought_and_sold(account) == (Decimal("0.1"), Decimal("0.1"))
    assert [resting(trading, place) for place in (1, 2)] == [[], []]


def test_a45_after_a_restart_open_mirrors_are_taken_up_and_none_is_placed_again(trading):
    async def story():
        await begin(trading)
        txid = trading.hand.place("buy", "0.2", "limit", price="49000")
        await quiet(trading)
        (before,) = resting(trading, 1)
        await trading.close()
        await begin(trading)
        await quiet(trading)
        assert resting(trading, 1) == [before]
        trading.hand.call("CancelOrder", txid=txid)
        await quiet(trading)
        assert resting(trading, 1) == []

    trading.run(story)
    assert doubles(trading.kraken.exchange.accounts[1]) == []


@pytest.mark.parametrize("stands", [True, False])
def test_a45_after_a_restart_nothing_is_placed_before_the_masters_order_is_known_to_stand(trading, stands):
    async def story():
        await begin(trading)
        txid = trading.hand.place("buy", "0.2", "limit", price="49000")
        await quiet(trading)
        await trading.copier.pause("lunch")
        await quiet(trading)
        assert resting(trading, 1) == []
        await trading.close()
        if not stands:
            trading.hand.call("CancelOrder", txid=txid)
        await trading.start()
        await trading.copier.resume()
        await trading.connected()
        await quiet(trading)
        assert len(resting(trading, 1)) == stands

    trading.run(story)
    assert len(trading.kraken.exchange.accounts[1].orders) == 1 + stands, "not even for a moment"


def test_a45_while_the_masters_stream_is_away_nothing_is_placed_for_his_orders(trading):
    async def story():
        await begin(trading)
        trading.hand.place("buy", "0.2", "limit", price="49000")
        kept = trading.hand.place("buy", "0.4", "limit", price="48000")
        await quiet(trading)
        await trading.copier.pause("lunch")
        await quiet(trading)
        trading.copier.on_silence("MASTER")
        await trading.copier.resume()
        await quiet(trading)
        assert resting(trading, 1) == []
        trading.copier.on_open_orders("MASTER", {kept})
        await quiet(trading)
        assert [shape(order)[3] for order in resting(trading, 1)] == [Decimal(48000)]

    trading.run(story)


@pytest.mark.parametrize(
    "story",
    [
        lambda trading: test_a45_after_a_restart_nothing_is_placed_before_the_masters_order_is_known_to_stand(
            trading, stands=False
        ),
        test_a45_while_the_masters_stream_is_away_nothing_is_placed_for_his_orders,
    ],
)
def test_a45_placing_without_knowing_that_the_masters_order_stands_is_found_out(trading, story, monkeypatch):
    """Positive control."""
    whole = steering.Surroundings
    monkeypatch.setattr(steering, "Surroundings", lambda **around: whole(**{**around, "stands": True}))
    with pytest.raises(AssertionError):
        story(trading)


def test_a45_a_kill_cancels_mirrors_and_they_are_placed_again_only_after_re_arming(trading):
    async def story():
        await begin(trading)
        trading.hand.place("buy", "0.2", "limit", price="49000")
        await quiet(trading)
        await trading.copier.kill("enough")
        await quiet(trading)
        assert resting(trading, 1) == []
        await trading.copier.rearm()
        await quiet(trading)
        assert len(resting(trading, 1)) == 1

    trading.run(story)


def in_the_silence(*happenings):
    """Let the connections be lost for longer than the cancel-after switch waits, and *happenings* happen meanwhile."""
    trading = VirtualTrading([MIRROR, MIRROR], latency_ms=20, jitter_ms=15)
    trading.switch = CancelAfter()

    async def story():
        await begin(trading)
        txid = trading.hand.place("buy", "0.2", "limit", price="49000")
        await quiet(trading)
        trading.kraken.is_reachable = False
        trading.kraken.dialing.break_all()
        await asyncio.sleep(20)
        for happens in happenings:
            happens(trading, txid)
        await asyncio.sleep(300)
        assert [resting(trading, place) for place in (1, 2)] == [[], []], "the switch has fired"
        trading.kraken.is_reachable = True
        await asyncio.sleep(300)
        await quiet(trading)
        # Whoever was disarmed by it is armed again: a second silence ends as the first.
        assert all(stream._winder.is_armed for stream in trading.streams)

    trading.run(story)
    accounts = trading.kraken.exchange.accounts[1:]
    assert [doubles(account) for account in accounts] == [[], []]
    return [len(account.orders) for account in accounts], [len(resting(trading, place)) for place in (1, 2)]


def masters_is_cancelled(trading, txid):
    trading.hand.call("CancelOrder", txid=txid)


def own_is_cancelled_by_hand(trading, _):
    (order,) = resting(trading, 1)
    trading.kraken.hand(1).call("CancelOrder", txid=order.txid)


meanwhile = pytest.mark.parametrize(
    ("happenings", "placed", "rest"),
    [
        ((), [2, 2], [1, 1]),
        ((masters_is_cancelled,), [1, 1], [0, 0]),
        ((own_is_cancelled_by_hand,), [1, 2], [0, 1]),
    ],
)


@meanwhile
def test_a45_what_the_cancel_after_switch_has_cancelled_is_placed_once_more_if_the_masters_order_stands(
    happenings, placed, rest
):
    assert in_the_silence(*happenings) == (placed, rest)


def test_a45_a_switch_of_which_nobody_knows_is_found_out(monkeypatch):
    """Positive control: what was cancelled is taken for somebody's wish then."""
    monkeypatch.setattr("krakenonce.broker.streaming.switch.Winder.had_fired", lambda *_: False)
    assert in_the_silence() == ([1, 1], [0, 0])


def while_nothing_runs(*happenings):
    """Kill the copier, let *happenings* happen, begin another long after the switch has fired; return as above."""
    trading = VirtualTrading([MIRROR, MIRROR], latency_ms=20, jitter_ms=15)
    trading.switch = CancelAfter()

    async def story():
        await begin(trading)
        txid = trading.hand.place("buy", "0.2", "limit", price="49000")
        await quiet(trading)
        await asyncio.sleep(100)
        for stream in trading.streams:
            stream._winder._may_fire = False  # who is killed disarms nothing
        await trading.close()
        await asyncio.sleep(10)
        for happens in happenings:
            happens(trading, txid)
        await asyncio.sleep(300)
        assert [resting(trading, place) for place in (1, 2)] == [[], []], "the switch has fired"
        await begin(trading)
        await asyncio.sleep(100)
        await quiet(trading)

    trading.run(story)
    accounts = trading.kraken.exchange.accounts[1:]
    assert [doubles(account) for account in accounts] == [[], []]
    return [len(account.orders) for account in accounts], [len(resting(trading, place)) for place in (1, 2)]


@meanwhile
def test_a45_what_the_switch_has_cancelled_while_nothing_ran_is_placed_once_more_by_the_next_run(
    happenings, placed, rest
):
    assert while_nothing_runs(*happenings) == (placed, rest)


def test_a45_a_run_that_is_not_told_how_the_last_one_left_the_switch_is_found_out(monkeypatch):
    """Positive control: what was cancelled is taken for somebody's wish then."""

    async def nothing(*_):
        return None

    monkeypatch.setattr("krakenonce.copytrader.service.memory.SwitchMemory.recall", nothing)
    assert while_nothing_runs() == ([1, 1], [0, 0])


def test_a45_without_mirroring_nothing_rests():
    """Positive control: what the tests above look at shows the difference."""
    trading = VirtualTrading([HALF, HALF], latency_ms=20)

    async def story():
        await begin(trading)
        trading.hand.place("buy", "0.2", "limit", price="49000")
        await quiet(trading)

    trading.run(story)
    assert resting(trading, 1) == []
