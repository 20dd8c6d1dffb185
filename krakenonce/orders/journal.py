"""The journal: which orders were wanted, sent and settled. It is the truth after a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

from krakenonce.clock import NS_PER_MS, Clock, SystemClock
from krakenonce.errors import ConfigError, KrakenonceError
from krakenonce.orders.intents import Intent
from krakenonce.orders.sqlite import SqliteEngine
from krakenonce.orders.tables import Change, Engine

T = TypeVar("T")

SLOW_NS = 2 * NS_PER_MS
"""A disk whose commits take longer than this is written to in a thread of its own, so that it holds up nobody."""


@dataclass(slots=True)
class _Batch:
    """Changes that are written together, and those who wait for them."""

    changes: list[Change] = field(default_factory=list)
    waiting: list[asyncio.Future[bool]] = field(default_factory=list)

    def conclude(self, result: list[bool] | Exception) -> None:
        for place, future in enumerate(self.waiting):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result[place])


class Journal:
    """Intents, written before they are sent. Any number of tasks of one event loop; any number of processes per file.

    What many tasks write at the same time is written in one transaction, with one sync of the disk for all of them.

    Parameters:
        engine: the database.
        clock: tells how long the disk takes.
    """

    def __init__(self, engine: Engine, *, clock: Clock | None = None) -> None:
        self._engine = engine
        self._clock: Clock = clock or SystemClock()
        self._batch = _Batch()
        self._is_due = False
        self._took_ns = 0
        self._aside = ThreadPoolExecutor(1, "krakenonce journal")
        self._writing: asyncio.Task[None] | None = None

    async def claim(self, intent: Intent) -> bool:
        """Write an attempt that is about to be sent; it may be sent when True comes back, and not before.

        False means that somebody else has it in hand, or that it was executed already.

        Raises:
            StoreUnavailable: it cannot be written. Do not send.
        """
        return await self._submit(Change(intent, claims=True))

    async def settle(self, intent: Intent) -> bool:
        """Write what became of an attempt; False if somebody else did so before.

        Raises:
            StoreUnavailable: it cannot be written. The fate will be found out again after a restart.
        """
        return await self._submit(Change(intent, claims=False))

    async def find(self, account: str, name: str) -> Intent | None:
        """Return one intent, or None if it was never sent. Raises `StoreUnavailable`."""
        return await self._read(lambda: self._engine.find(account, name))

    async def open_intents(self, account: str) -> list[Intent]:
        """Return the intents of *account* whose fate is not known, oldest first. Raises `StoreUnavailable`."""
        return await self._read(lambda: self._engine.open_intents(account))

    async def close(self) -> None:
        """Write what waits to be written, then close the database."""
        if self._batch.waiting:
            await asyncio.wait(self._batch.waiting)
        if self._writing is not None:
            await self._writing
        self._aside.shutdown()
        self._engine.close()

    def _submit(self, change: Change) -> asyncio.Future[bool]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        self._batch.changes.append(change)
        self._batch.waiting.append(future)
        if not self._is_due:
            self._is_due = True
            # In the loop's next round: whoever is ready to write in this one is written in the same transaction.
            loop.call_soon(self._flush)
        return future

    def _flush(self) -> None:
        if self._engine.is_local and self._took_ns <= SLOW_NS:
            batch = self._take()
            batch.conclude(self._write(batch.changes))
            self._is_due = False
        else:
            self._writing = asyncio.get_running_loop().create_task(self._flush_aside())

    async def _flush_aside(self) -> None:
        loop = asyncio.get_running_loop()
        while self._batch.changes:
            batch = self._take()
            batch.conclude(await loop.run_in_executor(self._aside, self._write, batch.changes))
        self._is_due = False

    def _take(self) -> _Batch:
        batch, self._batch = self._batch, _Batch()
        return batch

    def _write(self, changes: list[Change]) -> list[bool] | Exception:
        begin = self._clock.boot_ns()
        try:
            return self._engine.write(changes)
        except KrakenonceError as error:
            return error
        finally:
            # The average forgets: a disk that was slow once gets another chance.
            self._took_ns += (self._clock.boot_ns() - begin - self._took_ns) // 4

    async def _read(self, read: Callable[[], T]) -> T:
        if self._engine.is_local:
            return read()
        return await asyncio.get_running_loop().run_in_executor(self._aside, read)


def open_journal(url: str) -> Journal:
    """Return the journal that *url* names.

    Parameters:
        url: ``sqlite:///path/to/orders.db`` (a file of this host), ``postgresql://...`` (a table, made if it is not
            there), or ``memory://`` (gone with the process). ``?durability=crash`` spares the sync of the disk before
            each order: still safe against kill -9, no longer against a power cut. Default: ``?durability=power``.

    Raises:
        ConfigError: the URL names no journal.
        MissingExtra: psycopg is not installed.
        StoreUnavailable: it cannot be opened.
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    durability = options.pop("durability", "power")
    if durability not in ("power", "crash"):
        raise ConfigError("journal", f"durability {durability!r}", "Use power or crash.")
    strict = durability == "power"
    if parts.scheme == "memory":
        return Journal(SqliteEngine(":memory:", survives_power_loss=False))
    if parts.scheme == "sqlite" and parts.path.strip("/") and not parts.netloc and not options:
        return Journal(SqliteEngine(parts.path, survives_power_loss=strict))
    if parts.scheme in ("postgresql", "postgres"):
        from krakenonce.orders.postgres import PostgresEngine

        address = parts._replace(query="&".join(f"{name}={value}" for name, value in options.items())).geturl()
        return Journal(PostgresEngine(address, survives_power_loss=strict))
    mend = "Use sqlite:///path/to/orders.db, postgresql://user@host/database or memory://."
    raise ConfigError("journal", f"a URL with scheme {parts.scheme!r}", mend)
