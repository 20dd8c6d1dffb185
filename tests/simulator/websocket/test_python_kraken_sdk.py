"""python-kraken-sdk, unmodified: SpotWSClient and SpotOrderBookClient, pointed at the simulator."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from kraken.base_api import SpotClient
from kraken.spot import SpotOrderBookClient, SpotWSClient
from websockets.exceptions import ConnectionClosed

from krakenonce.simulator import SimulatedKraken, serve_in_thread


class Inbox:
    """What a client's callback was given."""

    def __init__(self) -> None:
        self._messages: list[dict[str, Any]] = []
        self._news = asyncio.Event()

    async def take(self, message: dict[str, Any]) -> None:
        self._messages.append(message)
        self._news.set()

    async def first(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the first message that fits, whenever it comes."""
        return (await self.count(1, fits))[0]

    async def count(self, number: int, fits: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Return the messages that fit, once there are *number* of them."""
        while len(found := list(filter(fits, self._messages))) < number:
            self._news.clear()
            await self._news.wait()
        return found

    async def reply(self, req_id: int) -> dict[str, Any]:
        return await self.first(lambda message: message.get("req_id") == req_id)


@contextlib.asynccontextmanager
async def connected(sim: SimulatedKraken) -> AsyncIterator[tuple[SpotWSClient, Inbox]]:
    inbox = Inbox()
    account = sim.accounts[0]
    urls = {"rest_url": sim.url, "ws_url": sim.ws_url, "auth_ws_url": sim.ws_url}
    client = SpotWSClient(key=account.key, secret=account.secret, callback=inbox.take, **urls)
    async with asyncio.timeout(25):
        await client.start()
        try:
            yield client, inbox
        finally:
            await leave(client)


async def leave(client: SpotWSClient) -> None:
    """Close *client*: its close() looks up only when a message comes, so pongs are what makes it quick."""
    closing = asyncio.create_task(client.close())
    while not closing.done():
        for connection in filter(None, (client._pub_conn, client._priv_conn)):
            with contextlib.suppress(ConnectionClosed):
                await connection.send_ping()
        await asyncio.wait([closing], timeout=0.05)
    await closing


async def test_a_client_subscribes_trades_and_follows_its_orders():
    with serve_in_thread(accounts=1, seed=4, volatility=0) as sim:
        async with connected(sim) as (client, inbox):
            await client.subscribe(params={"channel": "executions", "snap_trades": True}, req_id=1)
            assert (await inbox.reply(1))["success"]
            order = {"order_type": "limit", "side": "buy", "order_qty": 0.01, "limit_price": 40000, "symbol": "BTC/USD"}
            await client.send_message({"method": "add_order", "params": order | {"cl_ord_id": "sdk1"}, "req_id": 2})
            placed = await inbox.reply(2)
            new = await inbox.first(lambda message: _kind(message) == "new")
            assert new["data"][0]["order_id"] == placed["result"]["order_id"]
            assert client.active_private_subscriptions == [
                {"channel": "executions", "snap_orders": True, "snap_trades": True}
            ]
            await client.send_message(
                {"method": "cancel_order", "params": {"order_id": [placed["result"]["order_id"]]}, "req_id": 3}
            )
            assert (await inbox.reply(3))["result"] == {"order_id": placed["result"]["order_id"], "cl_ord_id": "sdk1"}
            await client.send_message({"method": "cancel_all_orders_after", "params": {"timeout": 0}, "req_id": 4})
            assert (await inbox.reply(4))["result"]["triggerTime"] == "0"
            await client.unsubscribe(params={"channel": "executions"}, req_id=5)
            assert (await inbox.reply(5))["success"]


def _kind(message: dict[str, Any]) -> str:
    return message["data"][0]["exec_type"] if message.get("channel") == "executions" and message["data"] else ""


async def test_a_client_that_is_cut_off_comes_back_and_subscribes_again():
    with serve_in_thread(accounts=1, seed=4) as sim:
        async with connected(sim) as (client, inbox):
            for channel in ("ticker", "trade", "ohlc"):
                await client.subscribe(params={"channel": channel, "symbol": ["BTC/USD"]})
            await inbox.first(lambda message: (message.get("result") or {}).get("channel") == "ohlc")
            before = client.active_public_subscriptions
            client._pub_conn.socket.transport.abort()
            await inbox.count(6, lambda message: message.get("method") == "subscribe" and message["success"])
            assert client.active_public_subscriptions == before


async def test_the_order_book_client_finds_no_fault_with_the_checksums(monkeypatch: pytest.MonkeyPatch):
    with serve_in_thread(accounts=1, seed=4, volatility=0.05, step_ms=50) as sim:
        # This client takes no URLs; these are the constants it reads them from.
        monkeypatch.setattr(SpotClient, "URL", sim.url)
        monkeypatch.setattr(SpotWSClient, "WS_URL", sim.ws_url)
        seen: list[tuple[bool, dict[str, Any]]] = []

        def note(pair: str, message: dict[str, Any]) -> None:
            seen.append((book.get(pair)["valid"], message))

        book = SpotOrderBookClient(depth=10, callback=note)
        await book.start()
        try:
            async with asyncio.timeout(20):
                await book.add_book(pairs=["BTC/USD", "DOGE/USD"])
                while sum(message.get("type") == "update" for _, message in seen) < 20:
                    await asyncio.sleep(0.02)
        finally:
            await leave(book)
        assert all(valid for valid, _ in seen)
        assert {message["data"][0]["symbol"] for _, message in seen} == {"BTC/USD", "DOGE/USD"}
        assert len(book.get("BTC/USD")["bid"]) == 10
