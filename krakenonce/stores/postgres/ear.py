"""The connection on which PostgreSQL pushes: the one that can't go through a transaction pooler."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from krakenonce.stores.leases.engine import EngineAway, Message
from krakenonce.stores.leases.pushes import read_push
from krakenonce.stores.postgres.failures import as_absence
from krakenonce.stores.postgres.sockets import cut

if TYPE_CHECKING:
    from psycopg import Connection


def channel(session: str) -> str:
    """Return the channel on which *session* is told things."""
    return f"kn_{session}"


class PostgresEar:
    """A connection that listens to one process's channel.

    Parameters:
        connect: opens a connection.
        patience: seconds after which a connection that does not answer is given up.
    """

    def __init__(self, connect: Callable[[], Connection[Any]], patience: float) -> None:
        self._make, self._patience = connect, patience
        self._connection: Connection[Any] | None = None

    def open(self, session: str) -> None:
        self.close()
        with as_absence():
            self._connection = self._make()
            self._connection.execute(f'listen "{channel(session)}"')

    def hear(self, seconds: float) -> Sequence[Message]:
        connection = self._connection
        if connection is None:
            raise EngineAway("not connected")
        with as_absence():
            heard = [read_push(push.payload) for push in connection.notifies(timeout=seconds, stop_after=1)]
            if not heard:
                self._check_life(connection)
        return heard

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # whatever a broken connection does at its end, it is gone
                connection.close()

    def _check_life(self, connection: Connection[Any]) -> None:
        """Ask a connection that was silent something; one that is half open would never answer."""
        patience = threading.Timer(self._patience, cut, (connection,))
        patience.start()
        try:
            connection.execute("select 1")
        finally:
            patience.cancel()
