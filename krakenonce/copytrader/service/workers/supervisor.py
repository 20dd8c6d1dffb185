"""Keeps several workers alive: starts them, replaces those that die, and ends them together. One event loop."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from krakenonce.client.budget import Sleep
from krakenonce.clock import NS_PER_SECOND, Clock
from krakenonce.copytrader.service.workers.lifeline import Letter

log = logging.getLogger("krakenonce")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
STEADY_S = 60.0
"""A worker that has lived as long begins with the short pause again."""
STOP_S = 30.0
"""How long workers may take to hand their users over; then they are ended, and their leases run out by themselves."""
FAILED = 2
"""A worker's exit status if its start has failed: see `krakenonce.cli`."""


class Process(Protocol):
    """A worker's process."""

    @property
    def pid(self) -> int:
        """Its number."""

    def cut(self) -> None:
        """Let it end, in order."""

    def kill(self) -> None:
        """End it."""

    async def wait(self) -> int:
        """Return its exit status, once it has ended."""


Launch = Callable[[int], Awaitable[Process]]


class Supervisor:
    """Runs workers 1 to *count* from `run` on.

    Parameters:
        count: how many; launch: starts one, by its number.
        clock, sleep: time, injected.
    """

    def __init__(self, count: int, launch: Launch, clock: Clock, sleep: Sleep = asyncio.sleep) -> None:
        self._count, self._launch, self._clock, self._sleep = count, launch, clock, sleep
        self._living: dict[int, Process] = {}
        self._stop = asyncio.Event()
        self._status = 0

    @property
    def living(self) -> tuple[int, ...]:
        """The numbers of the workers whose processes run."""
        return tuple(sorted(self._living))

    def stop(self) -> None:
        """Have all workers end, in order. Never waits."""
        self._stop.set()

    async def run(self) -> int:
        """Keep the workers alive until `stop`; return 0, or the status of one whose first start has failed."""
        keeping = [asyncio.create_task(self._keep(number), name=f"worker {number}") for number in self._numbers]
        try:
            await self._stop.wait()
        finally:
            await self._end(keeping)
        return self._status

    @property
    def _numbers(self) -> range:
        return range(1, self._count + 1)

    async def _keep(self, number: int) -> None:
        pause_s, is_first = FIRST_PAUSE_S, True
        while not self._stop.is_set():
            began_ns = self._clock.boot_ns()
            status = await self._live(number)
            if self._stop.is_set():
                return
            if is_first and status == FAILED:
                self._status = status
                self._stop.set()
                return
            has_been_steady = self._clock.boot_ns() - began_ns >= STEADY_S * NS_PER_SECOND
            pause_s, is_first = (FIRST_PAUSE_S if has_been_steady else pause_s), False
            log.warning("worker %d has ended (%s); it is started again in %g s", number, _words(status), pause_s)
            await self._pause(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _live(self, number: int) -> int:
        process = await self._launch(number)
        self._living[number] = process
        log.info("worker %d of %d is process %d", number, self._count, process.pid)
        try:
            if self._stop.is_set():
                process.cut()
            return await process.wait()
        finally:
            del self._living[number]

    async def _pause(self, seconds: float) -> None:
        pause = asyncio.ensure_future(self._sleep(seconds))
        stop = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait((pause, stop), return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
            stop.cancel()

    async def _end(self, keeping: Sequence[asyncio.Task[None]]) -> None:
        self._stop.set()
        for process in self._living.values():
            process.cut()
        late = asyncio.ensure_future(self._sleep(STOP_S))
        done = asyncio.gather(*keeping, return_exceptions=True)
        await asyncio.wait((late, done), return_when=asyncio.FIRST_COMPLETED)
        late.cancel()
        for number, process in self._living.items():
            log.warning("worker %d does not end; it is ended", number)
            process.kill()
        await done


def _words(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"by {signal.Signals(-status).name}"
    except ValueError:
        return f"by signal {-status}"


class Child:
    """A process of this host that was given *letter*, and a pipe whose end is its end.

    Parameters:
        process: started with a pipe as its standard input.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def cut(self) -> None:
        """Let it end, in order."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def kill(self) -> None:
        """End it."""
        self._process.kill()

    async def wait(self) -> int:
        """Return its exit status, once it has ended."""
        status = await self._process.wait()
        self.cut()
        return status


async def launch(words: Sequence[str], letter: Letter) -> Child:
    """Start ``krakenonce`` *words* in a process of its own, with *letter* for it to read."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "krakenonce", *words, stdin=asyncio.subprocess.PIPE
    )
    if process.stdin is not None:
        process.stdin.write(letter.text())
    return Child(process)
