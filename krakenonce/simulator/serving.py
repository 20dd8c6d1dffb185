"""One HTTP request after the other: read it, let it travel, have it judged, deliver the answer."""

from __future__ import annotations

import asyncio

from aiohttp import web

from krakenonce.simulator.calls import Call
from krakenonce.simulator.control import CONTROL_PATH, Control
from krakenonce.simulator.delivery import Delivery, json_response
from krakenonce.simulator.exchange import Exchange
from krakenonce.simulator.faults import LATE_KINDS, Fault
from krakenonce.simulator.holding import Holding
from krakenonce.simulator.network import Network
from krakenonce.simulator.rest.face import RestFace
from krakenonce.simulator.websocket.driver import WebSocketDriver, is_handshake

_BODY_S = 30  # a client that announces more than it sends does not hold its connection for ever


class Serving:
    """Handles the requests of one exchange's port. Belongs to the event loop."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._face = RestFace(exchange)
        self._holding = Holding()
        self._control = Control(exchange, self._holding.release)
        self._network = Network(exchange.settings)
        self._delivery = Delivery()
        self._sockets = WebSocketDriver(exchange, self._network)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, or serve one WebSocket connection."""
        self._exchange.tick()
        self._exchange.advance()
        if is_handshake(request):
            return await self._sockets.serve(request)
        call = await self._read(request)
        if call.path.startswith(CONTROL_PATH):
            return json_response(self._control.answer(call))
        return await self._rest(request, call)

    async def close(self) -> None:
        """End the calls that hang or are held, and the WebSocket connections."""
        self._delivery.close()
        self._holding.close()
        await self._sockets.close()

    async def _rest(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        key = self._exchange.keys.get(call.api_key)
        arrival = self._exchange.evidence.arrive(key)
        name, account = (key.name, key.account.name) if key is not None else ("", "")
        delay_s = self._network.delay_s(name)
        faults = self._exchange.faults.draw(call.path.rpartition("/")[2], account)
        try:
            await _sleep(delay_s + _delay_s(faults, "before"))
            await self._holding.keep(faults, "before")
            return await self._judge(request, call, arrival, faults)
        finally:
            self._exchange.evidence.leave(key)

    async def _judge(
        self, request: web.BaseRequest, call: Call, arrival: int, faults: list[Fault]
    ) -> web.StreamResponse:
        label = " + ".join(fault.label for fault in faults)
        fault = next((fault for fault in faults if fault.kind not in LATE_KINDS), None)
        if fault is not None and fault.loses_request:
            self._face.lose(call, arrival, label)
            return await self._delivery.spoil(request, fault, None)
        stale_ns = int(fault.ms * 1_000_000) if fault is not None and fault.kind == "stale" else 0
        reply = self._face.answer(call, arrival, label, stale_ns)
        await _sleep(_delay_s(faults, "after"))
        await self._holding.keep(faults, "after")
        return json_response(reply) if fault is None else await self._delivery.spoil(request, fault, reply)

    async def _read(self, request: web.BaseRequest) -> Call:
        body = await _read_body(request)
        headers = request.headers
        path, _, query = request.raw_path.partition("?")
        return Call(
            verb=request.method,
            path=path,
            query=query,
            body=body,
            content_type=headers.get("Content-Type", ""),
            api_key=headers.get("API-Key", ""),
            api_sign=headers.get("API-Sign", ""),
            address=request.remote or "",
            arrived_ns=self._exchange.shown_ns,
        )


async def _read_body(request: web.BaseRequest) -> bytes:
    try:
        async with asyncio.timeout(_BODY_S):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None


def _delay_s(faults: list[Fault], phase: str) -> float:
    return sum(fault.ms for fault in faults if fault.kind == "delay" and fault.phase == phase) / 1000


async def _sleep(seconds: float) -> None:
    if seconds > 0:
        await asyncio.sleep(seconds)
