"""Execution reports: whatever comes is read or refused, and a story told twice changes nothing."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krakenonce.broker.executions import OrderLog, read_report
from krakenonce.broker.symbols import Symbols
from tests.simulator.conftest import Bench
from tests.simulator.websocket.conftest import Line

UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
GOOD = {
    "order_id": "OABCDE-FGHIJ-KLMNOP",
    "cl_ord_id": "one",
    "exec_id": "TABCDE",
    "exec_type": "trade",
    "symbol": "BTC/USD",
    "side": "buy",
    "order_type": "limit",
    "order_qty": Decimal("0.02"),
    "last_qty": Decimal("0.01"),
    "last_price": Decimal(50000),
    "cost": Decimal(500),
    "order_status": "partially_filled",
    "timestamp": "2026-09-21T13:33:20.000001Z",
    "cum_qty": Decimal("0.01"),
    "cum_cost": Decimal(500),
    "avg_price": Decimal(50000),
    "fees": [{"asset": "USD", "qty": Decimal(2)}],
    "triggers": {"price": Decimal(1), "status": "triggered"},
    "limit_price": Decimal(50000),
    "reason": "none",
}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.decimals() | st.just("1E999999999"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), ANYTHING, max_size=6), st.sets(st.sampled_from(sorted(GOOD))))
def test_any_report_is_read_or_refused(changed, missing):
    entry = {name: value for name, value in (GOOD | changed).items() if name not in missing}
    try:
        report = read_report(entry)
    except UNREADABLE:
        return
    OrderLog().take(report)
    trade = report.trade
    if trade is not None:
        assert trade.volume > 0
        assert trade.price > 0
        assert trade.exec_id
        assert isinstance(trade.volume, Decimal)


def test_a_trade_of_nothing_is_refused():
    for name in ("last_qty", "last_price"):
        for value in (0, -1):
            with pytest.raises(ValueError, match="nothing"):
                read_report(GOOD | {name: value})


def told(seed=1):
    """Return every report that a busy account is sent, and the account."""
    line = Line(Bench(seed=seed))
    line.read()
    line.subscribe("executions", snap_orders=False)
    for place in range(12):
        side = "sell" if place % 3 == 2 else "buy"
        line.send("add_order", order_type="market", side=side, order_qty=0.15, symbol="BTC/USD", cl_ord_id=f"m{place}")
        line.order(cl_ord_id=f"r{place}", order_qty=0.01)
    line.send("cancel_order", cl_ord_id=["r1", "r2"])
    frames = [json.loads(text, parse_float=Decimal) for text in line.texts]
    return [entry for frame in frames if frame.get("channel") == "executions" for entry in frame["data"]], line.account


@given(st.lists(st.integers(1, 3), min_size=200, max_size=200))
def test_a_story_with_repetitions_ends_like_the_story(times):
    log = OrderLog()
    for entry, number in zip(STORY, times, strict=False):
        for _ in range(number):
            log.take(read_report(entry))
    for order in ACCOUNT.orders.values():
        known = log.get(order.txid)
        assert known.is_told_completely
        assert known.has_ended is not order.is_open
        state = known.state("XXBTZUSD")
        assert (state.executed, state.volume, state.is_open) == (order.filled, order.volume, order.is_open)
        assert abs(state.fee - order.fee) < Decimal("0.0001")
    assert {order.order_id for order in log.open} == set(ACCOUNT.open_orders)


STORY, ACCOUNT = told()


def test_a_missing_trade_is_noticed():
    log, skipped = OrderLog(), False
    for entry in STORY:
        if entry["exec_type"] == "trade" and not skipped:
            skipped = True
            continue
        log.take(read_report(entry))
    assert sum(not order.is_told_completely for order in log) == 1


def test_only_the_newest_closed_orders_are_kept():
    log = OrderLog(most_closed=3)
    for number in range(10):
        ended = {"exec_type": "filled", "order_status": "filled"}
        log.take(read_report(GOOD | ended | {"order_id": f"O{number}", "cl_ord_id": f"n{number}"}))
    assert len(list(log)) == 3
    assert log.named("n0") is None
    assert log.named("n9").order_id == "O9"


def test_closed_orders_are_forgotten_as_time_goes_by_and_open_ones_never():
    log = OrderLog()
    for number in range(120):
        told = GOOD | {"order_id": f"O{number}", "cl_ord_id": f"n{number}"}
        told |= {"exec_type": "filled", "order_status": "filled"} if number % 2 else {}
        log.take(read_report(told | {"timestamp": f"2026-10-01T12:{number // 6:02}:{number % 6}0Z"}))
    kept = [int(order.order_id[1:]) for order in log if order.has_ended]
    assert kept == [113, 115, 117, 119], "those of the last minute"
    assert len(log.open) == 60
    assert [log.named(f"n{one}") is None for one in (0, 111, 113)] == [False, True, False]


def test_symbols_follow_the_names_that_are_published():
    from krakenonce.broker import parsing
    from krakenonce.kraken.pairs import PAIRS

    reply = Bench().public("AssetPairs")
    symbols = Symbols(parsing.pairs(reply["result"]).values())
    for pair in PAIRS:
        assert symbols.symbol(pair.key) == pair.symbol
        assert symbols.key(pair.symbol) == pair.key
        assert symbols.asset(pair.base.symbol) == pair.base.name
    assert symbols.key("XBT/USD") is None
    assert symbols.asset("NEW") == "NEW"
