"""The journal in a file of this host, written by one process at a time and read by any number."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from krakenonce.copytrader.journal.backend import Read, T
from krakenonce.copytrader.journal.records import Changes
from krakenonce.copytrader.journal.schema import SCHEMA
from krakenonce.copytrader.journal.statements import is_vital, statements
from krakenonce.errors import StoreUnavailable
from krakenonce.orders.sqlite_file import SqliteFile
from krakenonce.stores.file.plainlocks import PlainLocks

_NOBODY: frozenset[str] = frozenset()


class SqliteBackend:
    """See `krakenonce.orders.sqlite_file.SqliteFile` for parameters and errors.

    Parameters:
        is_sole: True to keep every other process from opening the same file like this, as long as this one lives: two
            engines on one file would copy everything twice.

    Raises:
        StoreUnavailable: the file can't be opened, or another process has it.
    """

    is_local = True

    def __init__(self, path: str, *, survives_power_loss: bool = True, is_sole: bool = False) -> None:
        self._locks = _lock(Path(path)) if is_sole and path != ":memory:" else None
        try:
            self._file = SqliteFile(path, SCHEMA, survives_power_loss=survives_power_loss)
        except StoreUnavailable:
            self._unlock()
            raise

    def write(self, batch: Sequence[Changes]) -> list[frozenset[str]]:
        work = statements(batch)

        def run(database: sqlite3.Connection) -> None:
            for statement, values in work:
                database.executemany(statement, values)

        self._file.write(run, vital=any(map(is_vital, batch)))
        return [_NOBODY] * len(batch)

    def hear(self, at_disk: Callable[[], None]) -> None:
        self._file.at_disk = at_disk

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._file.read(statement, values)

    def view(self, work: Callable[[Read], T]) -> T:
        # Nobody but its caller writes the file.
        return work(self.read)

    def close(self) -> None:
        self._file.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._locks is not None:
            self._locks.close()


def _lock(path: Path) -> PlainLocks:
    folder = path.with_name(path.name + "-lock")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    locks = PlainLocks(folder, None)
    if not locks.try_lock(0):
        raise StoreUnavailable(f"the journal {path.name} is in use: another process copies with it")
    return locks
