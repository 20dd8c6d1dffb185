"""A running copier, steered from outside: one JSON line asked, one JSON line answered, over a socket file."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from krakenonce.copytrader.service.socket_file import bind
from krakenonce.errors import ConfigError, KrakenonceError, TryLater

log = logging.getLogger("krakenonce")

LONGEST_LINE = 64 * 1024
ANSWER_S = 120.0

Request = Mapping[str, Any]
Steer = Callable[[Request], Awaitable[dict[str, Any]]]


class ControlServer:
    """Answers requests while the ``async with`` block runs. One event loop.

    Parameters:
        path: of the socket file.
        steer: does what a request says and returns the answer; what it raises is told.

    Entering raises:
        ConfigError: a copier listens there already, or the file can't be made.
    """

    def __init__(self, path: Path, steer: Steer) -> None:
        self._path, self._steer = path, steer
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        if not hasattr(asyncio, "start_unix_server"):
            log.warning("this system has no socket files: the copier can be steered by its configuration only")
            return self
        self._server = await asyncio.start_unix_server(self._talk, sock=bind(self._path), limit=LONGEST_LINE)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        self._path.unlink(missing_ok=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._talks.add(task)
        try:
            line = await reader.readline()
            if line:  # nothing was asked by whoever only looked if somebody listens
                writer.write(json.dumps(await self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError) as error:
            log.debug("a request could not be answered (%s)", type(error).__name__)
        finally:
            writer.close()
            if task is not None:
                self._talks.discard(task)

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ConfigError("request", "no JSON object", "Use krakenonce users.")
            return {"ok": True} | await self._steer(request)
        except (KrakenonceError, ValueError) as error:
            return {"ok": False, "error": str(error)}


async def ask(path: Path, request: Request) -> dict[str, Any] | None:
    """Have the copier that listens at *path* do something and return its answer; None if none listens.

    Raises:
        ConfigError: it does not want to. TryLater: it does not answer.
    """
    if not hasattr(asyncio, "open_unix_connection"):
        return None
    try:
        reader, writer = await asyncio.open_unix_connection(str(path), limit=16 * LONGEST_LINE)
    except OSError:
        return None
    try:
        async with asyncio.timeout(ANSWER_S):
            writer.write(json.dumps(dict(request)).encode() + b"\n")
            await writer.drain()
            answer = json.loads(await reader.readline())
    except (OSError, ValueError):
        raise TryLater("the copier runs, but does not answer") from None
    finally:
        writer.close()
    if not answer["ok"]:
        raise ConfigError("the copier", f"says: {answer['error']}", "Nothing was changed by this request.")
    return dict(answer)
