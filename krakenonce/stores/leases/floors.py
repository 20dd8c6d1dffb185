"""The highest numbers this host has used, on its own disk: what remains when the engine's data is lost."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from krakenonce.errors import StoreUnavailable

log = logging.getLogger("krakenonce")

_EVERY_KEY = ""
_RAISE = (
    "insert into floor (key, value) values (?, ?) on conflict (key) do update set value = max(value, excluded.value)"
)


class Floors:
    """Floors that are on disk before a number below them is used. Safe from any thread and process.

    Numbers are times, so one row serves every key: where the session ends. Only keys that run ahead of the clock have
    rows of their own. So there is one write per renewal, whatever the number of keys.

    Parameters:
        directory: made if it is not there, for this user only.

    Raises:
        StoreUnavailable: nothing can be kept there.
    """

    def __init__(self, directory: str) -> None:
        self._path = Path(directory) / "floors.sqlite3"
        self._lock = threading.RLock()
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._open_or_set_aside()
        except (OSError, sqlite3.Error) as error:
            raise StoreUnavailable(f"floors can't be kept in {directory}: {error}") from None

    def of(self, key: str) -> int:
        """Return the lowest number of *key* that this host has not used."""
        with self._lock:
            rows = self._base.execute("select value from floor where key in (?, ?)", (key, _EVERY_KEY)).fetchall()
        return max((value for (value,) in rows), default=0)

    def ahead(self, now: int) -> list[tuple[str, int]]:
        """Return the keys whose own floor is above *now*, and these floors."""
        with self._lock:
            asked = "select key, value from floor where key <> ? and value > ?"
            return self._base.execute(asked, (_EVERY_KEY, now)).fetchall()

    def keep(self, key: str, floor: int) -> None:
        """Remember *floor* for *key*."""
        self._write([(key, floor)])

    def keep_for_all(self, floor: int) -> None:
        """Remember *floor* for every key."""
        self._write([(_EVERY_KEY, floor)])

    def settle(self, floors: Iterable[tuple[str, int]]) -> None:
        """Remember exact *floors* at an orderly end."""
        self._write(floors)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._base.close()

    def _write(self, rows: Iterable[tuple[str, int]]) -> None:
        with self._lock, _reported(self._path), self._base:
            self._base.executemany(_RAISE, rows)

    def _open_or_set_aside(self) -> None:
        try:
            self._open()
        except sqlite3.DatabaseError:
            aside = self._path.with_suffix(f".unreadable-{os.getpid()}")
            log.warning("the floors in %s are unreadable: set aside as %s", self._path, aside.name)
            self._path.replace(aside)
            self._open()

    def _open(self) -> None:
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        self._base = sqlite3.connect(self._path, timeout=10, check_same_thread=False)
        try:
            self._base.execute("pragma synchronous = full")
            self._base.execute("create table if not exists floor (key text primary key, value integer) without rowid")
            self._base.execute("select count(*) from floor").fetchone()
        except sqlite3.DatabaseError:
            self._base.close()
            raise


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        # The engine still has its floors; this is the second line of defence, and its loss must not stop the first.
        log.warning("floors can't be written to %s: %s", path, error)
