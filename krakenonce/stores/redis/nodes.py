"""The servers behind a URL, and which shards each of them keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from krakenonce.errors import ConfigError
from krakenonce.stores.leases.engine import EngineAway
from krakenonce.stores.leases.settings import LeaseSettings
from krakenonce.stores.redis import layout

if TYPE_CHECKING:
    from redis import Redis

OLDEST = (6, 2)


class Servers(Protocol):
    """Where connections come from. Safe from any thread."""

    is_cluster: bool
    """True if the shards are spread over nodes of a cluster."""

    def clients(self) -> Iterator[tuple[str, Redis]]:
        """Find out who keeps what, and yield the shards and a client, not connected yet, of each server.

        Raises:
            ConfigError: the servers are of another kind than the URL says.
            EngineAway, RedisError, OSError: nobody can be asked, or a shard is kept by nobody.
        """
        ...

    def any(self) -> Redis:
        """Return a client, not connected yet, of a server on which every push arrives."""
        ...

    @property
    def edition(self) -> int:
        """Another number once other servers were found than before: whoever listens at an old one hears nothing."""
        ...


class OneServer:
    """One server, which keeps everything.

    Parameters:
        client: makes a client with a fresh connection.
    """

    is_cluster = False
    edition = 0

    def __init__(self, client: Callable[[], Redis]) -> None:
        self.any = client

    def clients(self) -> Iterator[tuple[str, Redis]]:
        yield layout.SHARDS, self.any()


class Node:
    """A connection to one server.

    Attributes:
        shards: which it keeps.
        identity: names this life of the server; its scripts begin a new era when it changes.
    """

    def __init__(self, shards: str, client: Redis) -> None:
        self.shards, self._client = shards, client
        self.identity = ""

    def greet(self, scripts: Iterable[str], *, in_cluster: bool) -> None:
        """Connect, check that the server keeps what it is told, and load *scripts*.

        Raises:
            ConfigError: it may forget, or is of another kind.
            EngineAway, RedisError, OSError: it can't be written to now.
        """
        about: dict[str, Any] = self._client.info("everything")
        _check(about, in_cluster=in_cluster)
        self.identity = f"{about['run_id'][:4]}{about['master_replid'][:4]}"
        pipe: Any = self._client.pipeline(transaction=False)  # all in one round trip
        for text in scripts:
            pipe.script_load(text)
        pipe.execute()

    def run(self, calls: Sequence[tuple[Any, ...]], settings: LeaseSettings) -> list[Any]:
        """Run scripts in order, in one round trip, and return their replies once the replicas asked for have them.

        Raises:
            EngineAway: too few replicas acknowledged.
            RedisError, OSError: no or not every reply came.
        """
        pipe: Any = self._client.pipeline(transaction=False)
        for call in calls:
            pipe.evalsha(*call)
        if settings.replicas:
            pipe.execute_command("WAIT", settings.replicas, int(settings.wait * 1000))
        replies: list[Any] = pipe.execute()
        if settings.replicas and replies.pop() < settings.replicas:
            raise EngineAway(f"fewer than {settings.replicas} replicas acknowledged the reservation in time")
        return replies

    def forget(self, session: str) -> None:
        """Delete what is kept of *session*, in one round trip."""
        pipe: Any = self._client.pipeline(transaction=False)  # a cluster takes no DEL of several shards at once
        for shard in self.shards:
            pipe.delete(layout.session_name(shard, session))
        pipe.execute()

    def knock(self, session: str) -> None:
        """Push to *session* that pushes arrive."""
        self._client.publish(layout.channel(session), "K")

    def close(self) -> None:
        """Close the connection."""
        with suppress(Exception):  # whatever a broken connection does at its end, it is gone
            self._client.close()


def _check(about: dict[str, Any], *, in_cluster: bool) -> None:
    version = tuple(int(part) for part in str(about["redis_version"]).split(".")[:2])  # Valkey says 7.2 here
    if version < OLDEST:
        raise ConfigError("store", f"Redis {about['redis_version']}", "Version 6.2 or later is needed, or Valkey.")
    if about.get("cluster_enabled") and not in_cluster:
        raise ConfigError(
            "store", "redis:// and a node of a Redis cluster", "Write redis+cluster://host:port,host:port."
        )
    if about["role"] != "master":
        raise EngineAway("the server is a replica, where nothing can be written")
    if about["maxmemory_policy"] != "noeviction":
        raise ConfigError(
            "store",
            f"a Redis with maxmemory-policy {about['maxmemory_policy']}, which forgets floors when memory is short",
            "Set maxmemory-policy noeviction.",
        )
