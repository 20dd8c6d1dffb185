"""PostgreSQL as an engine of leases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from krakenonce.errors import ConfigError
from krakenonce.stores.leases.engine import Ask, EngineAway, NoSession, Release, Renewal, Reply
from krakenonce.stores.leases.settings import LeaseSettings
from krakenonce.stores.postgres.ear import PostgresEar, channel
from krakenonce.stores.postgres.failures import as_absence
from krakenonce.stores.postgres.schema import migrate
from krakenonce.stores.postgres.sockets import cut
from krakenonce.stores.postgres.statements import Statements, read

if TYPE_CHECKING:
    from psycopg import Connection

OLDEST = 140000
FEW = 4
"""Of so many asks those that give keys back go ahead, alone. More are done faster together."""


class PostgresEngine:
    """One connection to a PostgreSQL server, or to a transaction pooler before it.

    Parameters:
        connect: opens a connection.
        connect_to_listen: opens a connection past the pooler, if there is one.
        settings: what is asked of the server.
    """

    def __init__(
        self,
        connect: Callable[[], Connection[Any]],
        connect_to_listen: Callable[[], Connection[Any]],
        settings: LeaseSettings,
    ) -> None:
        self._make, self._make_ear, self._settings = connect, connect_to_listen, settings
        self._connection: Connection[Any] | None = None
        self._session, self._incarnation = "", 0
        self._statements = Statements(settings)

    def connect(self) -> None:
        self.close()
        with as_absence():
            self._connection = self._make()
            self._check(self._connection)
            migrate(self._connection)

    def renew(self, session: str, incarnation: int) -> Renewal:
        self._session, self._incarnation = session, incarnation
        with as_absence():
            row = self._opened().execute(
                "select born_ns, now_ns, until_ns from krakenonce.renew(%s, %s, %s, %s, %s)",
                (session, incarnation, int(self._settings.ttl * 1000), *self._statements.quiet),
            ).fetchone()  # fmt: skip
        if row is None or row[1] is None:
            raise EngineAway("another connection of this process came first")
        return Renewal((row[0],), row[1], row[2])

    def run(self, asks: Sequence[Ask]) -> list[Reply]:
        if 1 < len(asks) <= FEW and isinstance(asks[0], Release):
            # Somebody may wait for the key, and would wait for the disk as well, on which the rest has to be.
            return [*self._run_together(asks[:1]), *self.run(asks[1:])]
        return self._run_together(asks)

    def _run_together(self, asks: Sequence[Ask]) -> list[Reply]:
        # One transaction: whoever locks the lanes in the order of their names never deadlocks with another.
        order = sorted(range(len(asks)), key=lambda place: asks[place].key)
        statements = list(self._statements.of([asks[place] for place in order], self._session, self._incarnation))
        with as_absence():
            rows = self._run(statements)
        replies: list[Reply] = [NoSession()] * len(asks)
        for place, row in zip(order, rows, strict=True):
            replies[place] = read(row)
        return replies

    def _run(self, statements: Sequence[tuple[str, tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
        connection = self._opened()
        if len(statements) == 1:
            return connection.execute(*statements[0]).fetchall()
        with connection.pipeline():
            cursors = [connection.execute(*each) for each in statements]
        return [row for cursor in cursors for row in cursor.fetchall()]

    def knock(self, session: str) -> None:
        with as_absence():
            self._opened().execute("select pg_notify(%s, '')", (channel(session),))

    def end(self, session: str) -> None:
        with as_absence():
            self._opened().execute("delete from krakenonce.session where name = %s", (session,))
        self.knock(session)

    def interrupt(self) -> None:
        if self._connection is not None:
            cut(self._connection)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # whatever a broken connection does at its end, it is gone
                connection.close()

    def ear(self) -> PostgresEar:
        return PostgresEar(self._make_ear, self._settings.ttl / 5)

    def _opened(self) -> Connection[Any]:
        if self._connection is None:
            raise EngineAway("not connected")
        return self._connection

    def _check(self, connection: Connection[Any]) -> None:
        if connection.info.server_version < OLDEST:
            raise ConfigError(
                "store", f"PostgreSQL {connection.info.server_version // 10000}", "14 or later is needed."
            )
        row = connection.execute(
            "select pg_is_in_recovery(), current_setting('fsync'), current_setting('synchronous_standby_names')"
        ).fetchone() or (True, "", "")
        if row[0]:
            raise EngineAway("the server is a standby, where nothing can be written")
        if row[1] == "off":
            raise ConfigError("store", "a PostgreSQL with fsync = off, which forgets floors", "Set fsync = on.")
        if self._settings.replicas and not row[2]:
            raise ConfigError(
                "store", "replicas= and a PostgreSQL without synchronous standbys", "Set synchronous_standby_names."
            )
