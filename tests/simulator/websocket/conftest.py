"""A line to the exchange without sockets: frames in, frames out."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from krakenonce.simulator.websocket.face import WebSocketFace


class Line:
    """One WebSocket connection to a bench's exchange."""

    def __init__(self, bench, face: WebSocketFace | None = None, account: int = 0) -> None:
        self.bench = bench
        self.face = face or WebSocketFace(bench.exchange)
        self.session = self.face.connect()
        self.account = bench.exchange.accounts[account]
        self.token = bench.exchange.tokens.issue(self.account.keys[0], bench.exchange.now)
        self.texts: list[str] = []

    def raw(self, frame: str | bytes) -> list[dict[str, Any]]:
        """Send a frame as it is and return what comes back."""
        self.face.receive(self.session, frame)
        return self.read()

    def read(self) -> list[dict[str, Any]]:
        """Return the frames that have come since the last look."""
        self.face.settle()
        fresh = [text for _, text in self.session.outbox]
        self.session.outbox.clear()
        self.texts += fresh
        return [json.loads(text, parse_float=Decimal) for text in fresh]

    def send(
        self, method: str, *, token: bool = True, req_id: int | None = None, **params: Any
    ) -> list[dict[str, Any]]:
        document: dict[str, Any] = {"method": method, "params": params | ({"token": self.token} if token else {})}
        return self.raw(json.dumps(document if req_id is None else document | {"req_id": req_id}))

    def subscribe(self, channel: str, **params: Any) -> list[dict[str, Any]]:
        """Subscribe and return everything that comes, the acks first."""
        return self.send("subscribe", token=channel in ("executions", "balances"), channel=channel, **params)

    def reply(self, method: str, **params: Any) -> dict[str, Any]:
        """Send and return the one reply, leaving out what channels tell."""
        (reply,) = [frame for frame in self.send(method, **params) if "method" in frame]
        return reply

    def ok(self, method: str, **params: Any) -> Any:
        reply = self.reply(method, **params)
        assert reply["success"], reply
        return reply["result"]

    def error(self, method: str, **params: Any) -> str:
        reply = self.reply(method, **params)
        assert reply["success"] is False, reply
        return reply["error"]

    def order(self, **params: Any) -> str:
        """Place a limit order to buy 0.1 BTC far below the market, unless *params* say otherwise."""
        defaults = {"order_type": "limit", "side": "buy", "order_qty": 0.1, "limit_price": 40000, "symbol": "BTC/USD"}
        return self.ok("add_order", **{**defaults, **params})["order_id"]


@pytest.fixture
def line(bench) -> Line:
    fresh = Line(bench)
    fresh.read()
    return fresh


@pytest.fixture
def make_line() -> Callable[..., Line]:
    return Line
