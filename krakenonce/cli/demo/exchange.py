"""The simulated Kraken of the demonstration: a process of its own, asked over HTTP like the real one."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import aiohttp

from krakenonce.errors import TryLater
from krakenonce.kraken.credentials import Credentials

LONGEST_START_S = 30
LONGEST_LINE = 2**28
AN_HOUR_MS = 3_600_000


class SimulatorProcess:
    """``krakenonce sim`` while the ``async with`` block runs.

    Parameters:
        options: further options of ``krakenonce sim``.

    Attributes:
        url: the exchange's base URL.
        accounts: name and credentials of every account, MASTER first.
    """

    def __init__(self, options: Sequence[str]) -> None:
        self.url = ""
        self.accounts: list[tuple[str, Credentials]] = []
        self._words = ["-m", "krakenonce", "sim", "--port", "0", "--json", *options]
        self._process: Process | None = None

    async def __aenter__(self) -> Self:
        """Start it and wait until it listens.

        Raises:
            TryLater: it did not start within 30 seconds; what it had to say stands on stderr.
        """
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable, *self._words, stdout=PIPE, limit=LONGEST_LINE
        )
        try:
            self._read_greeting(await self._first_line(process))
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def stats(self) -> dict[str, Any]:
        """Return the exchange's own figures: per key what was accepted and refused, per account what was traded."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/_control/stats") as response:
            figures: dict[str, Any] = await response.json()
            return figures

    async def hang_next_order(self, account: str) -> None:
        """Let the next order of *account* execute, whatever way it comes, and never answer it."""
        common = {"phase": "after", "account": account, "times": 1}
        faults = [
            {"kind": "hang", "endpoint": "AddOrder", "ms": AN_HOUR_MS, **common},
            {"kind": "ws-drop", "endpoint": "add_order", **common},
        ]
        async with aiohttp.ClientSession() as session:
            for fault in faults:
                async with session.post(f"{self.url}/_control/faults", json=fault) as response:
                    response.raise_for_status()

    @staticmethod
    async def _first_line(process: Process) -> bytes:
        if process.stdout is None:
            raise TryLater("the simulated exchange cannot be read")
        try:
            async with asyncio.timeout(LONGEST_START_S):
                return await process.stdout.readline()
        except TimeoutError:
            raise TryLater(f"the simulated exchange did not start within {LONGEST_START_S} s") from None

    def _read_greeting(self, line: bytes) -> None:
        try:
            greeting = json.loads(line)
        except ValueError:
            raise TryLater("the simulated exchange did not start") from None
        self.url = greeting["url"]
        self.accounts = [(row["name"], Credentials(row["key"], row["secret"])) for row in greeting["accounts"]]

    async def _stop(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
