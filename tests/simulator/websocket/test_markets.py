"""Books that can be followed, tickers, trades and candles."""

from __future__ import annotations

import random
import zlib
from decimal import Decimal

import pytest


class Follower:
    """A client's book, kept as the documentation says: all rows of a message, then cut, then compare checksums."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.sides: dict[str, dict[Decimal, Decimal]] = {"bids": {}, "asks": {}}

    def apply(self, frame: dict) -> None:
        (row,) = frame["data"]
        if frame["type"] == "snapshot":
            self.sides = {"bids": {}, "asks": {}}
        for name, side in self.sides.items():
            for level in row[name]:
                side[level["price"]] = level["qty"]
            ranked = sorted(((at, qty) for at, qty in side.items() if qty), reverse=name == "bids")
            self.sides[name] = dict(ranked[: self.depth])
        assert row["checksum"] == self.checksum()

    def checksum(self) -> int:
        rows = [*list(self.sides["asks"].items())[:10], *list(self.sides["bids"].items())[:10]]
        text = "".join(str(part).replace(".", "").lstrip("0") for row in rows for part in row)
        return zlib.crc32(text.encode())


@pytest.mark.parametrize("depth", [10, 25, 100, 500, 1000])
def test_a_book_can_be_followed_by_its_changes(make_bench, make_line, depth):
    bench = make_bench(volatility=0.05)
    line, follower, rng = make_line(bench), Follower(depth), random.Random(depth)
    line.read()
    (_, snapshot) = line.subscribe("book", symbol=["BTC/USD"], depth=depth)
    follower.apply(snapshot)
    assert len(follower.sides["bids"]) == min(depth, 100)
    updates = 0
    for _ in range(60):
        last = bench.exchange.markets["XXBTZUSD"].last
        offset = Decimal(rng.randrange(-200, 200)) / 10
        bench.call(
            "AddOrder",
            pair="XBTUSD",
            ordertype="limit",
            type=rng.choice(["buy", "sell"]),
            volume="0.001",
            price=last + offset,
        )
        if rng.random() < 0.3:
            bench.call("CancelAll")
        if rng.random() < 0.3:
            bench.wait(0.5)
        for frame in line.read():
            if frame.get("channel") == "book":
                follower.apply(frame)
                updates += 1
    assert updates > 20


def test_a_checksum_shows_a_lost_update(bench, make_line):
    """The positive control of the test above."""
    line, follower = make_line(bench), Follower(10)
    line.read()
    follower.apply(line.subscribe("book", symbol=["BTC/USD"])[1])
    bench.order(price="49999.9")
    line.read()
    bench.order(price="49999.8")
    with pytest.raises(AssertionError):
        follower.apply(line.read()[-1])


def test_late_subscribers_and_early_ones_see_one_book(bench, make_line):
    early = make_line(bench)
    follower, other = Follower(10), Follower(10)
    follower.apply(early.subscribe("book", symbol=["BTC/USD"])[-1])
    late = make_line(bench, early.face)
    bench.order(price="49999.9")
    other.apply(late.subscribe("book", symbol=["BTC/USD"])[-1])
    for frame in early.read():
        follower.apply(frame)
    assert follower.sides == other.sides


def test_a_ticker_follows_trades_or_the_best_quotes(bench, make_line):
    trades = make_line(bench)
    quotes = make_line(bench, trades.face)
    trades.subscribe("ticker", symbol=["BTC/USD"])
    quotes.subscribe("ticker", symbol=["BTC/USD"], event_trigger="bbo")
    trades.read()
    quotes.read()
    bench.order(price="50000.0", volume="1")
    (row,) = quotes.read()[0]["data"]
    assert (row["bid"], trades.read()) == (50000, [])
    bench.order(ordertype="market", volume="0.5")
    (frame,) = trades.read()
    (row,) = frame["data"]
    assert row.keys() == {
        "symbol", "bid", "bid_qty", "ask", "ask_qty", "last", "volume", "vwap", "low", "high", "change", "change_pct",
        "trades", "timestamp",
    }  # fmt: skip
    assert row["last"] == Decimal("50000.1")


def test_fills_of_one_taker_share_a_message_and_a_time(line, make_line):
    line.subscribe("trade", symbol=["BTC/USD"])
    deep = {"order_type": "limit", "side": "buy", "order_qty": 1.9, "limit_price": 50100, "symbol": "BTC/USD"}
    frames = [frame for frame in line.send("add_order", **deep) if frame.get("channel") == "trade"]
    ((*rows,),) = [frame["data"] for frame in frames]
    assert len(rows) > 1
    assert len({row["timestamp"] for row in rows}) == 1
    assert [row["trade_id"] for row in rows] == sorted(row["trade_id"] for row in rows)
    assert {row["side"] for row in rows} == {"buy"}


def test_past_trades_come_only_if_asked_for(line, make_line):
    line.order(order_type="market", limit_price=None)
    assert len(line.subscribe("trade", symbol=["BTC/USD"])) == 1
    other = make_line(line.bench, line.face)
    snapshot = other.subscribe("trade", symbol=["BTC/USD"], snapshot=True)[-1]
    assert (snapshot["type"], [row["ord_type"] for row in snapshot["data"]]) == ("snapshot", ["market"])


def test_candles_grow_with_every_trade(line):
    _, snapshot = line.subscribe("ohlc", symbol=["BTC/USD"], interval=5)
    assert 1 <= len(snapshot["data"]) <= 10
    before = snapshot["data"][-1]
    frames = line.send("add_order", order_type="market", side="buy", order_qty=0.1, symbol="BTC/USD")
    ((row,),) = [frame["data"] for frame in frames if frame.get("channel") == "ohlc"]
    assert row["interval_begin"] == before["interval_begin"]
    assert (row["trades"], row["volume"]) == (before["trades"] + 1, before["volume"] + Decimal("0.1"))
    assert row["interval"] == 5


def test_instruments_are_those_of_rest(line):
    _, snapshot = line.subscribe("instrument")
    pairs = {row["symbol"]: row for row in snapshot["data"]["pairs"]}
    for name, row in line.bench.public("AssetPairs")["result"].items():
        symbol = line.bench.exchange.markets[name].pair.symbol
        assert pairs[symbol]["qty_min"] == Decimal(row["ordermin"])
        assert pairs[symbol]["price_precision"] == row["pair_decimals"]
        assert pairs[symbol]["marginable"] == bool(row["leverage_buy"])
    assert {row["id"] for row in snapshot["data"]["assets"]} >= {"BTC", "USD", "DOGE"}
