"""A journal in PostgreSQL, for several hosts that trade for the same accounts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from krakenonce.errors import ConfigError, MissingExtra, StoreUnavailable
from krakenonce.orders.intents import Intent
from krakenonce.orders.tables import FIND, OPEN, SCHEMA, Change, intent_of

try:
    import psycopg
except ImportError as missing:
    raise MissingExtra("a postgresql:// journal", "postgres") from missing

if TYPE_CHECKING:
    from psycopg import Connection

T = TypeVar("T")

CONNECT_S = 5
_SCHEMA_LOCK = 0x6B72616B656E  # two processes that start together must not make the table at the same time


class PostgresEngine:
    """A table in a database. A connection that was lost is opened again, and what was under way is done once more.

    That is safe: a claim that did get through is recognised by its holder and attempt, and settling twice is nothing.

    Parameters:
        url: ``postgresql://user:password@host:5432/database``.
        survives_power_loss: False to let the server confirm claims before they are on its disk.

    Raises:
        ConfigError: the URL has no sense.
        StoreUnavailable: the server cannot be reached.
    """

    is_local = False

    def __init__(self, url: str, *, survives_power_loss: bool = True) -> None:
        try:
            psycopg.conninfo.conninfo_to_dict(url)
        except psycopg.ProgrammingError:
            raise ConfigError(
                "journal", "a PostgreSQL URL with a part that libpq does not know", "See its manual."
            ) from None
        self._url, self._strict = url, survives_power_loss
        self._lock = threading.Lock()
        self._connection: Connection[Any] | None = None
        self._with_connection(lambda _: None)

    def write(self, changes: Sequence[Change]) -> list[bool]:
        full = self._strict and any(change.claims for change in changes)
        return self._with_connection(lambda connection: _write(connection, changes, full=full))

    def find(self, account: str, name: str) -> Intent | None:
        rows = self._with_connection(lambda connection: _read(connection, FIND, (account, name)))
        return intent_of(rows[0]) if rows else None

    def open_intents(self, account: str) -> list[Intent]:
        rows = self._with_connection(lambda connection: _read(connection, OPEN, (account,)))
        return [intent_of(row) for row in rows]

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _with_connection(self, work: Callable[[Connection[Any]], T]) -> T:
        with self._lock:
            try:
                return self._once(work)
            except psycopg.OperationalError:
                self._drop()
            try:
                return self._once(work)
            except psycopg.Error as error:
                self._drop()
                # Only the class: messages of the driver repeat parts of the address.
                raise StoreUnavailable(f"the journal's database: {type(error).__name__}") from None

    def _once(self, work: Callable[[Connection[Any]], T]) -> T:
        if self._connection is None:
            self._connection = psycopg.connect(self._url, connect_timeout=CONNECT_S, autocommit=True)
            _make_table(self._connection)
        return work(self._connection)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _make_table(connection: Connection[Any]) -> None:
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))
        for statement in SCHEMA:
            connection.execute(statement.encode())


def _write(connection: Connection[Any], changes: Sequence[Change], *, full: bool) -> list[bool]:
    with connection.transaction():
        if not full:
            connection.execute("SET LOCAL synchronous_commit = off")
        return [connection.execute(*_in_its_style(change.statement)).rowcount == 1 for change in changes]


def _read(connection: Connection[Any], statement: str, values: tuple[str, ...]) -> list[tuple[Any, ...]]:
    return connection.execute(*_in_its_style((statement, values))).fetchall()


def _in_its_style(statement: tuple[str, tuple[Any, ...]]) -> tuple[bytes, tuple[Any, ...]]:
    text, values = statement
    return text.replace("?", "%s").encode(), values
