"""Group commit: what many tasks write at the same time is written in one transaction, with one sync of the disk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from krakenonce.clock import NS_PER_MS, Clock
from krakenonce.errors import KrakenonceError, StoreUnavailable

log = logging.getLogger("krakenonce")

C = TypeVar("C")
R = TypeVar("R")
T = TypeVar("T")

SLOW_NS = 2 * NS_PER_MS
"""A disk whose commits take longer than this is written to in a thread of its own, so that it holds up nobody."""


@dataclass(slots=True)
class _Batch(Generic[C, R]):
    """Changes that are written together, and those who wait for them."""

    changes: list[C] = field(default_factory=list)
    waiting: list[asyncio.Future[R]] = field(default_factory=list)

    def conclude(self, result: Sequence[R] | Exception) -> None:
        for place, future in enumerate(self.waiting):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result[place])


@dataclass(frozen=True, slots=True)
class Insistence:
    """How changes are written again and again while the database can't be reached.

    Parameters:
        first_s, longest_s: seconds to wait before the second try, and at most; doubled in between.
        sleep: how to wait, in seconds.
    """

    first_s: float = 0.1
    longest_s: float = 5.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class GroupCommit(Generic[C, R]):
    """Writes changes in the order they are handed over. Any number of tasks of one event loop.

    Parameters:
        write: writes changes in one transaction and returns one result each; blocks; called by one thread at a time.
        is_local: True if *write* and reading take microseconds as a rule, so that they may be done in the event loop.
        clock: tells how long writing takes.
        insistence: how to try again what raised `StoreUnavailable`, so that nothing later gets ahead of it; None to let
            the callers know instead.
    """

    def __init__(
        self,
        write: Callable[[Sequence[C]], Sequence[R]],
        *,
        is_local: bool,
        clock: Clock,
        insistence: Insistence | None = None,
    ) -> None:
        self._write_all, self._is_local, self._clock, self._insistence = write, is_local, clock, insistence
        self._is_closing = False
        self._batch: _Batch[C, R] = _Batch()
        self._is_due = False
        self._took_ns = 0
        self._aside = ThreadPoolExecutor(1, "krakenonce journal")
        self._writing: asyncio.Task[None] | None = None

    def submit(self, change: C) -> asyncio.Future[R]:
        """Have *change* written soon; the future has its result, or the error that `write` raised."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self._batch.changes.append(change)
        self._batch.waiting.append(future)
        if not self._is_due:
            self._is_due = True
            # In the loop's next round: whoever is ready to write in this one is written in the same transaction.
            loop.call_soon(self._flush)
        return future

    async def read(self, read: Callable[[], T]) -> T:
        """Return what *read*, which blocks, returns."""
        if self._is_local:
            return read()
        return await asyncio.get_running_loop().run_in_executor(self._aside, read)

    async def close(self) -> None:
        """Write what waits to be written, or give up on a database that is away. Hand nothing over afterwards."""
        self._is_closing = True
        if self._batch.waiting:
            await asyncio.wait(self._batch.waiting)
        if self._writing is not None:
            await self._writing
        self._aside.shutdown()

    def _flush(self) -> None:
        if self._is_local and self._took_ns <= SLOW_NS:
            batch = self._take()
            result = self._write(batch.changes)
            if not self._insists_on(result):
                batch.conclude(result)
                self._is_due = False
                return
            self._batch = batch
        self._writing = asyncio.get_running_loop().create_task(self._flush_aside())

    async def _flush_aside(self) -> None:
        while self._batch.changes:
            batch = self._take()
            batch.conclude(await self._written_aside(batch.changes))
        self._is_due = False

    async def _written_aside(self, changes: Sequence[C]) -> Sequence[R] | Exception:
        loop = asyncio.get_running_loop()
        pause_s = 0.0
        while True:
            result = await loop.run_in_executor(self._aside, self._write, changes)
            if self._insistence is None or not self._insists_on(result):
                return result
            log.warning("the journal can't be written, and nothing is sent before it is: %s", result)
            pause_s = min(max(2 * pause_s, self._insistence.first_s), self._insistence.longest_s)
            await self._insistence.sleep(pause_s)

    def _insists_on(self, result: Sequence[R] | Exception) -> bool:
        return self._insistence is not None and isinstance(result, StoreUnavailable) and not self._is_closing

    def _take(self) -> _Batch[C, R]:
        batch, self._batch = self._batch, _Batch()
        return batch

    def _write(self, changes: Sequence[C]) -> Sequence[R] | Exception:
        begin = self._clock.boot_ns()
        try:
            return self._write_all(changes)
        except KrakenonceError as error:
            return error
        finally:
            # The average forgets: a disk that was slow once gets another chance.
            self._took_ns += (self._clock.boot_ns() - begin - self._took_ns) // 4
