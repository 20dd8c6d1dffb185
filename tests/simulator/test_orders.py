"""The life of orders over REST: types, flags, times in force, holds, fees, and every refusal on the way."""

from __future__ import annotations

from decimal import Decimal

import pytest


def funds(bench, asset: str) -> tuple[str, str]:
    row = bench.ok("BalanceEx")[asset]
    return row["balance"], row["hold_trade"]


def test_a_market_order_pays_price_and_fee(bench):
    txid = bench.order(ordertype="market", volume="0.01")
    order = bench.look(txid)
    assert (order["status"], order["vol_exec"], order["price"]) == ("closed", "0.01000000", "50000.10000")
    assert (order["cost"], order["fee"]) == ("500.00100", "4.00000")
    assert funds(bench, "ZUSD") == ("99495.9990", "0.0000")
    assert funds(bench, "XXBT") == ("2.0100000000", "0.0000000000")


def test_a_limit_order_holds_its_cost_and_the_highest_fee(bench):
    txid = bench.order(price="40000")
    assert funds(bench, "ZUSD") == ("100000.0000", "4032.0000")
    assert bench.ok("OpenOrders")["open"][txid]["status"] == "open"
    assert bench.ok("CancelOrder", txid=txid) == {"count": 1}
    assert funds(bench, "ZUSD") == ("100000.0000", "0.0000")
    assert bench.look(txid)["status"] == "canceled"
    assert bench.look(txid)["reason"] == "User requested"


def test_a_resting_order_fills_as_maker_when_the_price_comes(bench):
    txid = bench.order(price="49000")
    bench.set_price("48500")
    order = bench.look(txid)
    assert (order["status"], order["price"], order["fee"]) == ("closed", "49000.00000", "19.60000")
    (trade,) = bench.ok("TradesHistory")["trades"].values()
    assert (trade["maker"], trade["pair"], trade["ordertxid"]) == (True, "XXBTZUSD", txid)


def test_clients_trade_with_each_other_in_price_time_priority(make_bench):
    bench = make_bench(accounts=4)
    first, second, third, seller = bench.exchange.accounts
    order = {"pair": "XBTUSD", "ordertype": "limit", "price": "50000"}
    ids = [
        bench.call("AddOrder", key=buyer.keys[0], type="buy", volume="0.1", **order)["result"]["txid"][0]
        for buyer in (second, first, third)
    ]
    bench.wait(1)
    bench.call("AddOrder", key=seller.keys[0], type="sell", volume="0.15", **order)
    filled = [account.orders[txid].filled for account, txid in zip((second, first, third), ids, strict=True)]
    assert filled == [Decimal("0.1"), Decimal("0.05"), 0]
    assert {trade.trade_id for trade in seller.trades} == {second.trades[0].trade_id, first.trades[0].trade_id}
    assert (seller.trades[0].maker, second.trades[0].maker) == (False, True)


def test_partial_fills_leave_the_rest_in_the_book(make_bench):
    bench = make_bench(depth_usd=Decimal(1000))
    txid = bench.order(price="50000.1", volume="1")
    order = bench.look(txid)
    assert order["status"] == "open"
    assert 0 < Decimal(order["vol_exec"]) < 1
    bench.ok("CancelOrder", txid=txid)
    assert bench.look(txid)["misc"] == "partial"


@pytest.mark.parametrize(("tif", "status"), [("IOC", "canceled"), ("FOK", "canceled"), ("GTC", "open")])
def test_times_in_force(make_bench, tif: str, status: str):
    bench = make_bench(depth_usd=Decimal(1000))
    txid = bench.order(price="50000.1", volume="1", timeinforce=tif)
    order = bench.look(txid)
    assert order["status"] == status
    assert (Decimal(order["vol_exec"]) > 0) == (tif != "FOK")


def test_orders_expire_and_start(bench):
    expiring = bench.order(price="40000", timeinforce="GTD", expiretm="+10")
    later = bench.order(ordertype="market", starttm="+20")
    assert bench.look(later)["status"] == "pending"
    bench.wait(11)
    assert bench.look(expiring)["status"] == "expired"
    bench.wait(10)
    assert bench.look(later)["status"] == "closed"


def test_post_only_never_takes(bench):
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.1", "oflags": "post"}
    assert bench.error("AddOrder", **order, price="51000") == "EOrder:Post only order"
    assert bench.look(bench.order(**order, price="49000"))["oflags"] == "post,fciq"


def test_fees_in_base_and_volume_in_quote(bench):
    bench.order(ordertype="market", volume="0.1", oflags="fcib")
    assert funds(bench, "XXBT")[0] == "2.0992000000"
    txid = bench.order(ordertype="market", volume="1000", oflags="viqc")
    order = bench.look(txid)
    assert (order["vol"], order["status"]) == ("1000.00000000", "closed")
    assert Decimal("999.99") < Decimal(order["cost"]) <= 1000


@pytest.mark.parametrize(
    ("side", "ordertype", "trigger", "move"),
    [("sell", "stop-loss", "49000", "48900"), ("buy", "stop-loss", "51000", "51100"),
     ("sell", "take-profit", "51000", "51100"), ("buy", "take-profit", "49000", "48900")],
)  # fmt: skip
def test_stops_and_take_profits_fire(bench, side: str, ordertype: str, trigger: str, move: str):
    txid = bench.order(type=side, ordertype=ordertype, price=trigger)
    assert bench.look(txid)["status"] == "open"
    assert bench.look(txid)["stopprice"].startswith(trigger)
    bench.set_price(move)
    order = bench.look(txid)
    assert (order["status"], order["misc"]) == ("closed", "touched")
    (trade,) = bench.ok("TradesHistory")["trades"].values()
    assert (trade["ordertype"], trade["tradeordertype"]) == (ordertype, "market")


def test_a_trigger_on_the_wrong_side_fires_at_once(bench):
    assert bench.look(bench.order(type="sell", ordertype="stop-loss", price="55000"))["status"] == "closed"


def test_a_stop_limit_rests_after_its_trigger(bench):
    txid = bench.order(type="sell", ordertype="stop-loss-limit", price="49000", price2="50500")
    bench.set_price("48900")
    order = bench.look(txid)
    assert (order["status"], order["descr"]["price"], order["descr"]["price2"]) == ("open", "49000.0", "50500.0")
    assert order["descr"]["order"] == "sell 0.10000000 XBTUSD @ stop loss 49000.0 -> limit 50500.0"
    bench.set_price("50600")
    assert bench.look(txid)["status"] == "closed"


def test_a_trailing_stop_follows_and_fires(bench):
    txid = bench.order(type="sell", ordertype="trailing-stop", price="+1000")
    assert bench.look(txid)["descr"]["order"] == "sell 0.10000000 XBTUSD @ trailing stop +1000.0"
    limited = bench.order(type="sell", ordertype="trailing-stop-limit", price="+15%", price2="-1%")
    assert bench.look(limited)["descr"]["order"].endswith("@ trailing stop +15.0000% -> limit -1.0000%")
    bench.ok("CancelOrder", txid=limited)
    bench.set_price("52000")
    assert bench.look(txid)["stopprice"] == "51000.00000"
    bench.set_price("51500")
    assert bench.look(txid)["status"] == "open"
    bench.set_price("50900")
    assert bench.look(txid)["status"] == "closed"


def test_a_conditional_close_follows_the_fill(bench):
    txid = bench.order(ordertype="market", **{"close[ordertype]": "limit", "close[price]": "60000"})
    bench.wait(0.001)
    ((follower, row),) = bench.ok("OpenOrders")["open"].items()
    assert (row["refid"], row["descr"]["type"], row["descr"]["price"]) == (txid, "sell", "60000.0")
    assert follower != txid


def test_relative_prices_and_a_stray_minus_sign(bench):
    last = bench.exchange.markets["XXBTZUSD"].last
    assert bench.look(bench.order(price="-10%"))["descr"]["price"] == f"{last * Decimal('0.9'):.1f}"
    assert bench.look(bench.order(price="-40000"))["descr"]["price"] == f"{last - 40000:.1f}"
    assert bench.look(bench.order(price="#100"))["descr"]["price"] == f"{last - 100:.1f}"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"ordertype": ""}, "EGeneral:Invalid arguments:ordertype"),
        ({"ordertype": "stop"}, "EGeneral:Invalid arguments:ordertype"),
        ({"type": "long"}, "EGeneral:Invalid arguments:type"),
        ({"pair": ""}, "EGeneral:Invalid arguments:pair"),
        ({"pair": "XBT/USD"}, "EQuery:Unknown asset pair"),
        ({"volume": ""}, "EGeneral:Invalid arguments:volume"),
        ({"volume": "1e-3"}, "EGeneral:Invalid arguments:volume"),
        ({"volume": "-1"}, "EGeneral:Invalid arguments:volume"),
        ({"volume": "nan"}, "EGeneral:Invalid arguments:volume"),
        ({"volume": "0.123456789"}, "EGeneral:Invalid arguments:volume"),
        ({"volume": "0.00004"}, "EGeneral:Invalid arguments:volume minimum not met"),
        ({"price": "0.1", "volume": "0.0001"}, "EOrder:Cost minimum not met"),
        ({"price": ""}, "EGeneral:Invalid arguments:price"),
        ({"price": "0"}, "EGeneral:Invalid arguments:price"),
        ({"price": "49000.05"}, "EOrder:Invalid price:XBT/USD price can only be specified up to 1 decimals."),
        ({"volume": "100"}, "EOrder:Insufficient funds"),
        ({"type": "sell", "volume": "2.1", "price": "60000"}, "EOrder:Insufficient funds"),
        ({"timeinforce": "DAY"}, "EGeneral:Invalid arguments:timeinforce"),
        ({"timeinforce": "GTD"}, "EGeneral:Invalid arguments:expiretm"),
        ({"expiretm": "+2"}, "EGeneral:Invalid arguments:expiretm"),
        ({"oflags": "fcib,fciq"}, "EGeneral:Invalid arguments:oflags"),
        ({"oflags": "viqc"}, "EGeneral:Invalid arguments:oflags"),
        ({"leverage": "2"}, "EOrder:Margin allowance exceeded"),
        ({"reduce_only": "True"}, "EOrder:Reduce only:Non-PC"),
        ({"cl_ord_id": "Has-Dashes"}, "EGeneral:Invalid arguments:cl_ord_id"),
        ({"cl_ord_id": "a" * 19}, "EGeneral:Invalid arguments:cl_ord_id"),
        ({"cl_ord_id": "abc", "userref": "1"}, "EGeneral:Invalid arguments:cl_ord_id"),
        ({"userref": str(2**31)}, "EGeneral:Invalid arguments:userref"),
        ({"deadline": "tomorrow"}, "EGeneral:Invalid arguments:deadline"),
        ({"deadline": "2026-09-21T13:33:00Z"}, "EService:Deadline elapsed"),
        ({"deadline": "2030-01-01T00:00:00Z"}, "EGeneral:Invalid arguments:deadline"),
        ({"validate": "maybe"}, "EGeneral:Invalid arguments:validate"),
        ({"trigger": "index"}, "EGeneral:Invalid arguments:Index unavailable"),
        ({"ordertype": "settle-position"}, "EOrder:Unknown position"),
        ({"ordertype": "iceberg", "displayvol": "0.001"}, "EGeneral:Invalid arguments:displayvol"),
    ],
)  # fmt: skip
def test_refusals(bench, changes: dict[str, str], error: str):
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "40000", "volume": "0.1"}
    assert bench.error("AddOrder", **{**order, **changes}) == error
    assert bench.ok("OpenOrders") == {"open": {}}
    assert funds(bench, "ZUSD") == ("100000.0000", "0.0000")


def test_client_ids_are_unique_among_open_orders_only(bench):
    first = bench.order(price="40000", cl_ord_id="copy0001")
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "40000", "volume": "0.1"}
    error = "EGeneral:Invalid arguments:cl_ord_id not unique"
    assert bench.error("AddOrder", **order, cl_ord_id="copy0001") == error
    assert list(bench.ok("OpenOrders", cl_ord_id="copy0001")["open"]) == [first]
    assert bench.ok("CancelOrder", cl_ord_id="copy0001") == {"count": 1}
    second = bench.order(price="40000", cl_ord_id="copy0001")
    bench.ok("CancelAll")
    assert set(bench.ok("ClosedOrders", cl_ord_id="copy0001")["closed"]) == {first, second}
    assert bench.error("QueryOrders", cl_ord_id="copy0001") == "EGeneral:Invalid arguments"


def test_cancelling_what_is_gone_or_never_was(bench):
    txid = bench.order(price="40000", userref=7)
    other = bench.order(price="40000", userref=7)
    assert bench.ok("CancelOrder", txid="7") == {"count": 2}
    assert bench.error("CancelOrder", txid=txid) == "EOrder:Unknown order"
    assert bench.error("CancelOrder", txid="OAAAAA-BBBBB-CCCCCC") == "EOrder:Invalid order"
    assert bench.ok("QueryOrders", txid="OAAAAA-BBBBB-CCCCCC") == {}
    assert set(bench.ok("QueryOrders", txid=f"{txid},{other}")) == {txid, other}


def test_own_orders_do_not_meet(bench):
    for rule, left in (("cancel-newest", "resting"), ("cancel-oldest", "new"), ("cancel-both", "none")):
        resting = bench.order(price="50000.0", type="buy")
        bench.wait(1)
        taker = bench.order(price="50000.0", type="sell", volume="0.05", stptype=rule)
        open_ids = set(bench.ok("OpenOrders")["open"])
        expected = {"resting": {resting}, "new": set(), "none": set()}[left]
        assert open_ids == expected, rule
        assert bench.look(taker)["status"] == ("closed" if rule == "cancel-oldest" else "canceled")
        bench.ok("CancelAll")


def test_margin_positions_open_close_and_bind(make_bench):
    bench = make_bench(margin=True)
    bench.order(ordertype="market", volume="1", leverage="5")
    assert funds(bench, "XXBT")[0] == "2.0000000000"
    ((_, position),) = bench.ok("OpenPositions", docalcs="true").items()
    assert (position["vol"], position["type"]) == ("1.00000000", "buy")
    standing = bench.ok("TradeBalance")
    assert Decimal(standing["m"]) > 9_900
    bench.set_price("51000")
    bench.order(ordertype="market", type="sell", volume="1", leverage="5", reduce_only="true")
    assert bench.ok("OpenPositions") == {}
    kinds = {kind: bench.ok("TradesHistory", type=kind)["count"] for kind in ("all", "closing position", "no position")}
    assert kinds == {"all": 3, "closing position": 1, "no position": 0}
    profit = [row for row in bench.ok("Ledgers", type="margin")["ledger"].values() if Decimal(row["amount"])]
    assert Decimal(profit[0]["amount"]) > 900
    order = {"pair": "XBTUSD", "type": "sell", "ordertype": "market", "volume": "1", "leverage": "5"}
    assert bench.error("AddOrder", **order, reduce_only=True) == "EOrder:Reduce only:No position exists"
    assert bench.error("AddOrder", **{**order, "volume": "300"}) == "EOrder:Insufficient margin"
