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

from krakenonce.stores.redis.cluster import Address, Cluster
from krakenonce.stores.redis.engine import RedisEngine
from krakenonce.stores.redis.nodes import OneServer, Servers

if TYPE_CHECKING:
    from redis import Redis

_CLUSTERS = ("redis+cluster", "rediss+cluster", "valkey+cluster", "valkeys+cluster")
_SPELLINGS = {
    "valkey": "redis", "valkeys": "rediss", "redis+unix": "unix", "redis+cluster": "redis", "rediss+cluster": "rediss",
    "valkey+cluster": "redis", "valkeys+cluster": "rediss",
}  # fmt: skip


def open_redis(url: str, clock: Clock) -> LeasedStore:
    """Return a store on the Redis or Valkey server that *url* names.

    Parameters:
        url: ``redis://user:password@host:6379/0``, ``rediss://`` (TLS), ``redis+unix:///path``,
            ``redis+cluster://host:6379,host:6379`` or ``redis+sentinel://host:26379,host:26379/service``; after ``?``
            options of redis-py and of `LeaseSettings`.
        clock: leases are counted by its boot time.

    Raises:
        ConfigError: the URL has no sense, or the server could forget floors, or is a node of a cluster unasked.
        StoreUnavailable: the server can't be reached.
    """
    address, settings = split_settings(url)
    options = {
        "socket_timeout": settings.ttl / 5,
        "socket_connect_timeout": settings.ttl / 5,
        "protocol": 2,
        # The driver repeats what is safe to repeat; a client that repeats by itself would hide a lost connection.
        "retry": redis.retry.Retry(redis.backoff.NoBackoff(), 0),
        "retry_on_error": [],
    }
    engine = RedisEngine(locate(address, settings, options), settings)
    return LeasedStore(redacted(url), engine, settings, clock)


def locate(address: str, settings: LeaseSettings, options: dict[str, Any]) -> Servers:
    """Return where connections to *address* come from.

    Parameters:
        address: a URL without the options that are krakenonce's own.
        options: for every connection.

    Raises:
        ConfigError: the address has no sense.
    """
    scheme, _, rest = address.partition("://")
    if scheme == "redis+sentinel":
        return OneServer(_behind_sentinels(address, options))
    known = _SPELLINGS.get(scheme, scheme)
    if settings.cluster or scheme in _CLUSTERS:
        return _of_a_cluster(f"{known}://{rest}", options)
    return OneServer(_direct(f"{known}://{rest}", options))


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


def _direct(address: str, options: dict[str, Any]) -> Callable[[], Redis]:
    library: Any = redis
    given = {name: value for name, value in options.items() if name != "retry_on_error"}

    def make() -> Redis:
        client: Redis = library.Redis.from_url(address, **given, redis_connect_func=Once())
        return client

    try:
        library.ConnectionPool.from_url(address, **given).make_connection()
    except (ValueError, TypeError):
        raise ConfigError(
            "store", "a Redis URL with a part that redis-py does not know", "See its from_url()."
        ) from None
    return make


def _of_a_cluster(address: str, options: dict[str, Any]) -> Cluster:
    parts = urlsplit(address)
    user, at, hosts = parts.netloc.rpartition("@")
    if parts.path.strip("/") not in ("", "0"):
        raise ConfigError("store", "a cluster URL with a database", "A cluster has only database 0: leave it out.")
    seeds = [_host_and_port(entry) for entry in hosts.split(",")]

    def make(address: Address) -> Redis:
        host, port = address
        netloc = f"{user}{at}[{host}]:{port}" if ":" in host else f"{user}{at}{host}:{port}"
        return _direct(parts._replace(netloc=netloc).geturl(), options)()

    make(seeds[0]).close()  # says now what is wrong with the URL
    return Cluster(seeds, make)


def _host_and_port(entry: str) -> Address:
    try:
        parts = urlsplit(f"//{entry}")
        return parts.hostname or "localhost", parts.port or 6379
    except ValueError:
        raise ConfigError("store", "a cluster URL with an odd port", "Write host:port,host:port.") from None


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
