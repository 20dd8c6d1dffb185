"""One lane per key and process, however often the library is imported."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable
from typing import cast

from krakenonce.clock import Clock
from krakenonce.errors import ConfigError
from krakenonce.kraken.credentials import fingerprint
from krakenonce.lanes.lane import Lane
from krakenonce.refusals.firewall import Firewall
from krakenonce.stores.base import NumberSource, Store

# Two copies of this module (a second import path, a reload) must share one registry, or one key would have two lanes.
# The table of modules is the one place that all copies in a process share.
_ANCHOR = "_krakenonce_process_registry"


class LaneRegistry:
    """The lanes of a process, by base URL and fingerprint of the API key. Safe across threads.

    Neither key nor secret is kept.
    """

    def __init__(self) -> None:
        self._lanes: dict[str, Lane] = {}
        self._firewalls: dict[str, Firewall] = {}
        self._lock = threading.RLock()
        _registries.add(self)

    def lane(
        self, api_key: str, base_url: str, store: Store, numbers: Callable[[], NumberSource], clock: Clock
    ) -> Lane:
        """Return the one lane of *api_key* at *base_url*, made at the first call.

        Raises:
            ConfigError: the key is empty or no text, or has a lane on another store already.
        """
        if not api_key or api_key != api_key.strip():
            raise ConfigError("api_key", "empty text, or white space around it", "Give the key as Kraken shows it.")
        name = f"{fingerprint(base_url.rstrip('/'))}:{fingerprint(api_key)}"
        lane = self._lanes.get(name)
        if lane is None:
            with self._lock:
                lane = self._lanes.get(name) or Lane(name, store, numbers(), clock, self._firewall(name, clock))
                self._lanes[name] = lane
        if lane.store.url != store.url:
            raise ConfigError(
                "store",
                f"key {fingerprint(api_key)} has a lane on {lane.store.url} already, asked for {store.url}",
                "Use one store for one key.",
            )
        return lane

    def _firewall(self, name: str, clock: Clock) -> Firewall:
        """Return what stands between all keys of one exchange."""
        exchange = name.partition(":")[0]
        return self._firewalls.setdefault(exchange, Firewall(clock))

    def lanes(self) -> list[Lane]:
        """Return all lanes, in the order in which they were made."""
        return list(self._lanes.values())

    def __len__(self) -> int:
        return len(self._lanes)

    def after_fork_in_child(self) -> None:
        """Renew every lock that a thread of the parent may have held at the moment of the fork."""
        self._lock = threading.RLock()
        for firewall in self._firewalls.values():
            firewall.renew_lock()
        for lane in self._lanes.values():
            lane.after_fork_in_child()


_registries: weakref.WeakSet[LaneRegistry] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for registry in list(_registries):
        registry.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def process_registry() -> LaneRegistry:
    """Return the registry that every import of krakenonce in this process shares."""
    table = cast("dict[str, object]", sys.__dict__)
    return cast("LaneRegistry", table.setdefault(_ANCHOR, LaneRegistry()))
