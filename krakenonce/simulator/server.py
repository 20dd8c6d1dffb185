"""The exchange on a port: HTTP on aiohttp, one event loop, one exchange."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from krakenonce.clock import NS_PER_SECOND, Clock
from krakenonce.errors import ConfigError, MissingExtra
from krakenonce.simulator.accounting import audit
from krakenonce.simulator.control import accounts_of, stats_of
from krakenonce.simulator.exchange import Exchange
from krakenonce.simulator.settings import Settings, settings_from

try:
    from aiohttp import web
    from aiohttp.http_exceptions import HttpProcessingError
except ImportError as error:
    raise MissingExtra("The simulator", "sim") from error

from krakenonce.simulator.serving import Serving

if TYPE_CHECKING:
    from krakenonce.simulator.accounts import Account
    from krakenonce.simulator.prices import PricePath

_PULSE_S = 0.25


class _ClientsFault(logging.Filter):
    """Keeps out what clients do to themselves: half a request, a lost connection, bytes that are no HTTP."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, HttpProcessingError | ConnectionError)


def _logger() -> logging.Logger:
    logger = logging.getLogger("krakenonce.simulator.http")
    if not logger.filters:
        logger.addFilter(_ClientsFault())
    return logger


class SimulatedKraken:
    """A simulated Kraken that serves HTTP while its ``async with`` block runs. Belongs to one event loop.

    Parameters:
        host, port: where to listen; port 0 takes a free one.
        clock: where the exchange's time comes from; the system's by default.
        paths: price paths by pair key, for pairs that shall not follow the seeded walk.
        settings: all other switches; or give them one by one as keyword arguments (``accounts=2, latency_ms=20``).

    Raises:
        ConfigError: a switch has an unknown name or an impossible value.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Clock | None = None,
        paths: Mapping[str, PricePath] | None = None,
        settings: Settings | None = None,
        **knobs: Any,
    ) -> None:
        if settings is not None and knobs:
            raise ConfigError("settings", "given together with single switches", "Give the one or the others.")
        self.host, self.port = host, port
        self.exchange = Exchange(settings or settings_from(knobs), clock, paths)
        self._serving = Serving(self.exchange)
        self._runner: web.ServerRunner | None = None
        self._pulse: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """The base URL for REST clients, such as ``http://127.0.0.1:8080``."""
        return f"http://{self._authority}"

    @property
    def ws_url(self) -> str:
        """The base URL for WebSocket clients, without ``/v2``."""
        return f"ws://{self._authority}"

    @property
    def accounts(self) -> list[Account]:
        """The accounts, MASTER first. Each has a name, a key and a secret."""
        return self.exchange.accounts

    def stats(self) -> dict[str, Any]:
        """Return per key what was accepted, refused and why, and the most in flight; and the totals."""
        return stats_of(self.exchange)

    def log(self) -> list[dict[str, Any]]:
        """Return every request in the order of judgement."""
        return self.exchange.evidence.log()

    def audit(self) -> list[str]:
        """Return what does not add up in the books: an empty list if no money was made or lost."""
        return audit(self.exchange)

    def credentials(self) -> list[dict[str, str]]:
        """Return name, key and secret of every account."""
        rows: list[dict[str, str]] = accounts_of(self.exchange)["accounts"]
        return rows

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Begin to listen. Afterwards *port* is the real one."""
        server = web.Server(self._serving.handle, access_log=None, logger=_logger())
        self._runner = web.ServerRunner(server, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port, backlog=1024)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._pulse = asyncio.create_task(self._beat(), name="simulator pulse")

    async def stop(self) -> None:
        """Stop listening, end what hangs, close every connection."""
        if self._pulse is not None:
            self._pulse.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._pulse
        await self._serving.close()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def _authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    async def _beat(self) -> None:
        """Let due things happen while nobody calls: prices move, orders expire, switches fire."""
        while True:
            now_ns = self.exchange.advance()
            due_ns = self.exchange.agenda.next_due()
            wait_s = _PULSE_S if due_ns is None else (due_ns - now_ns) / NS_PER_SECOND
            await asyncio.sleep(min(max(wait_s, 0.005), _PULSE_S))
