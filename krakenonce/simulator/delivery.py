"""How an answer gets back, or does not: the part of a fault that the client sees."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable

from aiohttp import web

from krakenonce.simulator.calls import Reply, error_reply
from krakenonce.simulator.faults import Fault
from krakenonce.simulator.refusals import Refusal

_JSON = {"Content-Type": "application/json"}
_PIECES = 10
_LOOK_S = 0.1
_PAGE = """<!DOCTYPE html>
<html><head><title>{status}: {name}</title></head>
<body><h1>Error {status}</h1><p>{name}. The web server reported a gateway problem.</p></body></html>
"""
_NAMES = {
    500: "Internal server error",
    502: "Bad gateway",
    503: "Service unavailable",
    504: "Gateway time-out",
    520: "Web server is returning an unknown error",
    522: "Connection timed out",
}


def json_response(reply: Reply) -> web.Response:
    """Return the HTTP form of a reply."""
    return web.Response(status=reply.status, body=reply.body, headers=_JSON)


class Delivery:
    """Spoils answers. Belongs to the event loop."""

    def __init__(self) -> None:
        self._closing = asyncio.Event()
        self._ways: dict[str, Callable[[web.BaseRequest, Fault, Reply], Awaitable[web.StreamResponse]]] = {
            "drop": self._drop,
            "reset": self._reset,
            "http": self._page,
            "error": self._error,
            "slow": self._slow,
            "hang": self._hang,
            "stale": self._as_is,
        }

    def close(self) -> None:
        """Let everything that hangs end now."""
        self._closing.set()

    async def spoil(self, request: web.BaseRequest, fault: Fault, reply: Reply | None) -> web.StreamResponse:
        """Deliver *reply* (None if the request never got to the exchange) the way *fault* wants it."""
        with contextlib.suppress(ConnectionError):
            return await self._ways[fault.kind](request, fault, reply or error_reply(Refusal(fault.error)))
        return web.Response()

    async def _as_is(self, _request: web.BaseRequest, _fault: Fault, reply: Reply) -> web.StreamResponse:
        return json_response(reply)

    async def _drop(self, request: web.BaseRequest, _fault: Fault, reply: Reply) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.close()
        return json_response(reply)

    async def _reset(self, request: web.BaseRequest, _fault: Fault, reply: Reply) -> web.StreamResponse:
        if request.transport is not None:
            connection = request.transport.get_extra_info("socket")
            # A linger time of 0 turns the close into a reset.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.transport.abort()
        return json_response(reply)

    async def _page(self, _request: web.BaseRequest, fault: Fault, _reply: Reply) -> web.StreamResponse:
        text = _PAGE.format(status=fault.status, name=_NAMES[fault.status])
        return web.Response(status=fault.status, text=text, content_type="text/html")

    async def _error(self, _request: web.BaseRequest, fault: Fault, _reply: Reply) -> web.StreamResponse:
        return json_response(error_reply(Refusal(fault.error)))

    async def _slow(self, request: web.BaseRequest, fault: Fault, reply: Reply) -> web.StreamResponse:
        response = web.StreamResponse(status=reply.status, headers=_JSON)
        response.content_length = len(reply.body)
        await response.prepare(request)
        size = max(1, -(-len(reply.body) // _PIECES))
        for start in range(0, len(reply.body), size):
            await self._wait(request, fault.ms / _PIECES / 1000)
            await response.write(reply.body[start : start + size])
        await response.write_eof()
        return response

    async def _hang(self, request: web.BaseRequest, fault: Fault, reply: Reply) -> web.StreamResponse:
        await self._wait(request, fault.ms / 1000)
        return await self._drop(request, fault, reply)

    async def _wait(self, request: web.BaseRequest, seconds: float) -> None:
        """Wait, but not for a client that has gone or a server that closes."""
        deadline = asyncio.get_running_loop().time() + seconds
        while (left := deadline - asyncio.get_running_loop().time()) > 0 and request.transport is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), min(left, _LOOK_S))
                return
