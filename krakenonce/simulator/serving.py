"""One HTTP request after the other: read it, let it travel, have it judged, send the answer."""

from __future__ import annotations

import asyncio

from aiohttp import web

from krakenonce.simulator.calls import Call, Reply
from krakenonce.simulator.control import CONTROL_PATH, Control
from krakenonce.simulator.exchange import Exchange
from krakenonce.simulator.network import Network
from krakenonce.simulator.rest.face import RestFace

_JSON = {"Content-Type": "application/json"}


class Serving:
    """Handles the requests of one exchange's port. Belongs to the event loop."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._face = RestFace(exchange)
        self._control = Control(exchange)
        self._network = Network(exchange.settings)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        call = await self._read(request)
        if call.path.startswith(CONTROL_PATH):
            return _response(self._control.answer(call))
        return await self._rest(call)

    async def close(self) -> None:
        """End what is still under way."""

    async def _rest(self, call: Call) -> web.StreamResponse:
        key = self._exchange.keys.get(call.api_key)
        arrival = self._exchange.evidence.arrive(key)
        try:
            delay_s = self._network.delay_s(key.name if key is not None else "")
            if delay_s:
                await asyncio.sleep(delay_s)
            return _response(self._face.answer(call, arrival))
        finally:
            self._exchange.evidence.leave(key)

    async def _read(self, request: web.BaseRequest) -> Call:
        self._exchange.tick()
        self._exchange.advance()
        body = await request.read()
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


def _response(reply: Reply) -> web.Response:
    return web.Response(status=reply.status, body=reply.body, headers=_JSON)
