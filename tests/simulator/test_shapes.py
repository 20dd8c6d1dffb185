"""Names, types and number formats of every reply, against Kraken's published description."""

from __future__ import annotations

import re

ORDER_ID, TRADE_ID = r"O[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{6}", r"T[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{6}"


def decimals(text: str, count: int) -> bool:
    return re.fullmatch(rf"\d+\.\d{{{count}}}", text) is not None


def test_time_and_status(bench):
    assert bench.public("Time")["result"] == {"unixtime": 1790000000, "rfc1123": "Mon, 21 Sep 26 14:13:20 +0000"}
    assert bench.public("SystemStatus")["result"] == {"status": "online", "timestamp": "2026-09-21T14:13:20Z"}


def test_assets_and_pairs(bench):
    assets = bench.public("Assets", asset="XBT,USD")["result"]
    assert list(assets) == ["XXBT", "ZUSD"]
    assert assets["XXBT"]["decimals"] == 10
    assert list(bench.public("Assets", asset="BTC", assetVersion=1)["result"]) == ["BTC"]
    assert bench.public("Assets", asset="NOPE")["error"] == ["EQuery:Unknown asset"]
    pair = bench.public("AssetPairs", pair="XBTUSD")["result"]["XXBTZUSD"]
    expected = {
        "altname": "XBTUSD",
        "wsname": "XBT/USD",
        "base": "XXBT",
        "quote": "ZUSD",
        "pair_decimals": 1,
        "fees": [],
    }
    assert expected.items() <= pair.items()
    assert (pair["ordermin"], pair["costmin"], pair["tick_size"]) == ("0.00005", "0.5", "0.1")
    assert len(bench.public("AssetPairs")["result"]) == 12
    assert set(bench.public("AssetPairs", pair="XBTUSD", info="leverage")["result"]["XXBTZUSD"]) == {
        "leverage_buy",
        "leverage_sell",
    }
    assert bench.public("AssetPairs", pair="XBT/USD")["error"] == ["EQuery:Unknown asset pair"]
    assert list(bench.public("AssetPairs", pair="BTC/USD")["result"]) == ["BTC/USD"]
    assert "long_position_limit" not in bench.public("AssetPairs", pair="ADAUSD")["result"]["ADAUSD"]


def test_ticker_depth_trades_and_candles(bench):
    bench.order(ordertype="market", volume="0.5")
    row = bench.public("Ticker", pair="XBTUSD")["result"]["XXBTZUSD"]
    assert {name: len(value) for name, value in row.items() if name != "o"} == {
        "a": 3, "b": 3, "c": 2, "v": 2, "p": 2, "t": 2, "l": 2, "h": 2
    }  # fmt: skip
    assert decimals(row["a"][0], 5)
    assert row["a"][1].isdigit()
    assert decimals(row["c"][1], 8)
    assert isinstance(row["t"][0], int)
    depth = bench.public("Depth", pair="XBTUSD", count=3)["result"]["XXBTZUSD"]
    assert [len(depth[side]) for side in ("asks", "bids")] == [3, 3]
    assert float(depth["bids"][0][0]) < float(depth["asks"][0][0])
    trades = bench.public("Trades", pair="XBTUSD")["result"]
    price, volume, time, side, kind, misc, number = trades["XXBTZUSD"][0]
    assert (side, kind, misc) == ("b", "m", "")
    assert (decimals(price, 5), decimals(volume, 8), type(time), type(number)) == (True, True, float, int)
    assert trades["last"].isdigit()
    assert bench.public("Trades", pair="XBTUSD", since=trades["last"])["result"]["XXBTZUSD"] == []
    candles = bench.public("OHLC", pair="XBTUSD", interval=5)["result"]
    rows = candles["XXBTZUSD"]
    assert (len(rows), rows[-1][0] - rows[-2][0]) == (720, 300)
    assert candles["last"] == rows[-2][0]
    assert all(float(row[3]) <= float(row[1]) <= float(row[2]) for row in rows)
    assert len(bench.public("OHLC", pair="XBTUSD", interval=5, since=rows[-3][0])["result"]["XXBTZUSD"]) == 2
    assert bench.public("OHLC", pair="XBTUSD", interval=7)["error"] == ["EGeneral:Invalid arguments:interval"]
    assert bench.public("Depth")["error"] == ["EGeneral:Invalid arguments:pair"]


def test_an_open_and_a_closed_order(bench):
    txid = bench.order(price="40000", cl_ord_id="copy0001", volume="0.01")
    assert re.fullmatch(ORDER_ID, txid)
    assert bench.ok("OpenOrders")["open"][txid] == {
        "refid": None, "userref": None, "cl_ord_id": "copy0001", "status": "open", "opentm": 1790000000.0, "starttm": 0,
        "expiretm": 0, "vol": "0.01000000", "vol_exec": "0.00000000", "cost": "0.00000", "fee": "0.00000",
        "price": "0.00000", "stopprice": "0.00000", "limitprice": "0.00000", "misc": "", "oflags": "fciq",
        "descr": {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "40000.0", "price2": "0",
                  "leverage": "none", "order": "buy 0.01000000 XBTUSD @ limit 40000.0", "close": ""},
    }  # fmt: skip
    bench.ok("CancelOrder", txid=txid)
    closed = bench.ok("ClosedOrders")
    assert closed["count"] == 1
    assert {"reason", "closetm"} <= closed["closed"][txid].keys()
    assert "count" not in bench.ok("ClosedOrders", without_count="true")


def test_trades_and_pages(bench):
    for _ in range(55):
        bench.order(ordertype="market", volume="0.0001")
        bench.wait(0.001)
    first, second = bench.ok("TradesHistory"), bench.ok("TradesHistory", ofs=50)
    assert (len(first["trades"]), len(second["trades"]), first["count"]) == (50, 5, 55)
    txid, trade = next(iter(first["trades"].items()))
    assert re.fullmatch(TRADE_ID, txid)
    assert (trade["pair"], trade["aclass"], trade["maker"], trade["leverage"]) == ("XXBTZUSD", "forex", False, "0")
    assert bench.ok("QueryTrades", txid=txid) == {txid: trade}
    assert bench.ok("TradesHistory", start=txid) == {"trades": {}, "count": 0}
    assert bench.ok("TradesHistory", end=f"{trade['time'] - 0.0005:.4f}")["count"] == 54
    assert bench.error("QueryTrades", txid=",".join([txid] * 21)) == "EGeneral:Invalid arguments:txid"
    assert len(bench.ok("TradesHistory", ledgers="true")["trades"][txid]["ledgers"]) == 2
    row = bench.look(trade["ordertxid"])
    assert "trades" not in row
    assert bench.ok("QueryOrders", txid=trade["ordertxid"], trades=True)[trade["ordertxid"]]["trades"] == [txid]


def test_a_time_that_was_read_means_the_same_moment_when_it_is_sent_back(make_bench):
    bench = make_bench()
    bench.clock.advance(123_456_789)
    bench.order(ordertype="market", volume="0.0001")
    (first,) = bench.ok("TradesHistory")["trades"].values()
    assert str(first["time"]) == "1790000000.123456"
    bench.clock.advance(2_000)
    bench.order(ordertype="market", volume="0.0002")
    (later,) = bench.ok("TradesHistory", start=first["time"])["trades"].values()
    assert later["vol"] == "0.00020000"
    assert bench.ok("TradesHistory", end=first["time"])["count"] == 1


def test_volume_and_fees(bench):
    assert bench.ok("TradeVolume") == {"currency": "ZUSD", "volume": "0.0000"}
    row = bench.ok("TradeVolume", pair="XBTUSD,ETHUSD", fee_schedule="true")
    assert row["fees"]["XXBTZUSD"]["fee"] == "0.8000"
    assert row["fees_maker"]["XETHZUSD"]["nextvolume"] == "2500.0000"
    assert row["schedules"][0]["tiers"][0] == {"maker_fee": "0.4000", "taker_fee": "0.8000", "active": True}
    assert bench.error("TradeVolume", pair="XBTUSD", fee_schedule="True") == "EGeneral:Invalid arguments:fee_schedule"
    bench.order(ordertype="market", volume="0.1")
    assert bench.ok("TradeVolume", pair="XBTUSD")["fees"]["XXBTZUSD"]["fee"] == "0.6000"


def test_the_key_tells_about_itself(bench, make_bench):
    info = bench.ok("GetApiKeyInfo", nonce=77)
    assert (info["nonce"], info["nonce_window"], info["api_key"]) == ("77", "0", bench.master.key)
    assert "withdraw-funds" not in info["permissions"]
    camel = make_bench(key_info_case="camel", nonce_window=5).ok("GetApiKeyInfo")
    assert camel["nonceWindow"] == 5
    assert {"apiKeyName", "validUntil", "ipAllowlist"} <= camel.keys()
    assert bench.ok("GetWebSocketsToken", nonce=78).keys() == {"token", "expires"}


def test_ledgers_add_up(bench):
    bench.order(ordertype="market", volume="0.01")
    rows = bench.ok("Ledgers", type="trade")["ledger"]
    assert {row["asset"]: row["amount"] for row in rows.values()} == {"ZUSD": "-500.0010", "XXBT": "0.0100000000"}
    txid, row = next(iter(rows.items()))
    assert bench.ok("QueryLedgers", id=txid) == {txid: row}
    assert bench.ok("Ledgers", asset="XBT")["count"] == 2
    assert bench.error("Ledgers", asset="NOPE") == "EQuery:Unknown asset"
