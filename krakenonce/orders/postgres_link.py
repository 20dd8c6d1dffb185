"""One connection to a PostgreSQL database that keeps a journal: opened again when it was lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from krakenonce.errors import ConfigError, MissingExtra, StoreUnavailable

try:
    import psycopg
except ImportError as missing:
    raise MissingExtra("a postgresql:// journal", "postgres") from missing

if TYPE_CHECKING:
    from psycopg import Connection

T = TypeVar("T")

CONNECT_S = 5
FROZEN_MS = 2_000
"""A process that stops for so long in the middle of a transaction loses it, with its locks: others wait for those. It
connects again when it wakes, and begins the transaction anew."""
_NO_LOCKS_FOR_THE_FROZEN = f"SET idle_in_transaction_session_timeout = {FROZEN_MS}".encode()
_SCHEMA_LOCK = 0x6B72616B656E  # two processes that start together must not make the tables at the same time


class PostgresLink:
    """A connection. One that was lost is opened again, and what was under way is done once more. Safe for threads.

    So whatever is done over it must be harmless to do twice.

    Parameters:
        url: ``postgresql://user:password@host:5432/database``.
        schema: statements that make the tables unless they are there.
        survives_power_loss: False to let the server confirm vital writes before they are on its disk.

    Raises:
        ConfigError: the URL has no sense.
        StoreUnavailable: the server cannot be reached.
    """

    def __init__(self, url: str, schema: Sequence[str], *, survives_power_loss: bool) -> None:
        try:
            psycopg.conninfo.conninfo_to_dict(url)
        except psycopg.ProgrammingError:
            raise ConfigError(
                "journal", "a PostgreSQL URL with a part that libpq does not know", "See its manual."
            ) from None
        self._url, self._schema, self._strict = url, schema, survives_power_loss
        self._lock = threading.Lock()
        self._connection: Connection[Any] | None = None
        self._with_connection(lambda _: None)

    def write(self, work: Callable[[Connection[Any]], T], *, vital: bool) -> T:
        """Return what *work* returns, done in one transaction. Raises `StoreUnavailable`."""

        def inside(connection: Connection[Any]) -> T:
            with connection.transaction():
                if not (self._strict and vital):
                    connection.execute("SET LOCAL synchronous_commit = off")
                return work(connection)

        return self._with_connection(inside)

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT with ``?`` for values. Raises `StoreUnavailable`."""
        return self._with_connection(lambda connection: connection.execute(styled(statement), values).fetchall())

    def close(self) -> None:
        """Close the connection. Safe to call twice."""
        with self._lock:
            self._drop()

    def _with_connection(self, work: Callable[[Connection[Any]], T]) -> T:
        with self._lock:
            try:
                return self._once(work)
            except (psycopg.OperationalError, psycopg.errors.IdleInTransactionSessionTimeout):
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
            self._connection.execute(_NO_LOCKS_FOR_THE_FROZEN)
            _make_tables(self._connection, self._schema)
        return work(self._connection)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def styled(statement: str) -> bytes:
    """Return *statement*, written with ``?`` for values, as psycopg wants it."""
    return statement.replace("?", "%s").encode()


def _make_tables(connection: Connection[Any], schema: Sequence[str]) -> None:
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))
        for statement in schema:
            connection.execute(statement.encode())
