"""A look at a Redis store from outside: reads, runs no script, begins no session, subscribes to nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from krakenonce.errors import MissingExtra, StoreUnavailable
from krakenonce.stores.leases.settings import redacted, split_settings
from krakenonce.stores.leases.view import MOST_LANES, LeasedLane, LeaseView

try:
    import redis
except ModuleNotFoundError as missing:
    raise MissingExtra("a redis:// store", "redis") from missing

from krakenonce.stores.redis.layout import session_name, shard_of
from krakenonce.stores.redis.opening import _SPELLINGS, _behind_sentinels, _direct

if TYPE_CHECKING:
    from redis import Redis

_PATTERN = "kn{?}k:*"
_CHUNK = 500
PATIENCE = 5.0
"""Seconds to wait for any answer."""


def survey(url: str) -> LeaseView:
    """Return what the store at *url* holds now.

    Raises:
        ConfigError: the URL has no sense.
        StoreUnavailable: the server can't be reached, or answers with an error.
    """
    try:
        with _client_maker(url)() as client:
            return _look(client)
    except redis.exceptions.RedisError as error:
        raise StoreUnavailable(f"{redacted(url)}: {type(error).__name__}: {error}") from None


def _look(client: Redis) -> LeaseView:
    version = _version(client)
    seconds, micros = _of_one_node(client.time())
    now_ns = seconds * 10**9 + micros * 1000
    names = list(itertools.islice(client.scan_iter(match=_PATTERN, count=1000), MOST_LANES + 1))
    keys = sorted({name.decode().partition("k:")[2] for name in names[:MOST_LANES]})
    lanes = [lane for chunk in _chunks(keys) for lane in _lanes(client, chunk, now_ns)]
    return LeaseView(version, now_ns, lanes, len(names) > MOST_LANES)


def _client_maker(url: str) -> Callable[[], Redis]:
    address, settings = split_settings(url)
    parts = urlsplit(address)
    options = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE, "protocol": 2}
    if parts.scheme == "redis+sentinel":
        return _behind_sentinels(address, options)
    return _direct(urlunsplit(parts._replace(scheme=_SPELLINGS.get(parts.scheme, parts.scheme))), options, settings)


def _version(client: Any) -> str:
    info = client.info("server")
    return f"Redis {(info if 'redis_version' in info else _of_one_node(info))['redis_version']}"


def _of_one_node(answer: Any) -> Any:
    """Return the answer itself, or the first of a cluster's, which come as a table."""
    return next(iter(answer.values())) if isinstance(answer, dict) else answer


def _chunks(keys: list[str]) -> Iterable[list[str]]:
    return (keys[start : start + _CHUNK] for start in range(0, len(keys), _CHUNK))


def _lanes(client: Any, keys: list[str], now_ns: int) -> list[LeasedLane]:
    with client.pipeline(transaction=False) as pipe:
        for key in keys:
            state, queue, events = (f"kn{{{shard_of(key)}}}{kind}:{key}" for kind in "kqe")
            pipe.hmget(state, "h", "n")
            pipe.llen(queue)
            pipe.lrange(events, 0, -1)
        found = iter(pipe.execute())
        rows = list(zip(keys, found, found, found, strict=True))
        for key, (holder, _), _, _ in rows:
            pipe.hmget(session_name(shard_of(key), (holder or b"").decode()), "u", "d")
        sessions = pipe.execute()
    return [_lane(row, until, dead, now_ns) for row, (until, dead) in zip(rows, sessions, strict=True)]


def _lane(row: tuple[str, Any, int, list[bytes]], until: bytes | None, dead: bytes | None, now_ns: int) -> LeasedLane:
    key, (holder, floor), waiting, events = row
    until_ns = int(until or 0) * 10**6
    is_held = bool(holder) and not dead and until_ns > now_ns
    return LeasedLane(
        key,
        int(floor or 0),
        holder.decode() if is_held else "",
        until_ns if is_held else 0,
        waiting,
        tuple(line.decode(errors="replace") for line in events),
    )
