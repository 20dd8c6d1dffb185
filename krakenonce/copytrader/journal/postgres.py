"""The journal in PostgreSQL, for several workers on one or several hosts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from krakenonce.copytrader.journal.backend import Read, T
from krakenonce.copytrader.journal.bell import ASKED, RING, Word
from krakenonce.copytrader.journal.records import EVERYBODY, Changes
from krakenonce.copytrader.journal.schema import SCHEMA
from krakenonce.copytrader.journal.statements import is_vital, statements
from krakenonce.orders.postgres_link import PostgresLink, styled

if TYPE_CHECKING:
    from psycopg import Connection

NOW_NS = "(extract(epoch FROM clock_timestamp()) * 1000000000)::bigint"
"""The engine's clock: the only one that all workers share."""

_MINE = f"""SELECT user_name FROM copy_leases
    WHERE user_name = ANY(?) AND worker = ? AND until_ns > {NOW_NS} ORDER BY user_name FOR SHARE"""  # noqa: S608 - constants only


class PostgresBackend:
    """See `krakenonce.orders.postgres_link.PostgresLink` for parameters and errors.

    Parameters:
        worker: who writes. Then only what concerns users whose lease this worker holds is written. None for no leases.
    """

    is_local = False

    def __init__(self, url: str, *, survives_power_loss: bool = True, worker: str | None = None) -> None:
        self.link = PostgresLink(url, SCHEMA, survives_power_loss=survives_power_loss)
        self._worker = worker

    def write(self, batch: Sequence[Changes]) -> list[frozenset[str]]:
        def run(connection: Connection[Any]) -> list[frozenset[str]]:
            concerned = [_users(changes) for changes in batch]
            lost = self._lost(connection, frozenset().union(*concerned))
            kept = [without(changes, lost) if lost else changes for changes in batch]
            with connection.cursor() as cursor:
                for statement, values in statements(kept):
                    cursor.executemany(styled(statement), values)
            for word in self._words(kept):
                connection.execute(styled(RING), (word,))
            return [users & lost for users in concerned]

        return self.link.write(run, vital=any(map(is_vital, batch)))

    def hear(self, at_disk: Callable[[], None]) -> None:
        """Nobody knows when a server waits for its disk."""

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self.link.read(statement, values)

    def view(self, work: Callable[[Read], T]) -> T:
        def run(connection: Connection[Any]) -> T:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            return work(lambda statement, values=(): connection.execute(styled(statement), values).fetchall())

        return self.link.write(run, vital=False)

    def close(self) -> None:
        self.link.close()

    def _words(self, batch: Sequence[Changes]) -> set[Word]:
        """Return what to call out: that *batch* says something that other workers have to do, and soon."""
        standings = [one for changes in batch for one in changes.standings]
        facts = [name for changes in batch for name in changes.meta]
        is_switched = any(one.user == EVERYBODY or self._worker is None for one in standings)
        is_asked = any(name.startswith(ASKED) for name in facts)
        return {word for word, holds in ((Word.STANDINGS, is_switched), (Word.FILES, is_asked)) if holds}

    def _lost(self, connection: Connection[Any], users: frozenset[str]) -> frozenset[str]:
        if self._worker is None or not users:
            return frozenset()
        rows = connection.execute(styled(_MINE), (sorted(users), self._worker)).fetchall()
        return users - {row[0] for row in rows}


def _users(changes: Changes) -> frozenset[str]:
    lines = [row.line.key.user for row in changes.lines]
    decisions = [one.line.user for one in changes.decisions]
    orders = [order.line.user for order in changes.orders]
    mirrors = [row.line.user for row in changes.mirrors]
    standings = [one.user for one in changes.standings if one.user != EVERYBODY]
    return frozenset([*lines, *decisions, *orders, *mirrors, *standings, *(row.user for row in changes.follows)])


def without(changes: Changes, users: frozenset[str]) -> Changes:
    """Return *changes* without what concerns *users*. Fills concern everybody."""
    return replace(
        changes,
        decisions=tuple(one for one in changes.decisions if one.line.user not in users),
        lines=tuple(row for row in changes.lines if row.line.key.user not in users),
        orders=tuple(order for order in changes.orders if order.line.user not in users),
        follows=tuple(row for row in changes.follows if row.user not in users),
        mirrors=tuple(row for row in changes.mirrors if row.line.user not in users),
        standings=tuple(one for one in changes.standings if one.user not in users),
    )
