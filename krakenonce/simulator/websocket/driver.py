"""Sockets: the handshake, frames in, frames out. Everything that is decided, is decided in the face."""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from krakenonce.clock import NS_PER_SECOND
from krakenonce.simulator.websocket.face import WebSocketFace
from krakenonce.simulator.websocket.session import DROPPED, GOING_AWAY, Session

if TYPE_CHECKING:
    from krakenonce.simulator.exchange import Exchange
    from krakenonce.simulator.network import Network

PATHS = ("/v2", "/v2/")
MAX_FRAME = 1024 * 1024
_TEXT = 0x81
_WINDOW_NS = 600 * NS_PER_SECOND
_NEXT = 1e-6  # what arrives later is executed later, even if the delays are equal


def is_handshake(request: web.BaseRequest) -> bool:
    """Return whether *request* asks for a WebSocket."""
    return request.headers.get("Upgrade", "").lower() == "websocket"


class WebSocketDriver:
    """Serves the WebSocket connections of one exchange's port. Belongs to the event loop."""

    def __init__(self, exchange: Exchange, network: Network) -> None:
        self._exchange, self._network = exchange, network
        self.face = WebSocketFace(exchange, self._on_unrest)
        self._doorman = Doorman(exchange)
        self._connections: set[Connection] = set()

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one connection until it ends."""
        if request.path not in PATHS:
            return web.Response(status=404)
        if not self._doorman.admits(request.remote or ""):
            return web.Response(status=429)
        socket = web.WebSocketResponse(max_msg_size=MAX_FRAME, timeout=1)
        try:
            await socket.prepare(request)
        except web.HTTPException as error:
            return web.Response(status=error.status, text=error.text)
        connection = Connection(self._exchange, self.face, self._network, socket)
        self._connections.add(connection)
        try:
            await connection.run(request)
        finally:
            self._connections.discard(connection)
        return socket

    async def close(self) -> None:
        """End every connection."""
        ending = list(self._connections)
        for connection in ending:
            connection.session.close(GOING_AWAY)
        for connection in ending:
            await connection.ended.wait()

    def _on_unrest(self) -> None:
        asyncio.get_running_loop().call_soon(self.face.settle)


class Connection:
    """One connection: a task that reads, and one that writes. What has arrived is executed even if the client goes."""

    def __init__(
        self,
        exchange: Exchange,
        face: WebSocketFace,
        network: Network,
        socket: web.WebSocketResponse,
    ) -> None:
        self._exchange, self._face, self._network, self._socket = exchange, face, network, socket
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self.ended = asyncio.Event()
        self._last_due = 0.0
        self.session: Session = face.connect(self._ready.set)

    async def run(self, request: web.BaseRequest) -> None:
        """Read and write until either side ends it."""
        writer = asyncio.create_task(self._write(request), name="simulated websocket, writing")
        try:
            async for message in self._socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    self._receive(message.data)
        finally:
            self._face.disconnect(self.session)
            self.session.close(DROPPED)
            self.ended.set()
            await writer

    def _receive(self, frame: str | bytes) -> None:
        request = self._face.arrive(self.session, frame)
        delay_s = self._network.delay_s(self.session.account) + request.delay_s
        now = self._loop.time()
        if delay_s <= 0 and self._last_due < now:
            self._face.execute(request)
            return
        self._last_due = max(self._last_due + _NEXT, now + delay_s)
        self._loop.call_at(self._last_due, self._face.execute, request)

    async def _write(self, request: web.BaseRequest) -> None:
        try:
            while not self.session.close_code:
                await self._ready.wait()
                self._ready.clear()
                await self._send_all(request)
        except ConnectionError:
            self.session.close(DROPPED)
        if self.session.close_code != DROPPED:
            await self._socket.close(code=self.session.close_code)
        elif request.transport is not None:
            request.transport.abort()

    async def _send_all(self, request: web.BaseRequest) -> None:
        outbox = self.session.outbox
        while outbox and not self.session.close_code:
            if self._socket.compress or outbox[0][0]:
                await self._send_one(*outbox.popleft())
            elif request.transport is None:
                raise ConnectionResetError
            else:
                # One order makes several frames for everybody who watches it: one write for all of them is what
                # lets the last of a hundred watchers hear of it in time.
                request.transport.write(b"".join(self._plain_frames()))
                await request.writer.drain()

    async def _send_one(self, due_ns: int, text: str) -> None:
        if due_ns and not self._exchange.settings.virtual_step_ms:
            await asyncio.sleep(max(0, due_ns - self._exchange.advance()) / NS_PER_SECOND)
        await self._socket.send_str(text)

    def _plain_frames(self) -> Iterator[bytes]:
        """Take from the outbox what may go now, and yield it as uncompressed frames."""
        outbox = self.session.outbox
        while outbox and not outbox[0][0]:
            data = outbox.popleft()[1].encode()
            yield frame_header(len(data))
            yield data


def frame_header(length: int) -> bytes:
    """Return the header of a whole, unmasked text frame: https://www.rfc-editor.org/rfc/rfc6455#section-5.2."""
    if length < 126:
        return bytes([_TEXT, length])
    if length < 2**16:
        return struct.pack("!BBH", _TEXT, 126, length)
    return struct.pack("!BBQ", _TEXT, 127, length)


class Doorman:
    """Counts connection attempts per address: too many in 10 minutes, and the address is kept out for 10 minutes.

    https://docs.kraken.com/api/docs/guides/spot-ws-intro
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._attempts: dict[str, deque[int]] = {}
        self._kept_out: dict[str, int] = {}

    def admits(self, address: str) -> bool:
        """Count one attempt and return whether it may go on."""
        most, now_ns = self._exchange.settings.ws_attempts, self._exchange.now
        if not most:
            return True
        if now_ns < self._kept_out.get(address, 0):
            return False
        attempts = self._attempts.setdefault(address, deque())
        attempts.append(now_ns)
        while attempts[0] <= now_ns - _WINDOW_NS:
            attempts.popleft()
        if len(attempts) > most:
            self._kept_out[address] = now_ns + _WINDOW_NS
        return len(attempts) <= most
