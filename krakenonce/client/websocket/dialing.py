"""How connections are opened: one HTTP session for all accounts, and no more attempts than Kraken allows."""

from __future__ import annotations

import ipaddress
from collections import deque
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp

from krakenonce.client.websocket.sockets import AiohttpSocket, ConnectionLost, Socket
from krakenonce.client.wire import USER_AGENT
from krakenonce.clock import NS_PER_SECOND, Clock, SystemClock

AUTH_URL = "wss://ws-auth.kraken.com/v2"
MOST_ATTEMPTS, KEPT_FOR_URGENT = 140, 20
_WINDOW_NS = 600 * NS_PER_SECOND
_LONGEST_MESSAGE = 16 * 1024 * 1024
_OPEN_S, _CLOSE_S, _REFUSED_S = 10.0, 0.5, 60.0


def websocket_url(base_url: str) -> str:
    """Return where private WebSockets of the exchange at *base_url* (its REST address) are.

    Kraken's own are on a host of their own (https://docs.kraken.com/api/docs/guides/spot-ws-intro); a simulated
    exchange has them on its only port.
    """
    parts = urlsplit(base_url)
    if parts.hostname == "api.kraken.com":
        return AUTH_URL
    return f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}/v2"


class Attempts:
    """How many connections may still be opened: about 150 per address in 10 minutes, or 10 minutes of none.

    https://docs.kraken.com/api/docs/guides/spot-ws-intro. One for all sessions of an address. Pure but for its memory.

    Parameters:
        most: attempts in ten minutes; 0 for any number. The last *kept* of them are for urgent sessions.
    """

    def __init__(self, most: int = MOST_ATTEMPTS, kept: int = KEPT_FOR_URGENT) -> None:
        self._most, self._kept = most, kept
        self._made: deque[int] = deque()

    def wait_ns(self, now_ns: int, *, urgent: bool) -> int:
        """Count one attempt and return 0, or return how long to wait until there may be room for it."""
        while self._made and self._made[0] <= now_ns - _WINDOW_NS:
            self._made.popleft()
        room = self._most if urgent else self._most - self._kept
        if self._most and len(self._made) >= room:
            return self._made[len(self._made) - room] + _WINDOW_NS - now_ns
        self._made.append(now_ns)
        return 0


class Dialer:
    """Opens connections to one exchange, for any number of sessions of one event loop. Close it last.

    Parameters:
        url: where to; see `websocket_url`.
        clock: whose boot time counts attempts.
        attempts: see `Attempts`; by default Kraken's limit, and none for an exchange on this machine.
    """

    def __init__(self, url: str, clock: Clock | None = None, attempts: Attempts | None = None) -> None:
        self.url = url
        self._clock: Clock = clock or SystemClock()
        self._attempts = attempts or Attempts(0 if _is_this_machine(url) else MOST_ATTEMPTS)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def wait_s(self, *, urgent: bool) -> float:
        """Count one attempt and return 0, or return for how many seconds there is no room for it."""
        return self._attempts.wait_ns(self._clock.boot_ns(), urgent=urgent) / NS_PER_SECOND

    async def open(self) -> Socket:
        """Return a new connection.

        Raises:
            ConnectionLost: there was none to be had.
        """
        try:
            ws = await self._http().ws_connect(
                self.url, timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_S), max_msg_size=_LONGEST_MESSAGE
            )
        except aiohttp.WSServerHandshakeError as error:
            passing = error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            raise ConnectionLost(f"refused with HTTP {error.status}", 0.0 if passing else _REFUSED_S) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ConnectionLost(f"no connection: {type(error).__name__}") from None
        return AiohttpSocket(ws)

    async def close(self) -> None:
        """Close what the connections have in common. A later `open` makes it anew."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": USER_AGENT},
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_OPEN_S, sock_read=_OPEN_S),
            )
        return self._session


def _is_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
