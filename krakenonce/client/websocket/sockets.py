"""One open WebSocket: text out without waiting, text in. On aiohttp; a test may put anything else in its place."""

from __future__ import annotations

import socket
import struct
import sys
from contextlib import suppress
from typing import Protocol

from krakenonce.errors import MissingExtra

try:
    import aiohttp
except ModuleNotFoundError as missing:
    raise MissingExtra("The WebSocket session", "bot") from missing

_DISCARD_ON_CLOSE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
_POLICY_S = 5.0
_ENDINGS = frozenset(
    {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
)


class ConnectionLost(Exception):
    """The connection is over, or there was none to be had. Between rooms; callers of a session never see it.

    Attributes:
        cause: in a few words; never a secret.
        pause_s: how long at the least to stay away, in seconds.
    """

    def __init__(self, cause: str, pause_s: float = 0.0) -> None:
        self.cause, self.pause_s = cause, pause_s
        super().__init__(cause)


class Socket(Protocol):
    """One open connection. Belongs to its event loop."""

    def write(self, text: str) -> None:
        """Hand *text* to the transport, at once; raises `ConnectionLost` if nothing of it was handed over."""

    async def receive(self) -> str | bytes:
        """Return the next message; raises `ConnectionLost` once there will be none."""

    async def close(self) -> None:
        """End the connection; what was not sent by now never is. Never raises."""


class AiohttpSocket:
    """A `Socket` on aiohttp."""

    __slots__ = ("_ws",)

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self._ws = ws

    def write(self, text: str) -> None:
        # Without compression aiohttp hands the frame to the transport before it first suspends, and it suspends only to
        # wait until a full buffer drains. So one step of its coroutine sends, and a fan-out over a hundred sockets
        # needs no task and no turn of the event loop between them.
        sending = self._ws.send_str(text)
        try:
            sending.send(None)
        except StopIteration:
            return
        except (ConnectionError, RuntimeError) as error:
            raise ConnectionLost(type(error).__name__) from None
        # The buffer is full: the exchange has not read for a while. The frame is in it, and may still get there; what
        # comes next must not pile up behind it. Reading will find the connection broken.
        sending.close()
        self._break()

    async def receive(self) -> str | bytes:
        message = await self._ws.receive()
        if message.type in _ENDINGS:
            code = self._ws.close_code
            displeased = code == aiohttp.WSCloseCode.POLICY_VIOLATION
            raise ConnectionLost(f"closed with code {code}", _POLICY_S if displeased else 0.0)
        data = message.data
        return data if isinstance(data, str | bytes) else b""

    async def close(self) -> None:
        self._break()
        with suppress(ConnectionError, RuntimeError, TimeoutError):
            await self._ws.close()

    def _break(self) -> None:
        """Cut both directions, so that nobody waits for a peer that is gone."""
        raw = self._ws.get_extra_info("socket")
        if raw is not None:
            with suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DISCARD_ON_CLOSE)
                raw.shutdown(socket.SHUT_RDWR)
