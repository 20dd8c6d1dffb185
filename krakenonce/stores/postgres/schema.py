"""The schema ``krakenonce``: made and brought up to date by whoever comes first."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

import psycopg

from krakenonce.errors import ConfigError

if TYPE_CHECKING:
    from psycopg import Connection

MIGRATIONS = ("001_tables.sql", "002_functions.sql")
"""Applied in this order, each once. One that was released is never changed: the next one changes what it made."""

_LEDGER = """
create schema if not exists krakenonce;
create table if not exists krakenonce.migration
    (version integer primary key, applied timestamptz not null default now());
"""


def migrate(connection: Connection[Any]) -> None:
    """Bring the schema up to date. Any number of processes may do so at the same time.

    Raises:
        ConfigError: a newer krakenonce has made the schema.
    """
    if _has_ledger(connection) and _version(connection) == len(MIGRATIONS):
        return
    _make_ledger(connection)
    with connection.transaction():
        # Whoever waited for this lock sees what the one before it has made: a lock on a table refreshes the catalogue's
        # caches, which an advisory lock does not.
        connection.execute("lock table krakenonce.migration in exclusive mode")
        done = _version(connection)
        if done > len(MIGRATIONS):
            raise ConfigError(
                "store", f"a schema krakenonce of version {done}; this one knows {len(MIGRATIONS)}", "Upgrade."
            )
        for version in range(done + 1, len(MIGRATIONS) + 1):
            _apply(connection, version)


def _make_ledger(connection: Connection[Any]) -> None:
    for _ in range(5):
        try:
            connection.execute(_LEDGER)
            return
        except psycopg.IntegrityError:
            continue  # "if not exists" still collides when two make the same thing in the same moment


def _has_ledger(connection: Connection[Any]) -> bool:
    return connection.execute("select to_regclass('krakenonce.migration') is not null").fetchone() == (True,)


def _version(connection: Connection[Any]) -> int:
    row = connection.execute("select coalesce(max(version), 0) from krakenonce.migration").fetchone()
    return int(row[0]) if row else 0


def _apply(connection: Connection[Any], version: int) -> None:
    text = (resources.files(__package__) / MIGRATIONS[version - 1]).read_text("utf-8")
    connection.execute(text.encode())
    connection.execute("insert into krakenonce.migration (version) values (%s)", (version,))
