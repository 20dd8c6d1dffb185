"""Redis and Valkey as an engine of leases."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from krakenonce.errors import ConfigError
from krakenonce.stores.leases.engine import (
    KEPT_EVENTS,
    Acquire,
    Ask,
    Claim,
    EngineAway,
    Keep,
    Pass,
    Raise,
    Release,
    Remember,
    Renewal,
    Reply,
)
from krakenonce.stores.leases.settings import LeaseSettings
from krakenonce.stores.redis import layout
from krakenonce.stores.redis.ear import RedisEar
from krakenonce.stores.redis.failures import as_absence

if TYPE_CHECKING:
    from redis import Redis

OLDEST = (6, 2)
_SCRIPTS = {
    name: layout.script(name) for name in ("acquire", "release", "claim", "pass", "keep", "raise", "remember", "renew")
}
_SHAS = {name: hashlib.sha1(text.encode()).hexdigest() for name, text in _SCRIPTS.items()}  # noqa: S324 - Redis's name


class RedisEngine:
    """One connection to a Redis or Valkey server, sentinel or cluster.

    Parameters:
        client: makes a client with a fresh connection. Called again after each failure.
        settings: what is asked of the server.
    """

    def __init__(self, client: Callable[[], Redis], settings: LeaseSettings) -> None:
        self._make, self._settings = client, settings
        self._client: Redis | None = None
        self._identity = ""
        self._session, self._incarnation = "", 0
        self._quiet = (int(settings.quiet_after_change * 1000), int(settings.quiet_after_loss * 1000))

    def connect(self) -> None:
        self.close()
        self._client = self._make()
        with as_absence():
            about: dict[str, Any] = self._client.info("everything")
            _check(about)
            self._identity = f"{about['run_id'][:4]}{about['master_replid'][:4]}"
            for text in _SCRIPTS.values():
                self._client.script_load(text)

    def renew(self, session: str, incarnation: int) -> Renewal:
        self._session, self._incarnation = session, incarnation
        arguments = (
            incarnation, self._identity, int(self._settings.ttl * 1000), layout.MEMORY_OF_SESSIONS_MS, *self._quiet,
        )  # fmt: skip
        names = [(layout.session_name(shard, session), layout.era_name(shard)) for shard in layout.SHARDS]
        replies = self._pipeline([(_SHAS["renew"], 2, *pair, *arguments) for pair in names])
        if any(reply[0] == b"S" for reply in replies):
            raise EngineAway("another connection of this process came first")
        return Renewal(
            tuple(int(reply[0]) for reply in replies),
            max(int(reply[1]) for reply in replies),
            min(int(reply[2]) for reply in replies),
        )

    def run(self, asks: Sequence[Ask]) -> list[Reply]:
        return [layout.read_reply(reply) for reply in self._pipeline([self._call(ask) for ask in asks])]

    def end(self, session: str) -> None:
        with as_absence():
            for shard in layout.SHARDS:
                self._opened().delete(layout.session_name(shard, session))
        self.knock(session)

    def knock(self, session: str) -> None:
        with as_absence():
            self._opened().publish(layout.channel(session), "K")

    def interrupt(self) -> None:
        """Nothing to do: redis-py gives up by itself after its socket's time-out."""

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):  # whatever a broken connection does at its end, it is gone
                client.close()

    def ear(self) -> RedisEar:
        return RedisEar(self._make)

    def _call(self, ask: Ask) -> tuple[Any, ...]:
        settings = self._settings
        head = (
            *layout.names(ask.key, self._session),
            self._session, self._incarnation, self._identity, settings.margin, int(settings.claim * 1000),
            layout.RESERVATION_SECONDS, layout.LONGEST_LATENESS_MS, int(settings.cluster), *self._quiet,
        )  # fmt: skip
        name, arguments = _call_of(ask)
        return (_SHAS[name], 5, *head, *arguments)

    def _pipeline(self, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        with as_absence():
            pipe: Any = self._opened().pipeline(transaction=False)
            for call in calls:
                pipe.evalsha(*call)
            if self._settings.replicas:
                pipe.execute_command("WAIT", self._settings.replicas, int(self._settings.wait * 1000))
            replies: list[Any] = pipe.execute()
        if self._settings.replicas and replies.pop() < self._settings.replicas:
            raise EngineAway(f"fewer than {self._settings.replicas} replicas acknowledged the reservation in time")
        return replies

    def _opened(self) -> Redis:
        if self._client is None:
            raise EngineAway("not connected")
        return self._client


def _call_of(ask: Ask) -> tuple[str, tuple[Any, ...]]:
    """Return the script that does *ask*, and its own arguments."""
    match ask:
        case Acquire():
            return "acquire", (str(ask.floor), ask.watch, ask.watched_ms)
        case Release():
            return "release", (ask.generation, str(ask.floor), int(ask.again))
        case Claim():
            return "claim", (ask.generation,)
        case Pass():
            return "pass", (ask.generation,)
        case Keep():
            return "keep", (ask.generation, str(ask.floor))
        case Raise():
            return "raise", (str(ask.floor),)
        case Remember():
            return "remember", (ask.event, KEPT_EVENTS)


def _check(about: dict[str, Any]) -> None:
    version = tuple(int(part) for part in str(about["redis_version"]).split(".")[:2])
    if version < OLDEST:
        raise ConfigError("store", f"Redis {about['redis_version']}", "Version 6.2 or later is needed, or Valkey.")
    if about["role"] != "master":
        raise EngineAway("the server is a replica, where nothing can be written")
    if about["maxmemory_policy"] != "noeviction":
        raise ConfigError(
            "store",
            f"a Redis with maxmemory-policy {about['maxmemory_policy']}, which forgets floors when memory is short",
            "Set maxmemory-policy noeviction.",
        )
