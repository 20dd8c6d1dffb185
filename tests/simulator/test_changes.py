"""Batches, amendments, edits, mass cancels and the dead man's switch."""

from __future__ import annotations

from decimal import Decimal

import pytest

ROW = {"ordertype": "limit", "type": "buy", "price": "40000", "volume": "0.1"}


def batch(bench, *rows: dict, **more):
    return bench.call("AddOrderBatch", as_json=True, pair="XBTUSD", orders=list(rows), **more)


def test_a_batch_answers_row_by_row(bench):
    reply = batch(bench, ROW, {**ROW, "volume": "3"}, {**ROW, "close": {"ordertype": "limit", "price": "45000"}})
    first, second, third = reply["result"]["orders"]
    assert reply["error"] == []
    assert isinstance(first["txid"], str)
    assert second == {"error": "EOrder:Insufficient funds"}
    assert third["descr"]["close"] == "close position @ limit 45000.0"
    assert len(bench.ok("OpenOrders")["open"]) == 2


def test_small_numbers_in_json_stay_what_they_are(bench):
    reply = batch(
        bench, {**ROW, "volume": 0.00005, "price": 40000}, {**ROW, "volume": 0.1, "price": 40000.5, "userref": 3}
    )
    first, second = reply["result"]["orders"]
    assert first["descr"]["order"] == "buy 0.00005000 XBTUSD @ limit 40000.0"
    assert bench.look(second["txid"])["userref"] == 3


def test_a_wrong_row_fails_the_whole_batch(bench):
    assert batch(bench, ROW, {**ROW, "ordertype": "stop"})["error"] == ["EGeneral:Invalid arguments:ordertype"]
    assert batch(bench, ROW)["error"] == ["EGeneral:Invalid arguments:orders"]
    assert batch(bench, *[ROW] * 16)["error"] == ["EGeneral:Invalid arguments:orders"]
    twins = [{**ROW, "cl_ord_id": "twin"}] * 2
    assert batch(bench, *twins)["error"] == ["EGeneral:Invalid arguments:cl_ord_id not unique"]
    validated = batch(bench, ROW, ROW, validate=True)["result"]["orders"]
    assert [set(row) for row in validated] == [{"descr"}, {"descr"}]
    assert bench.ok("OpenOrders") == {"open": {}}


def test_an_amendment_keeps_id_and_place(bench):
    txid, other = bench.order(price="40000"), bench.order(price="40000")
    assert bench.ok("AmendOrder", txid=txid, order_qty="0.05")["amend_id"].startswith("T")
    assert [order.txid for order in bench.exchange.markets["XXBTZUSD"].bids.orders] == [txid, other]
    bench.ok("AmendOrder", txid=txid, order_qty="0.2")
    assert [order.txid for order in bench.exchange.markets["XXBTZUSD"].bids.orders] == [other, txid]
    bench.ok("AmendOrder", txid=txid, limit_price="41000")
    order = bench.look(txid)
    assert (order["vol"], order["descr"]["price"], order["misc"]) == ("0.20000000", "41000.0", "amended")
    rows = bench.ok("OrderAmends", order_id=txid)["amends"]
    assert [(row["amend_type"], row["order_qty"], row["limit_price"]) for row in rows] == [
        ("original", "0.10000000", "40000.0"),
        ("user", "0.05000000", "40000.0"),
        ("user", "0.20000000", "40000.0"),
        ("user", "0.20000000", "41000.0"),
    ]
    assert bench.error("OrderAmends", order_id="OAAAAA-BBBBB-CCCCCC") == "EOrder:Invalid order"
    assert bench.ok("BalanceEx")["ZUSD"]["hold_trade"] == "12297.6000"


def test_an_amendment_can_fill_end_or_be_refused(make_bench):
    bench = make_bench(depth_usd=Decimal(1000))
    txid = bench.order(price="50000.1", volume="1")
    filled = bench.look(txid)["vol_exec"]
    bench.ok("AmendOrder", txid=txid, order_qty=filled)
    assert bench.look(txid)["status"] == "canceled"
    assert bench.error("AmendOrder", txid=txid, order_qty="1") == "EOrder:Unknown order"
    resting = bench.order(price="40000")
    assert bench.error("AmendOrder", txid=resting, limit_price="51000", post_only="true") == "EOrder:Post only order"
    assert bench.error("AmendOrder", txid=resting, order_qty="90") == "EOrder:Insufficient funds"
    assert bench.error("AmendOrder", txid=resting) == "EGeneral:Invalid arguments"
    assert bench.error("AmendOrder", txid=resting, order_qty="0.00001").endswith("volume minimum not met")
    assert bench.look(resting)["vol"] == "0.10000000"
    stop = bench.order(ordertype="stop-loss", price="60000", volume="0.01")
    assert bench.error("AmendOrder", txid=stop, limit_price="59000") == "EOrder:Invalid limit price"
    bench.ok("AmendOrder", txid=stop, trigger_price="61000")
    assert bench.look(stop)["stopprice"] == "61000.00000"


def test_an_edit_replaces_the_order(bench):
    old = bench.order(price="40000", userref=5)
    result = bench.ok("EditOrder", txid=old, pair="XBTUSD", price="41000", volume="0.2", userref=6)
    new = result["txid"]
    assert (result["originaltxid"], result["status"], result["orders_cancelled"]) == (old, "ok", 1)
    assert (result["olduserref"], result["newuserref"]) == ("5", "6")
    assert (bench.look(old)["status"], bench.look(new)["status"]) == ("canceled", "open")
    assert bench.error("EditOrder", txid=new, pair="XBTUSD", volume="90") == "EOrder:Insufficient funds"
    assert bench.look(new)["status"] == "open"
    named = bench.order(price="40000", cl_ord_id="named")
    assert bench.error("EditOrder", txid=named, pair="XBTUSD", volume="0.2") == "EOrder:Invalid order"


def test_mass_cancels(bench, make_bench):
    ids = [bench.order(price="30000", userref=index) for index in range(4)]
    rows = [ids[0], {"txid": ids[1]}, 2, "OAAAAA-BBBBB-CCCCCC"]
    assert bench.ok("CancelOrderBatch", as_json=True, orders=rows) == {"count": 3}
    assert bench.error("CancelOrderBatch", as_json=True, cl_ord_ids=["a"]) == "EGeneral:Invalid arguments:cl_ord_ids"
    assert bench.ok("CancelAll") == {"count": 1}
    assert bench.ok("CancelAll") == {"count": 0}
    lenient = make_bench(batch_cancel_by_client_id=True)
    lenient.order(price="30000", cl_ord_id="abc")
    assert lenient.ok("CancelOrderBatch", as_json=True, cl_ord_ids=["abc", "gone"]) == {"count": 1}


def test_the_dead_mans_switch_fires_for_all_orders(bench):
    bench.order(price="40000")
    result = bench.ok("CancelAllOrdersAfter", timeout=60)
    assert result == {"currentTime": "2026-09-21T14:13:20Z", "triggerTime": "2026-09-21T14:14:20Z"}
    bench.wait(50)
    bench.ok("CancelAllOrdersAfter", timeout=60)
    bench.wait(50)
    assert len(bench.ok("OpenOrders")["open"]) == 1
    bench.wait(11)
    assert bench.ok("OpenOrders") == {"open": {}}
    assert bench.ok("CancelAllOrdersAfter", timeout=0)["triggerTime"] == "0"
    assert bench.error("CancelAllOrdersAfter") == "EGeneral:Invalid arguments:timeout"
    assert bench.error("CancelAllOrdersAfter", timeout=86_400) == "EGeneral:Invalid arguments:timeout"


@pytest.mark.parametrize("state", ["post_only", "cancel_only", "limit_only", "maintenance"])
def test_market_states(bench, state: str):
    txid = bench.order(price="40000")
    bench.exchange.set_market_state(state)
    order = {"pair": "XBTUSD", "type": "buy", "volume": "0.1"}
    closed = f"EService:Market in {state} mode" if state != "maintenance" else "EService:Unavailable"
    assert bench.error("AddOrder", ordertype="market", **order) == closed
    limit = bench.call("AddOrder", ordertype="limit", price="40000", **order)["error"]
    assert limit == ([] if state == "limit_only" else [closed])
    post = bench.call("AddOrder", ordertype="limit", price="40000", oflags="post", **order)["error"]
    assert post == ([] if state in ("limit_only", "post_only") else [closed])
    assert bench.call("CancelOrder", txid=txid)["error"] == ([] if state != "maintenance" else [closed])
    shown = bench.public("SystemStatus")["result"]["status"]
    assert shown == ("online" if state == "limit_only" else state)
