"""The journal in PostgreSQL, for several workers on one or several hosts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from krakenonce.copytrader.journal.records import Changes
from krakenonce.copytrader.journal.schema import SCHEMA
from krakenonce.copytrader.journal.statements import is_vital, statements
from krakenonce.orders.postgres_link import PostgresLink, styled

if TYPE_CHECKING:
    from psycopg import Connection

NOW_NS = "(extract(epoch FROM clock_timestamp()) * 1000000000)::bigint"
"""The engine's clock: the only one that all workers share."""

_MINE = f"""SELECT user_name FROM copy_leases
    WHERE user_name = ANY(?) AND worker = ? AND until_ns > {NOW_NS} FOR SHARE"""  # noqa: S608 - constants only


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
            return [users & lost for users in concerned]

        return self.link.write(run, vital=any(map(is_vital, batch)))

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self.link.read(statement, values)

    def close(self) -> None:
        self.link.close()

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
    return frozenset([*lines, *decisions, *orders, *mirrors, *(row.user for row in changes.follows)])


def without(changes: Changes, users: frozenset[str]) -> Changes:
    """Return *changes* without what concerns *users*. Fills concern everybody, and standings may be set by anybody."""
    return replace(
        changes,
        decisions=tuple(one for one in changes.decisions if one.line.user not in users),
        lines=tuple(row for row in changes.lines if row.line.key.user not in users),
        orders=tuple(order for order in changes.orders if order.line.user not in users),
        follows=tuple(row for row in changes.follows if row.user not in users),
        mirrors=tuple(row for row in changes.mirrors if row.line.user not in users),
    )
