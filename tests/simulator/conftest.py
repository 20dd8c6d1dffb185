"""Exchanges without sockets, and the shortest way to sign a call to them."""

from __future__ import annotations

import json
from itertools import count
from typing import Any
from urllib.parse import urlencode

import pytest

from krakenonce.clock import ManualClock
from krakenonce.kraken.signing import sign
from krakenonce.simulator import Exchange, Settings
from krakenonce.simulator.accounts import ApiKey
from krakenonce.simulator.calls import Call
from krakenonce.simulator.rest.face import RestFace


class Bench:
    """An exchange, its REST face and a clock that moves only when told to."""

    def __init__(self, **settings: Any) -> None:
        self.clock = ManualClock()
        self.exchange = Exchange(Settings(**{"volatility": 0, **settings}), self.clock)
        self.face = RestFace(self.exchange)
        self._nonces = count(1)

    @property
    def master(self):
        return self.exchange.accounts[0]

    def wait(self, seconds: float) -> None:
        self.clock.advance(int(seconds * 10**9))
        self.exchange.advance()

    def raw(self, call: Call) -> dict[str, Any]:
        reply = self.face.answer(call, 0)
        return {"status": reply.status, **json.loads(reply.body)}

    def public(self, method: str, **fields: Any) -> dict[str, Any]:
        return self.raw(Call("GET", f"/0/public/{method}", query=urlencode(fields)))

    def call(self, method: str, /, key: ApiKey | None = None, as_json: bool = False, **fields: Any) -> dict[str, Any]:
        key = key or self.master.keys[0]
        fields.setdefault("nonce", next(self._nonces))
        body = json.dumps(fields).encode() if as_json else urlencode(fields).encode()
        kind = "application/json" if as_json else "application/x-www-form-urlencoded"
        path = f"/0/private/{method}"
        signature = sign(path, str(fields["nonce"]), body, key.secret)
        arrived = self.exchange.shown_ns
        return self.raw(Call("POST", path, "", body, kind, key.key, signature, arrived_ns=arrived))

    def ok(self, method: str, /, **fields: Any) -> Any:
        reply = self.call(method, **fields)
        assert reply["error"] == [], reply
        return reply["result"]

    def error(self, method: str, /, **fields: Any) -> str:
        reply = self.call(method, **fields)
        assert "result" not in reply, reply
        return reply["error"][0]

    def order(self, **fields: Any) -> str:
        defaults = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.1"}
        return self.ok("AddOrder", **{**defaults, **fields})["txid"][0]

    def set_price(self, price: str, pair: str = "XXBTZUSD") -> None:
        from decimal import Decimal

        self.exchange.flow.set_price(self.exchange.markets[pair], Decimal(price))

    def look(self, txid: str) -> dict[str, Any]:
        return self.ok("QueryOrders", txid=txid)[txid]


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def make_bench() -> type[Bench]:
    return Bench
