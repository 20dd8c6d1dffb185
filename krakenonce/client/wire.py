"""One key's HTTP connection: every request is transmitted once, and a failed one is cut off for good."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from krakenonce.errors import GrantEnded, MissingExtra
from krakenonce.kraken.catalogue import Action
from krakenonce.kraken.replies import Meaning, Outcome, Refused, Unknown, judge_reply

try:
    import aiohttp
except ModuleNotFoundError as missing:
    raise MissingExtra("The client", "bot") from missing

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

KEEP_ALIVE_SECONDS = 60.0
USER_AGENT = "krakenonce"

# With l_onoff=1, l_linger=0 the kernel throws away what it has not sent yet and resets the connection.
_DISCARD_ON_CLOSE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
_NOT_SENT = Meaning(Action.WAIT, no_effect=True)


class Observer(Protocol):
    """Whoever allows a request and keeps a record of its way. A `krakenonce.lanes.Turn` does."""

    def confirm(self) -> None:
        """Raise `GrantEnded` if the request must not be sent any more."""

    def note_sent(self, connection: int = 0) -> None:
        """Note that the request is being sent from this local port."""

    def note_date(self, text: str) -> None:
        """Note the ``Date`` header of the answer."""


@dataclass(slots=True)
class _Transmission:
    """What became of one request below HTTP: None as long as no connection was had, so that nothing was sent."""

    observer: Observer | None = None
    transport: asyncio.Transport | None = None

    def leaves_by(self, transport: asyncio.Transport | None) -> None:
        """Take in the connection the request goes out on now, unless it must not any more."""
        if self.observer is not None:
            self.observer.confirm()
        self.transport = transport
        if self.observer is not None and transport is not None:
            name = transport.get_extra_info("sockname")
            self.observer.note_sent(name[1] if isinstance(name, tuple) else 0)


_current: ContextVar[_Transmission | None] = ContextVar("transmission", default=None)


class _Withheld(Exception):
    """Nothing was sent, because the grant has ended: the cause. aiohttp would take that itself for a broken network."""


class _TracingConnector(aiohttp.TCPConnector):
    """Notes which connection a request went out on, so that exactly this one can be cut off."""

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout) -> Connection:
        connection = await super().connect(req, traces, timeout)
        transmission = _current.get()
        try:
            if transmission is not None:
                transmission.leaves_by(connection.transport)
        except GrantEnded as error:
            connection.release()
            raise _Withheld from error
        return connection


class Wire:
    """A warm HTTP connection to one host. Belongs to the event loop of its first request; not thread-safe.

    Redirects are not followed, nothing is transmitted twice. When a request fails or times out, its connection is
    reset before the method returns: what the operating system has not sent by then is never sent.

    Parameters:
        base_url: scheme and host, without a path.
        timeout: seconds from the start of a request to the last byte of its answer.
    """

    def __init__(self, base_url: str, timeout: float) -> None:
        self._base_url = base_url
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._session: aiohttp.ClientSession | None = None

    async def post(
        self, path: str, body: bytes, headers: Mapping[str, str], observer: Observer | None = None
    ) -> Outcome:
        """Send *body* once and return what the answer means; never raises for what the network does.

        Raises:
            GrantEnded: the *observer* did not allow it any more once there was a connection. Nothing was sent.
        """
        return await self._transmit("POST", path, data=body, headers=headers, observer=observer)

    async def get(self, path: str, params: Mapping[str, str]) -> Outcome:
        """Fetch a public resource and return what the answer means; never raises for what the network does."""
        return await self._transmit("GET", path, params=params)

    async def close(self) -> None:
        """Close the connection. A later request opens a new one."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=_TracingConnector(keepalive_timeout=KEEP_ALIVE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": USER_AGENT},
                timeout=self._timeout,
            )
        return self._session

    async def _transmit(
        self,
        verb: str,
        path: str,
        *,
        data: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        observer: Observer | None = None,
    ) -> Outcome:
        transmission = _Transmission(observer)
        token = _current.set(transmission)
        url = self._base_url + path
        try:
            async with self._opened().request(
                verb, url, data=data, params=params, headers=headers, allow_redirects=False
            ) as response:
                if observer is not None:
                    observer.note_date(response.headers.get("Date", ""))
                return judge_reply(response.status, await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            await _cut_off(transmission)
            return _failed(transmission, error)
        except _Withheld as withheld:
            raise cast("GrantEnded", withheld.__cause__) from None
        except asyncio.CancelledError:
            await _cut_off(transmission)
            raise
        finally:
            _current.reset(token)


def _failed(transmission: _Transmission, error: Exception) -> Outcome:
    # The class says enough; the text of some network errors repeats headers, and these carry the key.
    name = "time-out" if isinstance(error, TimeoutError) else type(error).__name__
    if transmission.transport is None:
        return Refused((f"no connection: {name}",), _NOT_SENT)
    return Unknown(f"connection lost: {name}")


async def _cut_off(transmission: _Transmission) -> None:
    transport = transmission.transport
    if transport is None:
        return
    raw = transport.get_extra_info("socket")
    if raw is not None:
        with suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DISCARD_ON_CLOSE)
    transport.abort()
    # The event loop closes the socket in its next round; the caller goes on in that round, after it.
    await asyncio.sleep(0)
