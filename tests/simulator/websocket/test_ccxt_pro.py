"""ccxt pro, unmodified, pointed at the simulator the way anybody would point it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal

import ccxt
import ccxt.pro
import pytest

from krakenonce.simulator import SimulatedKraken

BTC = "BTC/USD"


def kraken_of(sim: SimulatedKraken, account: int = 0) -> ccxt.pro.kraken:
    exchange = ccxt.pro.kraken({"apiKey": sim.accounts[account].key, "secret": sim.accounts[account].secret})
    exchange.enableRateLimit = False
    exchange.urls["api"] |= {"public": sim.url, "private": sim.url}
    exchange.urls["api"]["ws"] |= dict.fromkeys(("public", "private", "publicV2", "privateV2"), f"{sim.ws_url}/v2")
    return exchange


@contextlib.asynccontextmanager
async def connected(**settings) -> AsyncIterator[tuple[SimulatedKraken, ccxt.pro.kraken]]:
    async with SimulatedKraken(accounts=2, seed=3, **settings) as sim:
        exchange = kraken_of(sim)
        try:
            async with asyncio.timeout(20):
                yield sim, exchange
        finally:
            await exchange.close()
        assert sim.exchange.evidence.crashes == []


async def test_orders_are_placed_changed_and_cancelled():
    async with connected(volatility=0) as (_, exchange):
        watching = asyncio.create_task(exchange.watch_orders())
        order = await exchange.create_order_ws(BTC, "limit", "buy", 0.01, 40000, {"clientOrderId": "copy0001"})
        assert (await watching)[-1]["id"] == order["id"]
        changed = await exchange.edit_order_ws(order["id"], BTC, "limit", "buy", 0.02, 41000)
        assert changed["id"] == order["id"]
        (there,) = await exchange.fetch_open_orders(BTC)
        assert (there["price"], there["amount"], there["id"]) == (41000, 0.02, order["id"])
        cancelled = await exchange.cancel_order_ws(order["id"])
        assert cancelled["result"] == {"order_id": order["id"], "cl_ord_id": "copy0001"}
        assert (await exchange.fetch_order(order["id"], BTC))["status"] == "canceled"
        other = [await exchange.create_order_ws(BTC, "limit", "buy", 0.01, price) for price in (40000, 40001, 40002)]
        assert (await exchange.cancel_orders_ws([other[0]["id"]]))["success"]
        assert (await exchange.cancel_all_orders_ws())["result"] == {"count": 2}


async def test_stops_trailing_stops_and_conditional_closes_are_understood():
    async with connected(volatility=0) as (sim, exchange):
        sent = [
            await exchange.create_order_ws(BTC, "market", "sell", 0.01, None, {"stopLossPrice": 45000}),
            await exchange.create_order_ws(BTC, "limit", "sell", 0.01, 55000, {"takeProfitPrice": 54000}),
            await exchange.create_order_ws(BTC, "market", "sell", 0.01, None, {"trailingPercent": 2}),
            await exchange.create_order_ws(BTC, "limit", "buy", 0.01, 40000, {"stopLoss": {"triggerPrice": 39000}}),
            await exchange.create_order_ws(BTC, "limit", "buy", 0.01, 40000, {"timeInForce": "GTC", "postOnly": True}),
        ]
        tickets = [sim.accounts[0].orders[order["id"]].ticket for order in sent]
        assert [ticket.ordertype for ticket in tickets] == [
            "stop-loss",
            "take-profit-limit",
            "trailing-stop",
            "limit",
            "limit",
        ]
        assert tickets[3].close is not None
        assert (tickets[3].close.ordertype, tickets[3].close.trigger_price) == ("stop-loss", 39000)
        assert tickets[4].post


@pytest.mark.parametrize(
    ("order", "error"),
    [
        ((BTC, "limit", "buy", 10, 45000), ccxt.ExchangeError),
        ((BTC, "limit", "buy", 0.00001, 45000), ccxt.BadRequest),
        ((BTC, "limit", "buy", 0.01, 45000, {"price": 1}), ccxt.ExchangeError),
        ((BTC, "limit", "buy", 0.01, 40000.55, {"clientOrderId": "NOT allowed"}), ccxt.BadRequest),
    ],
)
async def test_refusals_raise_what_ccxt_has_for_them(order, error):
    async with connected(volatility=0) as (_, exchange):
        with pytest.raises(error):
            await exchange.create_order_ws(*order)
        with pytest.raises(ccxt.InvalidOrder):
            await exchange.cancel_order_ws("OAAAAA-AAAAA-AAAAAA")


async def test_own_trades_and_balances_are_watched():
    async with connected(volatility=0) as (sim, exchange):
        before = await exchange.watch_balance()
        assert before["USD"]["total"] == 100_000
        first = await exchange.create_order_ws(BTC, "market", "buy", 0.01)
        (past,) = await exchange.watch_my_trades(BTC)
        assert past["order"] == first["id"]
        trades = asyncio.create_task(exchange.watch_my_trades(BTC))
        order = await exchange.create_order_ws(BTC, "market", "buy", 0.01)
        (trade,) = await trades
        assert (trade["order"], trade["side"], trade["amount"], trade["takerOrMaker"]) == (
            order["id"],
            "buy",
            0.01,
            "taker",
        )
        assert Decimal(str(trade["fee"]["cost"])) == sim.accounts[0].trades[1].fee
        assert [row["id"] for row in await exchange.fetch_my_trades(BTC)] == [past["id"], trade["id"]]
        assert (await exchange.fetch_balance())["BTC"]["total"] == pytest.approx(2.02)


async def test_markets_are_watched():
    async with connected(volatility=0.05, step_ms=50) as (_, exchange):
        exchange.options["watchOrderBook"] = {"checksum": False}
        ticker = await exchange.watch_ticker(BTC)
        assert ticker["bid"] < ticker["ask"]
        (quotes,) = (await exchange.watch_bids_asks(["ETH/USD"])).values()
        assert quotes["ask"] > quotes["bid"]
        for _ in range(5):
            book = await exchange.watch_order_book(BTC, 10)
            assert len(book["bids"]) == len(book["asks"]) == 10
            assert book["bids"][0][0] < book["asks"][0][0]
        assert (await exchange.watch_trades(BTC))[-1]["symbol"] == BTC
        (candle, *_) = await exchange.watch_ohlcv(BTC, "1m")
        assert candle[3] <= candle[1] <= candle[2]
        with pytest.raises(ccxt.BadSymbol):
            await exchange.watch_ticker("XBT/CHF")


async def test_rest_reads_go_to_the_same_exchange():
    async with connected(volatility=0) as (_, exchange):
        order = await exchange.create_order_ws(BTC, "limit", "buy", 0.01, 40000)
        assert (await exchange.fetch_ticker(BTC))["last"] == 50000
        assert len((await exchange.fetch_order_book(BTC, 20))["bids"]) == 20
        assert len(await exchange.fetch_ohlcv(BTC, "1h")) == 720
        assert [row["id"] for row in await exchange.fetch_open_orders()] == [order["id"]]
        assert await exchange.fetch_closed_orders() == []
