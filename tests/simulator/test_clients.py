"""A trading day of every Python client, unmodified, through its own parsers."""

from __future__ import annotations

from decimal import Decimal

import ccxt
import krakenex
import pandas as pd
import pytest
from kraken.exceptions import KrakenInsufficientFundsError, KrakenInvalidNonceError
from kraken.spot import Market, SpotAsyncClient, Trade, User
from pykrakenapi import KrakenAPI

LIMIT = {"ordertype": "limit", "side": "buy", "pair": "XBTUSD", "volume": 0.01, "price": 40000}


def sdk(sim, kind: type, index: int = 0):
    account = sim.accounts[index]
    return kind(key=account.key, secret=account.secret, url=sim.url)


def ccxt_client(sim, kind: type = ccxt.kraken):
    account = sim.accounts[0]
    client = kind({"apiKey": account.key, "secret": account.secret, "enableRateLimit": False})
    client.urls["api"] = {**client.urls["api"], "public": sim.url, "private": sim.url}
    return client


def test_sdk_market(kraken_sim):
    market = Market(url=kraken_sim.url)
    assert market.get_system_status()["status"] == "online"
    assert market.get_assets(assets="XBT")["XXBT"]["altname"] == "XBT"
    assert market.get_asset_pairs(pair="XBTUSD")["XXBTZUSD"]["pair_decimals"] == 1
    assert set(market.get_ticker("XBTUSD")["XXBTZUSD"]) == set("abcvptlho")
    assert len(market.get_ohlc("XBTUSD", interval=60)["XXBTZUSD"]) == 720
    assert len(market.get_order_book("XBTUSD", count=5)["XXBTZUSD"]["bids"]) == 5
    assert "last" in market.get_recent_trades("XBTUSD")
    assert market.get_recent_spreads("XBTUSD")["XXBTZUSD"]


def test_sdk_trades_and_looks_up(kraken_sim):
    trade, user = sdk(kraken_sim, Trade), sdk(kraken_sim, User)
    txid = trade.create_order(**LIMIT, userref=5)["txid"][0]
    assert user.get_orders_info(txid)[txid]["userref"] == 5
    edited = trade.edit_order(txid=txid, pair="XBTUSD", volume=0.02, price=41000)["txid"]
    assert trade.amend_order(txid=edited, order_qty="0.03")["amend_id"]
    assert user.get_order_amends(edited)["count"] == 2
    assert user.get_open_orders()["open"][edited]["vol"] == "0.03000000"
    rows = [{"ordertype": "limit", "type": "buy", "price": "40000", "volume": "0.01"}] * 2
    batch = trade.create_order_batch(orders=rows, pair="BTC/USD")["orders"]
    assert trade.cancel_order_batch(orders=[row["txid"] for row in batch]) == {"count": 2}
    assert trade.cancel_all_orders_after_x(60)["triggerTime"]
    assert trade.cancel_order(txid=edited) == {"count": 1}
    trade.create_order(ordertype="market", side="buy", pair="BTC/USD", volume=0.01)
    (txid,) = user.get_trades_history()["trades"]
    assert user.get_trades_info(txid)[txid]["ordertype"] == "market"
    assert user.get_balance("XBT")["available_balance"] == pytest.approx(2.01)
    assert user.get_account_balance().keys() == user.get_balances().keys()
    assert Decimal(user.get_trade_balance()["eb"]) > 1_000_000
    assert user.get_trade_volume(pair="XBTUSD")["fees"]["XXBTZUSD"]["fee"] == "0.8000"
    assert user.get_closed_orders()["count"] == 5
    assert user.get_ledgers_info()["count"] == 14
    assert user.get_open_positions() == []
    with pytest.raises(KrakenInsufficientFundsError):
        trade.create_order(**{**LIMIT, "volume": 100})


async def test_sdk_async_and_its_own_errors(kraken_sim):
    async with sdk(kraken_sim, SpotAsyncClient, 1) as client:
        assert (await client.request("POST", "/0/private/Balance"))["ZUSD"] == "100000.0000"
        client.get_nonce = lambda: "1"
        with pytest.raises(KrakenInvalidNonceError):
            await client.request("POST", "/0/private/Balance")


def test_ccxt_market(kraken_sim):
    client = ccxt_client(kraken_sim)
    assert len(client.load_markets()) == 12
    assert client.fetch_status()["status"] == "ok"
    assert client.fetch_time() > 1_700_000_000_000
    assert client.fetch_ticker("BTC/USD")["bid"] < client.fetch_ticker("BTC/USD")["ask"]
    assert len(client.fetch_tickers()) == 12
    assert client.fetch_order_book("BTC/USD", 5)["bids"]
    assert len(client.fetch_ohlcv("BTC/USD", "5m")) == 720
    assert isinstance(client.fetch_trades("BTC/USD"), list)


def test_ccxt_trades(kraken_sim):
    client = ccxt_client(kraken_sim)
    assert client.fetch_balance()["USD"]["free"] == 100_000
    order = client.create_order("BTC/USD", "limit", "buy", 0.01, 40000, {"clientOrderId": "ccxt1"})
    assert client.fetch_order(order["id"])["status"] == "open"
    order = client.edit_order(order["id"], "BTC/USD", "limit", "buy", 0.02, 41000)
    assert [row["amount"] for row in client.fetch_open_orders("BTC/USD")] == [0.02]
    assert client.fetch_balance()["USD"]["used"] == pytest.approx(820 * 1.008)
    client.create_order("BTC/USD", "market", "buy", 0.01)
    (trade,) = client.fetch_my_trades()
    assert trade["fee"]["cost"] == pytest.approx(trade["cost"] * 0.008, abs=1e-4)
    stop = client.create_order("BTC/USD", "market", "sell", 0.01, None, {"stopLossPrice": 45000})
    client.create_order("BTC/USD", "market", "sell", 0.01, None, {"trailingPercent": "5"})
    assert client.fetch_order(stop["id"])["status"] == "open"
    rows = [{"symbol": "BTC/USD", "type": "limit", "side": "buy", "amount": 0.01, "price": 40000 + i} for i in range(2)]
    ids = [row["id"] for row in client.create_orders(rows)]
    client.cancel_orders(ids)
    client.cancel_all_orders()
    assert client.fetch_open_orders() == []
    assert len(client.fetch_closed_orders()) == 6
    assert client.fetch_trading_fee("BTC/USD")["taker"] == 0.008
    assert len(client.fetch_ledger()) == 14
    with pytest.raises(ccxt.InsufficientFunds):
        client.create_order("BTC/USD", "limit", "buy", 100, 40000)
    with pytest.raises(ccxt.InvalidOrder):
        client.create_order("BTC/USD", "limit", "buy", 0.00001, 40000)


@pytest.mark.kraken_sim(margin=True)
def test_ccxt_on_margin(kraken_sim):
    client = ccxt_client(kraken_sim)
    client.create_order("BTC/USD", "market", "buy", 0.1, None, {"leverage": 2})
    (position,) = client.fetch_positions()
    assert (position["symbol"], position["side"]) == ("BTC/USD", "long")


def test_pykrakenapi(kraken_sim):
    account = kraken_sim.accounts[0]
    api = krakenex.API(account.key, account.secret)
    api.uri = kraken_sim.url
    client = KrakenAPI(api)
    assert isinstance(client.get_account_balance(), pd.DataFrame)
    assert client.get_trade_balance().loc["eb"].iloc[0] > 1_000_000
    order = {"type": "buy", "ordertype": "limit", "pair": "XBTUSD", "volume": "0.01", "price": "40000"}
    assert "txid" not in client.add_standard_order(**order)
    txid = client.add_standard_order(**order, validate=False)["txid"][0]
    assert list(client.get_open_orders().index) == [txid]
    assert client.cancel_open_order(txid)["count"] == 1
    client.add_standard_order(type="buy", ordertype="market", pair="XBTUSD", volume="0.01", validate=False)
    assert client.get_closed_orders()[1] == 2
    trades, count = client.get_trades_history()
    assert (count, trades["vol"].iloc[0]) == (1, 0.01)
    ticker = client.get_ticker_information("XBTUSD")
    assert float(ticker["a"].iloc[0][0]) > 0
