"""Rate limits: REST counter, engine counter, open orders, calls in flight."""

from __future__ import annotations

import pytest

LIMIT = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "30000", "volume": "0.0001"}


@pytest.mark.parametrize(("tier", "most", "decay"), [("starter", 15, 0.33), ("intermediate", 20, 0.5), ("pro", 20, 1)])
def test_the_rest_counter_of_each_tier(make_bench, tier: str, most: int, decay: float):
    bench = make_bench(tier=tier)
    for _ in range(most):
        bench.ok("Balance")
    assert bench.error("Balance") == "EAPI:Rate limit exceeded"
    assert bench.call("Balance", key=bench.exchange.accounts[1].keys[0])["error"] == []
    bench.ok("AddOrder", **LIMIT)
    bench.wait(1 / decay + 0.01)
    bench.ok("Balance")
    assert bench.error("Balance") == "EAPI:Rate limit exceeded"


def test_history_costs_two(make_bench):
    bench = make_bench(tier="starter")
    for _ in range(7):
        bench.ok("TradesHistory")
    bench.ok("Balance")
    assert bench.error("OpenOrders", cl_ord_id="x") == "EAPI:Rate limit exceeded"


def test_the_engine_counts_per_account_and_pair(make_bench):
    bench = make_bench(tier="starter")
    for _ in range(6):
        txid = bench.ok("AddOrder", **LIMIT)["txid"][0]
        bench.ok("CancelOrder", txid=txid)
    txid = bench.ok("AddOrder", **LIMIT)["txid"][0]
    assert bench.error("CancelOrder", txid=txid) == "EOrder:Rate limit exceeded"
    assert bench.call("AddOrder", key=bench.exchange.accounts[1].keys[0], **LIMIT)["error"] == []
    other = bench.ok("AddOrder", **{**LIMIT, "pair": "ETHUSD", "price": "1000", "volume": "0.01"})["txid"][0]
    bench.ok("CancelOrder", txid=other)
    bench.wait(301)
    bench.ok("CancelOrder", txid=txid)


def test_refused_orders_are_charged_and_batch_cancels_may_overshoot(make_bench):
    bench = make_bench(tier="starter")
    ids = [bench.ok("AddOrder", **LIMIT)["txid"][0] for _ in range(10)]
    for _ in range(50):
        assert bench.error("AddOrder", **{**LIMIT, "volume": "100"}) == "EOrder:Insufficient funds"
    assert bench.error("AddOrder", **LIMIT) == "EOrder:Rate limit exceeded"
    assert bench.ok("CancelOrderBatch", as_json=True, orders=ids) == {"count": 10}
    bench.wait(60)
    assert bench.error("AddOrder", **LIMIT) == "EOrder:Rate limit exceeded"


def test_open_orders_per_pair(make_bench):
    bench = make_bench(tier="starter")
    for _ in range(60):
        bench.ok("AddOrder", **LIMIT)
        bench.wait(1)
    assert bench.error("AddOrder", **LIMIT) == "EOrder:Orders limit exceeded"
    bench.ok("AddOrder", **{**LIMIT, "pair": "ETHUSD", "price": "1000", "volume": "0.01"})


def test_too_many_calls_in_flight(make_bench):
    bench = make_bench(throttle=2)
    key = bench.master.keys[0]
    for _ in range(3):
        bench.exchange.evidence.arrive(key)
    error = bench.error("Balance")
    assert error.startswith("EService: Throttled: ")
    assert int(error.rpartition(" ")[2]) == bench.exchange.shown_ns // 10**9 + 1
    bench.exchange.evidence.leave(key)
    bench.ok("Balance")
