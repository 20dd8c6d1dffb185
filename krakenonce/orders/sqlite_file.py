"""One SQLite file, opened as a journal needs it: shared by processes, private, and synced when it matters."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from krakenonce.errors import StoreUnavailable

T = TypeVar("T")

BUSY_MS = 5000


class SqliteFile:
    """One file, shared by any number of processes of one host. Not for network file systems, as SQLite says itself.

    Safe for any number of threads.

    Parameters:
        path: the file, made if it is not there, readable by its owner only; ``:memory:`` for none.
        schema: statements that make the tables unless they are there.
        survives_power_loss: True to have what must survive on the disk before `write` returns; False to leave that to
            the operating system: kill -9 then loses nothing, but a power cut may lose the last half minute.

    Attributes:
        at_disk: called in `write` when nothing is left but to wait for the disk, if that is to be waited for.

    Raises:
        StoreUnavailable: the file cannot be opened, or is no journal.
    """

    def __init__(self, path: str, schema: Sequence[str], *, survives_power_loss: bool) -> None:
        self._path, self._strict = path, survives_power_loss
        self._lock = threading.Lock()
        self._synchronous = ""
        self.at_disk: Callable[[], None] = _nobody_asks
        try:
            if path != ":memory:":
                _make_private(path)
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._prepare(schema)
        except (OSError, sqlite3.Error) as error:
            raise StoreUnavailable(f"the journal {Path(path).name} cannot be opened: {error}") from error

    def write(self, work: Callable[[sqlite3.Connection], T], *, vital: bool, is_single: bool = False) -> T:
        """Return what *work* returns, done in one transaction. Raises `StoreUnavailable`: nothing is written then.

        Parameters:
            vital: True if it must survive whatever the journal is meant to survive.
            is_single: True if *work* executes one statement, which is a transaction by itself.
        """
        with self._lock:
            try:
                self._sync(full=self._strict and vital)
                if is_single:
                    return work(self._database)
                self._database.execute("BEGIN IMMEDIATE")
                result = work(self._database)
                if self._strict and vital:
                    self.at_disk()
                self._database.execute("COMMIT")
                return result
            except sqlite3.Error as error:
                self._undo()
                raise StoreUnavailable(f"the journal {Path(self._path).name} cannot be written: {error}") from error

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT. Raises `StoreUnavailable`."""
        with self._lock:
            try:
                return self._database.execute(statement, tuple(values)).fetchall()
            except sqlite3.Error as error:
                raise StoreUnavailable(f"the journal {Path(self._path).name} cannot be read: {error}") from error

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        with self._lock:
            self._database.close()

    def _prepare(self, schema: Sequence[str]) -> None:
        run = self._database.execute
        run(f"PRAGMA busy_timeout = {BUSY_MS}")
        run("PRAGMA journal_mode = WAL")
        for statement in schema:
            run(statement)

    def _sync(self, *, full: bool) -> None:
        # With a write-ahead log NORMAL keeps the order of writes and syncs at checkpoints; FULL syncs each commit too.
        wanted = "FULL" if full else "NORMAL"
        if wanted != self._synchronous:
            self._database.execute(f"PRAGMA synchronous = {wanted}")
            self._synchronous = wanted

    def _undo(self) -> None:
        with suppress(sqlite3.Error):
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")


def _nobody_asks() -> None:
    """Do nothing."""


def _make_private(path: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    # Only a file that is not there yet: closing any descriptor of a file drops all locks that this process has on it,
    # also those of a connection that is open already. The next process to close the file would take itself for the last
    # one then, and delete the write-ahead log that the others go on writing to (https://sqlite.org/howtocorrupt.html).
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
