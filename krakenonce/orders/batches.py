"""Group commit: what many tasks write at the same time is written in one transaction, with one sync of the disk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from krakenonce.clock import NS_PER_MS, Clock
from krakenonce.errors import KrakenonceError, StoreUnavailable
from krakenonce.orders.voyages import Voyage

log = logging.getLogger("krakenonce")

C = TypeVar("C")
R = TypeVar("R")
T = TypeVar("T")

SLOW_NS = 2 * NS_PER_MS
"""What takes longer than this is written in a thread of its own, so that it holds up nobody."""

WORTH_A_THREAD_NS = NS_PER_MS // 5
"""A disk that is waited for longer than this is waited for in a thread: to go there and back takes half of it."""


@dataclass(slots=True)
class _Batch(Generic[C, R]):
    """Changes that are written together, and those who wait for them."""

    changes: list[C] = field(default_factory=list)
    waiting: list[asyncio.Future[R]] = field(default_factory=list)

    def take_in(self, later: _Batch[C, R]) -> None:
        self.changes += later.changes
        self.waiting += later.waiting

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
        is_vital: tells which changes wait for the disk. The event loop goes on meanwhile, if *write* calls `at_disk`.
    """

    def __init__(
        self,
        write: Callable[[Sequence[C]], Sequence[R]],
        *,
        is_local: bool,
        clock: Clock,
        insistence: Insistence | None = None,
        is_vital: Callable[[C], bool] | None = None,
    ) -> None:
        self._is_vital = is_vital
        self._write_all, self._is_local, self._clock, self._insistence = write, is_local, clock, insistence
        self._is_closing = self._is_closed = False
        self._batch: _Batch[C, R] = _Batch()
        self._is_due = False
        self._took_ns = self._disk_ns = self._at_disk_ns = 0
        self._voyage: Voyage[R] | None = None
        self._aside = ThreadPoolExecutor(1, "krakenonce journal")
        self._writing: asyncio.Future[None] | None = None

    def submit(self, change: C) -> asyncio.Future[R]:
        """Have *change* written soon; the future has its result, or the error that `write` raised."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        if self._is_closed:
            future.set_exception(StoreUnavailable("the journal is closed"))
            return future
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

    def at_disk(self) -> None:
        """Note that nothing is left of what is being written but to wait for the disk. Any thread."""
        self._at_disk_ns = self._clock.boot_ns()
        if self._voyage is not None:
            self._voyage.depart()

    async def close(self) -> None:
        """Write what waits to be written, or give up on a database that is away. Hand nothing over afterwards."""
        self._is_closing = True
        while self._batch.waiting or (self._writing is not None and not self._writing.done()):
            pending: list[asyncio.Future[Any]] = [*self._batch.waiting]
            if self._writing is not None:
                pending.append(self._writing)
            await asyncio.wait(pending)
        self._is_closed = True
        self._aside.shutdown()

    def _flush(self) -> None:
        if not self._is_local or self._took_ns > SLOW_NS:
            self._writing = asyncio.get_running_loop().create_task(self._flush_aside())
            return
        batch = self._take()
        if self._waits_long(batch):
            self._write_beside(batch)
        else:
            self._settle(batch, self._write(batch.changes))

    def _waits_long(self, batch: _Batch[C, R]) -> bool:
        return (
            self._is_vital is not None and self._disk_ns > WORTH_A_THREAD_NS and any(map(self._is_vital, batch.changes))
        )

    def _write_beside(self, batch: _Batch[C, R]) -> None:
        """Have *batch* written in the thread; return as soon as that waits for the disk."""
        loop = asyncio.get_running_loop()
        self._writing = loop.create_future()
        self._voyage = voyage = Voyage[R]()
        self._aside.submit(self._beside, batch, voyage, loop)
        # Up to there both need the interpreter, which the loop would not give up for milliseconds.
        voyage.await_departure()
        # Behind what others do meanwhile in this turn of the loop.
        loop.call_soon(self._meet, batch, voyage)

    def _beside(self, batch: _Batch[C, R], voyage: Voyage[R], loop: asyncio.AbstractEventLoop) -> None:
        try:
            result: Sequence[R] | Exception = self._write(batch.changes)
        except Exception as error:  # noqa: BLE001 - whoever waits for it is told, whatever it is
            result = error
        if voyage.arrive(result):
            loop.call_soon_threadsafe(self._meet, batch, voyage)

    def _meet(self, batch: _Batch[C, R], voyage: Voyage[R]) -> None:
        """Go on with what came of *voyage*; or leave it to the thread to say when it is over, if that takes long."""
        result, done = voyage.await_arrival(), self._writing
        if result is not None and voyage is self._voyage and done is not None:
            self._voyage = None
            self._settle(batch, result)
            done.set_result(None)

    def _settle(self, batch: _Batch[C, R], result: Sequence[R] | Exception) -> None:
        """Tell those who wait, and go on with what has come meanwhile; or begin to try again."""
        loop = asyncio.get_running_loop()
        if self._insists_on(result):
            batch.take_in(self._batch)
            self._batch = batch
            self._writing = loop.create_task(self._flush_aside())
            return
        batch.conclude(result)
        self._is_due = bool(self._batch.changes)
        if self._is_due:
            loop.call_soon(self._flush)

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
        begin, self._at_disk_ns = self._clock.boot_ns(), 0
        try:
            return self._write_all(changes)
        except KrakenonceError as error:
            return error
        finally:
            self._learn(begin, self._clock.boot_ns())

    def _learn(self, begin_ns: int, end_ns: int) -> None:
        """Take in how long writing has taken, and waiting for the disk. The averages forget what was slow once."""
        at_disk_ns = self._at_disk_ns or end_ns
        self._took_ns += (at_disk_ns - begin_ns - self._took_ns) // 4
        if self._at_disk_ns:
            self._disk_ns += (end_ns - at_disk_ns - self._disk_ns) // 4
