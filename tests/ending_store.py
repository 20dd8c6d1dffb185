"""A store whose grants end by themselves, as leases do, and a process that stands still at the wrong moment."""

from dataclasses import replace

from krakenonce.clock import NS_PER_SECOND
from krakenonce.errors import GrantEnded
from krakenonce.stores.memory import MemoryStore


class EndingStore(MemoryStore):
    """Every grant has to be waited for and lasts for a second.

    Parameters:
        clock: a manual one.
        stops: for how many seconds the process stands still after each grant, before it goes on.
    """

    def __init__(self, clock, *stops):
        super().__init__()
        self._clock, self._stops = clock, list(stops)
        self.grants = 0

    def acquire(self, key, floor):
        return None

    def queue(self, key, floor, wake):
        pending = super().queue(key, floor, wake)
        pending.grant = replace(pending.grant, until_boot_ns=self._clock.boot_ns() + NS_PER_SECOND)
        self._clock.advance(self._stops.pop(0) * NS_PER_SECOND if self._stops else 0)
        self.grants += 1
        return pending

    def renew(self, grant, last):
        raise GrantEnded("the lease of this key is over")
