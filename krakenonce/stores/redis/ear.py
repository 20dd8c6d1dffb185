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
        self._session = ""

    def open(self, session: str) -> None:
        self.close()
        self._session = session
        self._subscribe()

    def hear(self, seconds: float) -> Sequence[Message]:
        if self._edition != self._servers.edition:
            return self._move()
        with as_absence():
            got = self._pubsub.get_message(timeout=seconds)
            if got is None:
                self._check_life()
                return ()
        self._pinged = False
        return _read(got)

    def close(self) -> None:
        pubsub, client = self._pubsub, self._client
        self._pubsub = self._client = None
        _close(pubsub, client)

    def _subscribe(self) -> None:
        self._pinged = False
        self._edition = self._servers.edition
        with as_absence():
            self._client = self._servers.any()
            self._pubsub = self._client.pubsub(ignore_subscribe_messages=False)
            self._pubsub.subscribe(layout.channel(self._session))
            if self._pubsub.get_message(timeout=2.0) is None:
                raise EngineAway("the subscription was not confirmed")

    def _move(self) -> list[Message]:
        """Listen at another node before leaving this one: what is pushed in between would be lost.

        A node that its cluster has left behind answers pings, and hears of nothing.
        """
        pubsub, client, heard = self._pubsub, self._client, list[Message]()
        try:
            self._subscribe()
            with suppress(Exception):  # that node may be gone
                while got := pubsub.get_message(timeout=0.0):
                    heard.extend(_read(got))
        finally:
            _close(pubsub, client)
        return heard

    def _check_life(self) -> None:
        """Ping a connection that was silent; if the last ping was not answered, it is half open."""
        if self._pinged:
            raise EngineAway("the connection for pushes is half open")
        self._pubsub.ping()
        self._pinged = True


def _read(got: dict[str, Any]) -> tuple[Message, ...]:
    return (layout.read_message(got["data"].decode()),) if got["type"] == "message" else ()


def _close(*things: Any) -> None:
    for thing in things:
        if thing is not None:
            with suppress(Exception):  # whatever a broken connection does at its end, it is gone
                thing.close()
