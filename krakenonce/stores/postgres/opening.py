"""From a URL to a store on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from krakenonce.clock import Clock
from krakenonce.errors import ConfigError, MissingExtra
from krakenonce.stores.leases import LeasedStore, LeaseSettings, split_settings
from krakenonce.stores.leases.settings import redacted

try:
    import psycopg
except ImportError as missing:
    raise MissingExtra("a postgresql:// store", "postgres") from missing

from krakenonce.stores.postgres.engine import PostgresEngine

if TYPE_CHECKING:
    from psycopg import Connection


def open_postgres(url: str, clock: Clock) -> LeasedStore:
    """Return a store in the PostgreSQL database that *url* names. Its schema is made if it is not there.

    Parameters:
        url: ``postgresql://user:password@host:5432/database``; after ``?`` options of libpq and of `LeaseSettings`, and
            ``listen=host:port``, the server itself, if the URL names a transaction pooler.
        clock: leases are counted by its boot time.

    Raises:
        ConfigError: the URL has no sense, or the server could forget floors.
        StoreUnavailable: the server can't be reached.
    """
    address, settings = split_settings(url)
    address, listen = _split_listen(address)
    try:
        psycopg.conninfo.conninfo_to_dict(address)
    except psycopg.ProgrammingError:
        raise ConfigError("store", "a PostgreSQL URL with a part that libpq does not know", "See its manual.") from None
    engine = PostgresEngine(_connector(address, settings), _connector(listen, settings), settings)
    return LeasedStore(redacted(url), engine, settings, clock)


def _split_listen(address: str) -> tuple[str, str]:
    """Return the address without ``listen=``, and the same with what that names in place of host and port."""
    parts = urlsplit(address)
    options = parse_qsl(parts.query, keep_blank_values=True)
    plain = urlunsplit(parts._replace(query=urlencode([pair for pair in options if pair[0] != "listen"])))
    target = dict(options).get("listen")
    if target is None:
        return plain, plain
    user, at, _ = parts.netloc.rpartition("@")
    return plain, urlunsplit(urlsplit(plain)._replace(netloc=f"{user}{at}{target}"))


def _connector(address: str, settings: LeaseSettings) -> Callable[[], Connection[Any]]:
    patience = max(2, round(settings.ttl / 5))

    def connect() -> Connection[Any]:
        # Nothing is prepared and nothing is set, so any server connection of a pooler serves any statement. One text is
        # done in a third less time than parameters that are sent apart.
        return psycopg.connect(
            address,
            autocommit=True,
            prepare_threshold=None,
            cursor_factory=psycopg.ClientCursor,
            connect_timeout=patience,
            tcp_user_timeout=patience * 1000,
            keepalives_idle=patience,
            keepalives_interval=patience,
            fallback_application_name="krakenonce",
        )

    return connect
