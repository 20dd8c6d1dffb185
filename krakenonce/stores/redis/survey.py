"""A look at a Redis store from outside: reads, runs no script, begins no session, subscribes to nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from krakenonce.errors import MissingExtra, StoreUnavailable
from krakenonce.stores.leases.engine import EngineAway
from krakenonce.stores.leases.settings import redacted, split_settings
from krakenonce.stores.leases.view import MOST_LANES, LeasedLane, LeaseView

try:
    import redis
except ModuleNotFoundError as missing:
    raise MissingExtra("a redis:// store", "redis") from missing

from krakenonce.stores.redis.layout import session_name, shard_of
from krakenonce.stores.redis.opening import locate

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
    address, settings = split_settings(url)
    options = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE, "protocol": 2}
    try:
        views = [_look(client) for _, client in locate(address, settings, options).clients()]
    except redis.exceptions.RedisError as error:
        raise StoreUnavailable(f"{redacted(url)}: {type(error).__name__}: {error}") from None
    except EngineAway as error:
        raise StoreUnavailable(f"{redacted(url)}: {error}") from None
    return _together(views)


def _look(client: Redis) -> LeaseView:
    with client:
        version = _version(client)
        seconds, micros = client.time()
        now_ns = seconds * 10**9 + micros * 1000
        names = list(itertools.islice(client.scan_iter(match=_PATTERN, count=1000), MOST_LANES + 1))
        keys = sorted({name.decode().partition("k:")[2] for name in names[:MOST_LANES]})
        lanes = [lane for chunk in _chunks(keys) for lane in _lanes(client, chunk, now_ns)]
    return LeaseView(version, now_ns, lanes, len(names) > MOST_LANES)


def _together(views: list[LeaseView]) -> LeaseView:
    """Return the nodes of a cluster as one view."""
    lanes = sorted(lane for view in views for lane in view.lanes)
    is_cut = len(lanes) > MOST_LANES or any(view.is_cut for view in views)
    return LeaseView(views[0].engine, max(view.now_ns for view in views), lanes[:MOST_LANES], is_cut)


def _version(client: Any) -> str:
    about = client.info("server")
    return f"Valkey {about['valkey_version']}" if "valkey_version" in about else f"Redis {about['redis_version']}"


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
