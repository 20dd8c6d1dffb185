"""A Redis cluster: who keeps which shard, found out anew at each connection.

redis-py's own cluster client is not used. It follows a slot to another server in silence, and a lease must not survive
that unnoticed: the one that took over may have lost the last writes. Here each "moved" is a lost connection. After it
the shards are looked up, each server says who it is, and a new era begins where that has changed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from redis.crc import key_slot
from redis.exceptions import RedisError, ResponseError

from krakenonce.errors import ConfigError
from krakenonce.stores.leases.engine import EngineAway
from krakenonce.stores.redis import layout

if TYPE_CHECKING:
    from redis import Redis

Address = tuple[str, int]

MOST_SKEW = 1.0
"""Seconds that the clocks of a cluster's nodes may differ by. Numbers follow the one that is ahead."""
EXTRA_MARGIN = 2
"""Seconds, added to the margin on a cluster: a promoted node may be behind one that was ahead."""


class Cluster:
    """The nodes of a cluster.

    Parameters:
        seeds: nodes to ask who is there; any one that answers will do.
        client: makes a client with a fresh connection to an address.
    """

    is_cluster = True

    def __init__(self, seeds: Sequence[Address], client: Callable[[Address], Redis]) -> None:
        self._seeds, self._make = tuple(seeds), client
        self._masters: tuple[Address, ...] = ()
        self._turns = itertools.count()
        self.edition = 0

    def clients(self) -> Iterator[tuple[str, Redis]]:
        shards: dict[Address, str] = {}
        slots = self._slots()
        for shard in layout.SHARDS:
            address = _keeper(slots, key_slot(shard.encode()))
            shards[address] = shards.get(address, "") + shard
        if set(shards) != set(self._masters):
            self._masters, self.edition = tuple(shards), self.edition + 1
        for address, kept in shards.items():
            yield kept, self._make(address)

    def any(self) -> Redis:
        addresses = self._masters or self._seeds
        return self._make(addresses[next(self._turns) % len(addresses)])

    def _slots(self) -> list[tuple[int, int, Address]]:
        """Ask one node after the other which slots each master has. Begin with another one each time.

        One that is cut off from the rest would go on naming those that were there before.
        """
        known = tuple(dict.fromkeys((*self._masters, *self._seeds)))
        first = next(self._turns)
        failure: Exception | None = None
        for place in range(len(known)):
            address = known[(first + place) % len(known)]
            try:
                return self._ask(address)
            except (RedisError, OSError) as error:
                failure = error
        raise EngineAway(f"no node of the cluster answers: {type(failure).__name__}")

    def _ask(self, address: Address) -> list[tuple[int, int, Address]]:
        with self._make(address) as client:
            try:
                rows: Any = client.execute_command("CLUSTER", "SLOTS")
            except ResponseError as error:
                if "cluster support disabled" in str(error):
                    raise ConfigError(
                        "store", "a cluster URL and a Redis without cluster support", "Write redis://."
                    ) from None
                raise
        return [(row[0], row[1], _address(row[2], address)) for row in rows]


def _address(entry: Sequence[Any], asked: Address) -> Address:
    """Return where a node is. One that does not know its own name is where it was asked."""
    host = (entry[0] or b"").decode()
    return (host if host not in ("", "?") else asked[0], entry[1])


def _keeper(slots: Sequence[tuple[int, int, Address]], slot: int) -> Address:
    for first, last, address in slots:
        if first <= slot <= last:
            return address
    raise EngineAway(f"no node of the cluster has slot {slot}")
