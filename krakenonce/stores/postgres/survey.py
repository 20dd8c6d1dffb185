"""A look at a PostgreSQL store from outside: one read-only transaction, which makes nothing and locks nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from krakenonce.errors import MissingExtra, StoreUnavailable
from krakenonce.stores.leases.settings import redacted, split_settings
from krakenonce.stores.leases.view import MOST_LANES, LeasedLane, LeaseView

try:
    import psycopg
except ImportError as missing:
    raise MissingExtra("a postgresql:// store", "postgres") from missing

from krakenonce.stores.postgres.opening import _connector, _split_listen

if TYPE_CHECKING:
    from psycopg import Connection

_LANES = """
select l.key, l.floor, alive.name, alive.until_ns, cardinality(l.queue), l.events
from krakenonce.lane l left join lateral (
    select s.name, (extract(epoch from s.until) * 1000000000)::bigint as until_ns from krakenonce.session s
    where s.name = l.holder and s.until > clock_timestamp() and not coalesce((to_jsonb(s) ->> 'dead')::boolean, false)
) alive on true
order by l.key limit %s
"""


def survey(url: str) -> LeaseView:
    """Return what the store at *url* holds now.

    Raises:
        ConfigError: the URL has no sense.
        StoreUnavailable: the server can't be reached, or there is no store in the database.
    """
    address, settings = split_settings(url)
    try:
        with _connector(_split_listen(address)[0], settings)() as connection, connection.transaction():
            connection.execute("set transaction read only")
            return _look(connection, redacted(url))
    except psycopg.Error as error:
        raise StoreUnavailable(f"{redacted(url)}: {str(error).strip()}") from None


def _look(connection: Connection[Any], url: str) -> LeaseView:
    row = connection.execute(
        "select current_setting('server_version'), (extract(epoch from clock_timestamp()) * 1000000000)::bigint,"
        " to_regclass('krakenonce.lane') is not null"
    ).fetchone()
    version, now_ns, is_there = row or ("", 0, False)
    if not is_there:
        raise StoreUnavailable(f"{url}: there is no store of krakenonce in this database yet")
    rows = connection.execute(_LANES, (MOST_LANES + 1,)).fetchall()
    lanes = [
        LeasedLane(key, floor, holder or "", until_ns or 0, waiting, tuple(events))
        for key, floor, holder, until_ns, waiting, events in rows[:MOST_LANES]
    ]
    return LeaseView(f"PostgreSQL {version}", now_ns, lanes, len(rows) > MOST_LANES)
