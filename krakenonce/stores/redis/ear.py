"""The connection on which Redis pushes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from krakenonce.stores.leases.engine import EngineAway, Message
from krakenonce.stores.redis import layout
from krakenonce.stores.redis.failures import as_absence
from krakenonce.stores.redis.nodes import Servers


class RedisEar:
    """A subscription to one process's channel."""

    def __init__(self, servers: Servers) -> None:
        self._servers, self._edition = servers, servers.edition
        self._client: Any = None
        self._pubsub: Any = None
        self._pinged = False

    def open(self, session: str) -> None:
        self.close()
        self._pinged = False
        self._edition = self._servers.edition
        with as_absence():
            self._client = self._servers.any()
            self._pubsub = self._client.pubsub(ignore_subscribe_messages=False)
            self._pubsub.subscribe(layout.channel(session))
            if self._pubsub.get_message(timeout=2.0) is None:
                raise EngineAway("the subscription was not confirmed")

    def hear(self, seconds: float) -> Sequence[Message]:
        with as_absence():
            got = self._pubsub.get_message(timeout=seconds)
            if got is None:
                self._check_life()
                return ()
        self._pinged = False
        return (layout.read_message(got["data"].decode()),) if got["type"] == "message" else ()

    def close(self) -> None:
        pubsub, client = self._pubsub, self._client
        self._pubsub = self._client = None
        for thing in (pubsub, client):
            if thing is not None:
                with suppress(Exception):  # whatever a broken connection does at its end, it is gone
                    thing.close()

    def _check_life(self) -> None:
        """Ping a connection that was silent; if the last ping was not answered, it is half open.

        A node that its cluster has cut off answers pings, and hears of nothing.
        """
        if self._edition != self._servers.edition:
            raise EngineAway("other nodes have taken over")
        if self._pinged:
            raise EngineAway("the connection for pushes is half open")
        self._pubsub.ping()
        self._pinged = True
