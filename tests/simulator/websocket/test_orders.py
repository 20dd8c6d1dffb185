"""Orders over WebSocket: their lives in the executions channel, the trading methods, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest

IDS = {"order_id", "order_userref"}
TOTALS = {"cum_qty", "cum_cost", "avg_price", "fee_usd_equiv"}
STEP = {"timestamp", "order_status", "exec_type"}
TRADE = {
    "exec_id",
    "exec_type",
    "trade_id",
    "symbol",
    "side",
    "last_qty",
    "last_price",
    "liquidity_ind",
    "cost",
    "order_type",
    "timestamp",
    "order_status",
    "fees",
}


def reports(frames, channel: str = "executions"):
    """Return (sequence, report) of the channel's messages, each of which must hold one report."""
    rows = [frame for frame in frames if frame.get("channel") == channel and frame["type"] == "update"]
    assert all(len(frame["data"]) == 1 for frame in rows)
    assert all(later["sequence"] == one["sequence"] + 1 for one, later in pairwise(rows))
    return [frame["data"][0] for frame in rows]


def test_the_life_of_a_limit_order_that_fills(line):
    ack, snapshot = line.subscribe("executions")
    assert ack["result"].keys() >= {"channel", "maxratecount", "snap_orders", "snap_trades"}
    assert (snapshot["type"], snapshot["data"], snapshot["sequence"]) == ("snapshot", [], 1)
    frames = line.send(
        "add_order", order_type="limit", side="buy", order_qty=0.01, limit_price=40000.5, symbol="BTC/USD"
    )
    pending, new = reports(frames)
    assert pending.keys() == IDS | {
        "symbol", "order_qty", "cum_cost", "time_in_force", "exec_type", "side", "order_type", "limit_price_type",
        "limit_price", "stop_price", "order_status", "fee_usd_equiv", "fee_ccy_pref", "timestamp",
    }  # fmt: skip
    assert (pending["limit_price"], pending["order_qty"], pending["order_userref"]) == (
        Decimal("40000.5"),
        Decimal("0.01"),
        0,
    )
    assert new.keys() == IDS | STEP
    line.bench.set_price("40000")
    trade, filled = reports(line.read())
    assert trade.keys() == IDS | TRADE | TOTALS
    assert (trade["exec_type"], trade["order_status"], trade["liquidity_ind"]) == ("trade", "partially_filled", "m")
    assert trade["fees"] == [{"asset": "USD", "qty": Decimal("1.60002")}]
    assert filled.keys() == IDS | STEP | TOTALS
    assert (filled["order_status"], filled["cum_qty"], filled["avg_price"]) == (
        "filled",
        Decimal("0.01"),
        Decimal("40000.5"),
    )


def test_a_canceled_order_tells_why_and_the_snapshot_shows_what_is_open_and_traded(line, make_line):
    gone, kept = line.order(), line.order(order_userref=9)
    line.order(order_type="market", limit_price=None)
    line.subscribe("executions")
    (canceled,) = reports(line.send("cancel_order", order_id=[gone]))
    assert canceled.keys() == IDS | STEP | TOTALS | {"reason", "cancel_reason"}
    assert (canceled["order_status"], canceled["reason"]) == ("canceled", "User requested")
    _, _, orders, trades = (other := make_line(line.bench, line.face)).read() + other.subscribe(
        "executions", snap_trades=True
    )
    assert [(row["order_id"], row["order_status"], row["order_userref"]) for row in orders["data"]] == [
        (kept, "new", 9)
    ]
    assert {row["exec_type"] for row in trades["data"]} == {"trade"}
    assert trades["data"][-1]["order_status"] == "filled"
    assert (orders["sequence"], trades["sequence"]) == (1, 2)


def test_status_amendments_expiry_and_icebergs_are_told(line):
    line.subscribe("executions")
    txid = line.order()
    line.read()
    ids = {"order_id": txid}
    assert line.ok("amend_order", **ids, limit_price=41000, order_qty=0.2) | {"amend_id": ""} == ids | {"amend_id": ""}
    stop = line.order(
        order_type="trailing-stop", limit_price=None, side="sell", triggers={"price": 1, "price_type": "pct"}
    )
    line.bench.set_price("50500")
    moved = [row for row in reports(line.read()) if row["order_id"] == stop][-1]
    assert (moved["exec_type"], moved["triggers"]["status"]) == ("status", "untriggered")
    assert moved["triggers"]["actual_price"] == Decimal("49995.0")
    line.bench.set_price("49000")
    kinds = [row["exec_type"] for row in reports(line.read()) if row["order_id"] == stop]
    assert kinds == ["status", "trade", "filled"]
    iceberg = line.order(order_type="iceberg", limit_price=48000, order_qty=1.5, display_qty=0.1)
    line.read()
    line.bench.set_price("47990")
    kinds = [row["exec_type"] for row in reports(line.read()) if row["order_id"] == iceberg]
    assert kinds[0] == "trade"
    assert "iceberg_refill" in kinds or kinds[-1] == "filled"


def test_amended_reports_show_the_new_terms_and_expired_ones_come_by_themselves(line):
    from krakenonce.clock import rfc3339

    line.subscribe("executions")
    txid = line.order(time_in_force="gtd", expire_time=rfc3339(line.bench.exchange.now + 10 * 10**9))
    line.read()
    (amended,) = reports(line.send("amend_order", order_id=txid, limit_price=41000, order_qty=0.2))
    assert (amended["exec_type"], amended["amended"], amended["limit_price"]) == ("amended", True, 41000)
    assert amended["order_qty"] == Decimal("0.2")
    line.bench.wait(11)
    assert [row["exec_type"] for row in reports(line.read())] == ["expired"]


def test_order_status_off_leaves_the_transitions_and_ratecounter_adds_the_count(make_bench, make_line):
    bench = make_bench(tier="pro")
    line = make_line(bench)
    line.subscribe("executions", order_status=False, ratecounter=True)
    frames = line.send("add_order", order_type="market", side="buy", order_qty=0.01, symbol="BTC/USD")
    assert [(row["exec_type"], row["ratecount"]) for row in reports(frames)] == [("new", 1), ("filled", 1)]


def test_one_reply_per_cancelled_order(line):
    first, second = line.order(), line.order(cl_ord_id="copy0001")
    third = line.order(order_userref=7)
    frames = line.send(
        "cancel_order",
        req_id=5,
        order_id=[first, first, "OAAAAA-AAAAA-AAAAAA"],
        cl_ord_id=["copy0001"],
        order_userref=[7],
    )
    assert {frame["req_id"] for frame in frames} == {5}
    assert [frame.get("result") or frame["error"] for frame in frames] == [
        {"order_id": first},
        "EOrder:Invalid order",
        "EOrder:Invalid order",
        {"order_id": second, "cl_ord_id": "copy0001"},
        {"order_id": third},
    ]


def test_batches_edits_and_the_switch(line):
    rows = [{"order_type": "limit", "side": "buy", "order_qty": 0.1, "limit_price": 30000 + i} for i in range(3)]
    rows[1]["order_qty"] = 99
    placed = line.ok("batch_add", symbol="BTC/USD", orders=rows)
    assert [row.get("error", "") for row in placed] == ["", "EOrder:Insufficient funds", ""]
    assert line.ok("batch_add", symbol="BTC/USD", orders=rows[::2], validate=True) == [{"order_id": ""}] * 2
    edited = line.ok("edit_order", order_id=placed[0]["order_id"], symbol="BTC/USD", limit_price=31000, order_qty=0.2)
    assert edited["original_order_id"] == placed[0]["order_id"] != edited["order_id"]
    assert line.ok("batch_cancel", orders=[edited["order_id"], placed[2]["order_id"]]) == {"count": 2}
    line.order()
    armed = line.ok("cancel_all_orders_after", timeout=30)
    assert armed.keys() == {"currentTime", "triggerTime"}
    line.bench.wait(31)
    assert line.ok("cancel_all") == {"count": 0}


def test_what_add_order_answers(line):
    limit = {"order_type": "limit", "side": "buy", "order_qty": 0.1, "limit_price": 40000, "symbol": "BTC/USD"}
    assert line.ok("add_order", **limit, validate=True, cl_ord_id="a1") == {"order_id": "", "cl_ord_id": "a1"}
    assert line.account.orders == {}
    assert line.ok("add_order", **limit, order_userref=4).keys() == {"order_id", "order_userref"}
    cash = {"order_type": "market", "side": "buy", "cash_order_qty": 100, "symbol": "BTC/USD"}
    bought = line.account.orders[line.ok("add_order", **cash)["order_id"]]
    assert 99 < bought.cost <= 100
    relative = line.ok("add_order", **{**limit, "limit_price": -2.5, "limit_price_type": "pct"})["order_id"]
    last = line.bench.exchange.markets["XXBTZUSD"].last
    assert line.account.orders[relative].limit_price == (last * Decimal("0.975")).quantize(Decimal("0.1"))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"price": 1}, "Unsupported field: 'price' for the given msg type: add order"),
        ({"leverage": 2}, "Unsupported field: 'leverage' for the given msg type: add order"),
        ({"order_qty": "0.1"}, "Order_qty field must be a number_float"),
        ({"order_qty": True}, "Order_qty field must be a number_float"),
        ({"post_only": "true"}, "Post_only field must be a boolean"),
        ({"order_userref": 1.5}, "Order_userref field must be an integer"),
        ({"triggers": 5}, "Triggers field must be an object"),
        ({"symbol": "XBT/USD"}, "Currency pair not supported XBT/USD"),
        ({"symbol": 5}, "Symbol field must be a string"),
        ({"order_type": "magic"}, "EGeneral:Invalid arguments:order_type"),
        ({"side": "hold"}, "EGeneral:Invalid arguments:side"),
        ({"order_qty": -1}, "EGeneral:Invalid arguments:order_qty"),
        ({"order_qty": 1e300}, "EGeneral:Invalid arguments:order_qty"),
        ({"order_qty": 0.00001}, "EGeneral:Invalid arguments:volume minimum not met"),
        ({"limit_price": 0.1, "order_qty": 0.1}, "EOrder:Cost minimum not met"),
        ({"limit_price": 40000.55}, "EOrder:Invalid price:XBT/USD price can only be specified up to 1 decimals."),
        ({"order_qty": 1000}, "EOrder:Insufficient funds"),
        ({"cl_ord_id": "x", "order_userref": 1}, "EGeneral:Invalid arguments:cl_ord_id"),
        ({"cl_ord_id": "TOO LOUD"}, "EGeneral:Invalid arguments:cl_ord_id"),
        ({"time_in_force": "gtd"}, "EGeneral:Invalid arguments:expire_time"),
        ({"deadline": "2000-01-01T00:00:00Z"}, "EService:Deadline elapsed"),
        ({"deadline": "soon"}, "EGeneral:Invalid arguments:deadline"),
        ({"limit_price": 60000, "post_only": True}, "EOrder:Post only order"),
        ({"margin": True}, "EOrder:Margin allowance exceeded"),
        ({"reduce_only": True}, "EOrder:Reduce only:Non-PC"),
    ],
)
def test_what_is_refused_changes_nothing(line, changes, error):
    limit = {"order_type": "limit", "side": "buy", "order_qty": 0.1, "limit_price": 40000, "symbol": "BTC/USD"}
    assert line.error("add_order", **{**limit, **changes}) == error
    assert (line.account.orders, dict(line.account.wallet.held)) == ({}, {})


def test_an_open_cl_ord_id_is_taken_until_its_order_has_ended(line):
    line.order(cl_ord_id="copy0001")
    order = {"order_type": "market", "side": "buy", "order_qty": 0.1, "symbol": "BTC/USD", "cl_ord_id": "copy0001"}
    assert line.error("add_order", **order) == "EGeneral:Invalid arguments:cl_ord_id not unique"
    line.ok("cancel_order", cl_ord_id=["copy0001"])
    assert line.ok("add_order", **order)["cl_ord_id"] == "copy0001"


def test_balances_tell_every_movement(line):
    ack, snapshot = line.subscribe("balances")
    assert ack["result"]["channel"] == "balances"
    assert {row["asset"]: row["balance"] for row in snapshot["data"]}["USD"] == 100_000
    frames = line.send("add_order", order_type="market", side="buy", order_qty=0.1, symbol="BTC/USD")
    dollars, coins = reports(frames, "balances")
    assert dollars.keys() == {
        "ledger_id", "ref_id", "timestamp", "type", "asset", "asset_class", "category", "wallet_type", "wallet_id",
        "amount", "fee", "balance",
    }  # fmt: skip
    assert dollars["asset"] == "USD"
    # Each figure is cut to the asset's four decimals by itself.
    assert abs(100_000 + dollars["amount"] - dollars["fee"] - dollars["balance"]) <= Decimal("0.0001")
    assert (coins["asset"], coins["amount"]) == ("BTC", Decimal("0.1"))


def test_orders_of_rest_are_told_here_too_and_to_nobody_else(bench, make_line):
    mine = make_line(bench)
    theirs = make_line(bench, mine.face, account=1)
    mine.subscribe("executions")
    theirs.subscribe("executions")
    theirs.read()
    bench.order(ordertype="market")
    assert [row["exec_type"] for row in reports(mine.read())] == ["pending_new", "new", "trade", "filled"]
    assert theirs.read() == []


def test_what_was_asked_is_in_the_log(line):
    line.order()
    line.error("add_order")
    rows = [
        (row["account"], row["method"], row["nonce"], row["verdict"], row["cause"])
        for row in line.bench.exchange.evidence.log()
    ]
    assert rows == [
        ("MASTER", "add_order", "", "accepted", ""),
        ("MASTER", "add_order", "", "refused", "EGeneral:Invalid arguments:symbol"),
    ]


def test_one_counter_for_rest_and_websocket(make_bench, make_line):
    bench = make_bench(tier="starter")
    line = make_line(bench)
    for number in range(60):
        bench.order(price="40000", volume="0.0001", userref=number)
    order = {"order_type": "market", "side": "buy", "order_qty": 0.1, "symbol": "BTC/USD"}
    line.read()
    assert line.error("add_order", **order) == "EOrder:Rate limit exceeded"
    bench.wait(2)
    assert line.error("add_order", **order) == "EOrder:Orders limit exceeded"


def test_an_edited_order_takes_what_is_given_and_keeps_the_rest(line):
    stop = {"order_type": "stop-loss-limit", "side": "sell", "limit_price": 44000, "triggers": {"price": 45000}}
    first = line.order(**stop, order_userref=3)
    edited = line.ok(
        "edit_order", order_id=first, symbol="BTC/USD", triggers={"price": 46000}, fee_preference="base", order_qty=0.2
    )
    order = line.account.open_orders[edited["order_id"]]
    assert (order.trigger_price, order.limit_price, order.volume) == (46000, 44000, Decimal("0.2"))
    assert (order.ticket.fee_in_base, order.ticket.userref) == (True, 3)
    plain = line.order()
    assert line.error("edit_order", order_id=plain, symbol="BTC/USD", triggers={"price": 1}).endswith(":triggers")
    assert line.error("edit_order", order_id=plain, symbol="ETH/USD").endswith(":symbol")
    assert line.error("edit_order", order_id=first, symbol="BTC/USD") == "EOrder:Invalid order"


def test_margin_trades_tell_what_becomes_of_the_position(make_bench, make_line):
    line = make_line(make_bench(margin=True))
    line.subscribe("executions")
    statuses = []
    for side, volume in (("buy", 0.2), ("sell", 0.1), ("sell", 0.1)):
        order = {"order_type": "market", "side": side, "order_qty": volume, "symbol": "BTC/USD", "margin": True}
        trades = [row for row in reports(line.send("add_order", **order)) if row["exec_type"] == "trade"]
        assert all(row["margin_borrow"] is True for row in trades)
        statuses.append(trades[-1]["position_status"])
    assert statuses == ["opened", "closing", "closed"]
