"""The six supported clients, unmodified, each with one private and one public call under one interface."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import ccxt
import ccxt.async_support
import krakenex
import pykrakenapi
from kraken.spot import SpotAsyncClient, SpotClient

SECRET = base64.b64encode(bytes(range(64))).decode()


class Refusal(Exception):
    """What krakenex leaves to its caller: an error string in the reply."""


@dataclass(frozen=True)
class Kind:
    """One client library in one of its forms.

    make(url, key, secret) returns a client. private(client, method) makes a private call of that name; public(client)
    asks for the time. Both return an awaitable if the client is asynchronous.
    """

    name: str
    make: Callable[[str, str, str], Any]
    private: Callable[[Any, str], Any]
    public: Callable[[Any], Any]
    close: Callable[[Any], Any]
    is_async: bool = False

    async def ask(self, client: Any, method: str = "Balance") -> Any:
        """Make a private call, in a worker thread if the client is synchronous."""
        return await self._await(self.private, client, method)

    async def ask_public(self, client: Any) -> Any:
        """Ask for the time, in a worker thread if the client is synchronous."""
        return await self._await(self.public, client)

    @contextlib.asynccontextmanager
    async def client(self, url: str, key: str, secret: str = SECRET):
        """Make a client and close it in the end."""
        made = self.make(url, key, secret)
        try:
            yield made
        finally:
            closing = self.close(made)
            if isinstance(closing, Awaitable):
                await closing

    async def _await(self, call, *args):
        return await (call(*args) if self.is_async else asyncio.to_thread(call, *args))


def _krakenex(url, key, secret):
    api = krakenex.API(key, secret)
    api.uri = url
    return api


def _krakenex_private(api, method):
    reply = api.query_private(method)
    if reply["error"]:
        raise Refusal(reply["error"])
    return reply["result"]


def _pykrakenapi(url, key, secret):
    return pykrakenapi.KrakenAPI(_krakenex(url, key, secret), tier="None", retry=0, crl_sleep=0)


def _pykrakenapi_private(client, method):
    if method != "Balance":
        return _krakenex_private(client.api, method)
    return client.get_account_balance()


def _pykrakenapi_public(client):
    client.time_of_last_public_query = None  # its limiter would refuse two public calls within a second
    return client.get_server_time()


def _point_at(exchange, url):
    exchange.urls["api"] = {**exchange.urls["api"], "public": url, "private": url}
    return exchange


def _ccxt(url, key, secret):
    return _point_at(ccxt.kraken({"apiKey": key, "secret": secret, "enableRateLimit": False}), url)


def _ccxt_async(url, key, secret):
    exchange = ccxt.async_support.kraken({"apiKey": key, "secret": secret, "enableRateLimit": False})
    exchange.timeout_on_exit = 0  # 250 ms for the goodbyes of TLS, of which there is none on the loopback
    return _point_at(exchange, url)


def _request_private(client, method):
    return client.request("POST", f"/0/private/{method}")


def _request_public(client):
    return client.request("GET", "/0/public/Time", auth=False)


def _ccxt_private(client, method):
    return client.request(method, ["private"], "POST")


def _ccxt_public(client):
    return client.request("Time", ["public"])


def _close_session(client):
    vars(client)["_SpotClient__session"].close()


KINDS = (
    Kind("krakenex", _krakenex, _krakenex_private, lambda api: api.query_public("Time"), lambda api: api.close()),
    Kind("pykrakenapi", _pykrakenapi, _pykrakenapi_private, _pykrakenapi_public, lambda client: client.api.close()),
    Kind(
        "sdk",
        lambda url, key, secret: SpotClient(key, secret, url),
        _request_private,
        _request_public,
        _close_session,
    ),
    Kind("ccxt", _ccxt, _ccxt_private, _ccxt_public, lambda exchange: exchange.session.close()),
    Kind(
        "sdk-async",
        lambda url, key, secret: SpotAsyncClient(key, secret, url),
        _request_private,
        _request_public,
        lambda client: client.close(),
        is_async=True,
    ),
    Kind("ccxt-async", _ccxt_async, _ccxt_private, _ccxt_public, lambda exchange: exchange.close(), is_async=True),
)
BY_NAME = {kind.name: kind for kind in KINDS}
SYNC = tuple(kind for kind in KINDS if not kind.is_async)
ASYNC = tuple(kind for kind in KINDS if kind.is_async)
