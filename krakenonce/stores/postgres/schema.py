"""The schema ``krakenonce``: made and brought up to date by whoever comes first."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

from krakenonce.errors import ConfigError

if TYPE_CHECKING:
    from psycopg import Connection

MIGRATIONS = ("001_tables.sql", "002_functions.sql")
"""Applied in this order, each once. One that was released is never changed: the next one changes what it made."""

_LOCK = 0x6B6E  # any number, as long as all agree


def migrate(connection: Connection[Any]) -> None:
    """Bring the schema up to date. Any number of processes may do so at the same time.

    Raises:
        ConfigError: a newer krakenonce has made the schema.
    """
    if _version(connection) == len(MIGRATIONS):
        return
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
        done = _version(connection)
        if done > len(MIGRATIONS):
            raise ConfigError(
                "store", f"a schema krakenonce of version {done}; this one knows {len(MIGRATIONS)}", "Upgrade."
            )
        if done == 0:
            connection.execute("create schema if not exists krakenonce")
            connection.execute(
                "create table if not exists krakenonce.migration"
                " (version integer primary key, applied timestamptz not null default now())"
            )
        for version in range(done + 1, len(MIGRATIONS) + 1):
            _apply(connection, version)


def _version(connection: Connection[Any]) -> int:
    if connection.execute("select to_regclass('krakenonce.migration')").fetchone() == (None,):
        return 0
    row = connection.execute("select coalesce(max(version), 0) from krakenonce.migration").fetchone()
    return int(row[0]) if row else 0


def _apply(connection: Connection[Any], version: int) -> None:
    text = (resources.files(__package__) / MIGRATIONS[version - 1]).read_text("utf-8")
    connection.execute(text.encode())
    connection.execute("insert into krakenonce.migration (version) values (%s)", (version,))
