"""Redis and Valkey as an engine of leases."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

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
from krakenonce.stores.redis.cluster import EXTRA_MARGIN
from krakenonce.stores.redis.ear import RedisEar
from krakenonce.stores.redis.failures import as_absence
from krakenonce.stores.redis.nodes import Node, Servers
from krakenonce.stores.redis.skew import Skew

_SCRIPTS = {
    name: layout.script(name) for name in ("acquire", "release", "claim", "pass", "keep", "raise", "remember", "renew")
}
_SHAS = {name: hashlib.sha1(text.encode()).hexdigest() for name, text in _SCRIPTS.items()}  # noqa: S324 - Redis's name


class RedisEngine:
    """One connection to a Redis or Valkey server, or to each node of a cluster that keeps anything of ours.

    Parameters:
        servers: where connections come from. Asked anew after each failure.
        settings: what is asked of the servers.
    """

    def __init__(self, servers: Servers, settings: LeaseSettings) -> None:
        self._servers, self._settings = servers, settings
        self._nodes: list[Node] = []
        self._node_of: dict[str, Node] = {}
        self._session, self._incarnation = "", 0
        self._margin = settings.margin + (EXTRA_MARGIN if servers.is_cluster else 0)
        self._quiet = (int(settings.quiet_after_change * 1000), int(settings.quiet_after_loss * 1000))

    def connect(self) -> None:
        self.close()
        with as_absence():
            self._nodes.extend(Node(shards, client) for shards, client in self._servers.clients())
            for node in self._nodes:
                node.greet(_SCRIPTS.values(), in_cluster=self._servers.is_cluster)
        self._node_of = {shard: node for node in self._nodes for shard in node.shards}

    def renew(self, session: str, incarnation: int) -> Renewal:
        self._session, self._incarnation = session, incarnation
        skew = Skew()
        births: dict[str, int] = {}
        nows, ends = [], []
        for node in self._opened():
            with skew.measured() as seen:
                replies = self._renew_at(node)
                seen.extend(int(reply[1]) for reply in replies)
            births.update((shard, int(reply[0])) for shard, reply in zip(node.shards, replies, strict=True))
            nows.append(max(int(reply[1]) for reply in replies))
            ends.append(min(int(reply[2]) for reply in replies))
        if self._servers.is_cluster:
            skew.check()
        return Renewal(tuple(births[shard] for shard in layout.SHARDS), max(nows), min(ends))

    def run(self, asks: Sequence[Ask]) -> list[Reply]:
        replies: dict[int, Reply] = {}
        with as_absence():
            for node, places in self._by_node(asks):
                got = node.run([self._call(node, asks[place]) for place in places], self._settings)
                replies.update(zip(places, map(layout.read_reply, got), strict=True))
        return [replies[place] for place in range(len(asks))]

    def end(self, session: str) -> None:
        with as_absence():
            for node in self._opened():
                node.forget(session)
            self._opened()[0].knock(session)

    def knock(self, session: str) -> None:
        # On a connection of its own: a store that opens may renew in the same moment, in another thread.
        caller = Node("", self._servers.any())
        try:
            with as_absence():
                caller.knock(session)
        finally:
            caller.close()

    def interrupt(self) -> None:
        """Nothing to do: redis-py gives up by itself after its socket's time-out."""

    def close(self) -> None:
        nodes, self._nodes, self._node_of = self._nodes, [], {}
        for node in nodes:
            node.close()

    def ear(self) -> RedisEar:
        return RedisEar(self._servers)

    def _renew_at(self, node: Node) -> list[Any]:
        ttl_ms = int(self._settings.ttl * 1000)
        arguments = (self._incarnation, node.identity, ttl_ms, layout.MEMORY_OF_SESSIONS_MS, *self._quiet)
        names = [(layout.session_name(shard, self._session), layout.era_name(shard)) for shard in node.shards]
        with as_absence():
            replies = node.run([(_SHAS["renew"], 2, *pair, *arguments) for pair in names], self._settings)
        if any(reply[0] == b"S" for reply in replies):
            raise EngineAway("another connection of this process came first")
        return replies

    def _by_node(self, asks: Sequence[Ask]) -> Iterable[tuple[Node, list[int]]]:
        """Return which of *asks* each node is to be asked, in their order."""
        nodes = self._opened()
        if len(nodes) == 1:
            return [(nodes[0], list(range(len(asks))))]
        places: dict[Node, list[int]] = {}
        for place, ask in enumerate(asks):
            places.setdefault(self._node_of[layout.shard_of(ask.key)], []).append(place)
        return places.items()

    def _call(self, node: Node, ask: Ask) -> tuple[Any, ...]:
        settings = self._settings
        head = (
            *layout.names(ask.key, self._session),
            self._session, self._incarnation, node.identity, self._margin, int(settings.claim * 1000),
            layout.RESERVATION_SECONDS, layout.LONGEST_LATENESS_MS, int(self._servers.is_cluster), *self._quiet,
        )  # fmt: skip
        name, arguments = _call_of(ask)
        return (_SHAS[name], 5, *head, *arguments)

    def _opened(self) -> list[Node]:
        if not self._node_of:
            raise EngineAway("not connected")
        return self._nodes


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
