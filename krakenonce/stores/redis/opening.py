"""From a URL to a store on Redis."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from krakenonce.clock import Clock
from krakenonce.errors import ConfigError, MissingExtra
from krakenonce.stores.leases import LeasedStore, LeaseSettings, split_settings
from krakenonce.stores.leases.settings import redacted

try:
    import redis
except ModuleNotFoundError as missing:
    raise MissingExtra("a redis:// store", "redis") from missing

from krakenonce.stores.redis.engine import RedisEngine

if TYPE_CHECKING:
    from redis import Redis

_SPELLINGS = {"valkey": "redis", "valkeys": "rediss", "redis+unix": "unix"}


def open_redis(url: str, clock: Clock) -> LeasedStore:
    """Return a store on the Redis or Valkey server that *url* names.

    Parameters:
        url: ``redis://user:password@host:6379/0``, ``rediss://`` (TLS), ``redis+unix:///path`` or
            ``redis+sentinel://host:26379,host:26379/service``; after ``?`` options of redis-py and of `LeaseSettings`.
        clock: leases are counted by its boot time.

    Raises:
        ConfigError: the URL has no sense, or the server could forget floors.
        StoreUnavailable: the server can't be reached.
    """
    address, settings = split_settings(url)
    parts = urlsplit(address)
    options = {
        "socket_timeout": settings.ttl / 5,
        "socket_connect_timeout": settings.ttl / 5,
        "protocol": 2,
        # The driver repeats what is safe to repeat; a client that repeats by itself would hide a lost connection.
        "retry": redis.retry.Retry(redis.backoff.NoBackoff(), 0),
        "retry_on_error": [],
    }
    if parts.scheme == "redis+sentinel":
        make = _behind_sentinels(address, options)
    else:
        _, _, rest = address.partition("://")
        make = _direct(f"{_SPELLINGS.get(parts.scheme, parts.scheme)}://{rest}", options, settings)
    return LeasedStore(redacted(url), RedisEngine(make, settings), settings, clock)


class Once:
    """Lets a client connect once. One that is reconnected in silence may talk to another server without knowing it."""

    def __init__(self) -> None:
        self._connected = False

    def __call__(self, connection: Any) -> None:
        """Greet the server for the first time; refuse to do so again."""
        if self._connected:
            raise redis.exceptions.ConnectionError("the connection was lost")
        connection.on_connect()
        self._connected = True


def _direct(address: str, options: dict[str, Any], settings: LeaseSettings) -> Callable[[], Redis]:
    library: Any = redis
    kind = library.RedisCluster if settings.cluster else library.Redis
    given = {name: value for name, value in options.items() if name != "retry_on_error"}

    def make() -> Redis:
        client: Redis = kind.from_url(address, **given, **({} if settings.cluster else {"redis_connect_func": Once()}))
        return client

    try:
        library.ConnectionPool.from_url(address, **given).make_connection()
    except (ValueError, TypeError):
        raise ConfigError(
            "store", "a Redis URL with a part that redis-py does not know", "See its from_url()."
        ) from None
    return make


def _behind_sentinels(address: str, options: dict[str, Any]) -> Callable[[], Redis]:
    parts = urlsplit(address)
    user, _, hosts = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    service, _, database = parts.path.strip("/").partition("/")
    if not service:
        raise ConfigError("store", "a sentinel URL without a service", "Write redis+sentinel://host:26379/service.")
    sentinels = [(host, int(port or 26379)) for host, _, port in (entry.partition(":") for entry in hosts.split(","))]
    secrets = {"username": unquote(name) or None, "password": unquote(password) or None, "db": int(database or 0)}
    given = {**options, **secrets, **{key: values[0] for key, values in parse_qs(parts.query).items()}}

    library: Any = redis

    def make() -> Redis:
        watchers = library.sentinel.Sentinel(sentinels, sentinel_kwargs=dict(options))
        client: Redis = watchers.master_for(service, **given, redis_connect_func=Once())
        return client

    return make
