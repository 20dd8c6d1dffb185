"""A journal in a file: SQLite, from the standard library."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from krakenonce.errors import StoreUnavailable
from krakenonce.orders.intents import Intent
from krakenonce.orders.tables import FIND, OPEN, SCHEMA, Change, intent_of

BUSY_MS = 5000


class SqliteEngine:
    """One file, shared by any number of processes of one host. Not for network file systems, as SQLite says itself.

    Parameters:
        path: the file, made if it is not there, readable by its owner only; ``:memory:`` for none.
        survives_power_loss: True to have every claim on the disk before it counts (one sync for all claims that are
            made at the same time); False to leave that to the operating system: kill -9 then loses nothing, but a power
            cut may lose the claims of the last half minute.

    Raises:
        StoreUnavailable: the file cannot be opened, or is no journal.
    """

    is_local = True

    def __init__(self, path: str, *, survives_power_loss: bool = True) -> None:
        self._path, self._strict = path, survives_power_loss
        self._lock = threading.Lock()
        self._synchronous = ""
        try:
            if path != ":memory:":
                _make_private(path)
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise StoreUnavailable(f"the journal {Path(path).name} cannot be opened: {error}") from error

    def write(self, changes: Sequence[Change]) -> list[bool]:
        with self._lock:
            try:
                self._sync(full=self._strict and any(change.claims for change in changes))
                return self._write(changes)
            except sqlite3.Error as error:
                self._undo()
                raise StoreUnavailable(f"the journal {Path(self._path).name} cannot be written: {error}") from error

    def find(self, account: str, name: str) -> Intent | None:
        row = self._read(FIND, (account, name))
        return intent_of(row[0]) if row else None

    def open_intents(self, account: str) -> list[Intent]:
        return [intent_of(row) for row in self._read(OPEN, (account,))]

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def _prepare(self) -> None:
        run = self._database.execute
        run(f"PRAGMA busy_timeout = {BUSY_MS}")
        run("PRAGMA journal_mode = WAL")
        for statement in SCHEMA:
            run(statement)

    def _sync(self, *, full: bool) -> None:
        # With a write-ahead log NORMAL keeps the order of writes and syncs at checkpoints; FULL syncs each commit too.
        wanted = "FULL" if full else "NORMAL"
        if wanted != self._synchronous:
            self._database.execute(f"PRAGMA synchronous = {wanted}")
            self._synchronous = wanted

    def _write(self, changes: Sequence[Change]) -> list[bool]:
        run = self._database.execute
        if len(changes) == 1:
            return [run(*changes[0].statement).rowcount == 1]
        run("BEGIN IMMEDIATE")
        written = [run(*change.statement).rowcount == 1 for change in changes]
        run("COMMIT")
        return written

    def _undo(self) -> None:
        with suppress(sqlite3.Error):
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")

    def _read(self, statement: str, values: tuple[str, ...]) -> list[tuple[object, ...]]:
        with self._lock:
            try:
                return self._database.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise StoreUnavailable(f"the journal {Path(self._path).name} cannot be read: {error}") from error


def _make_private(path: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
