"""The store of a process: leases of an engine, handed out to lanes without a round trip."""

from __future__ import annotations

import os
from collections.abc import Callable

from krakenonce.clock import Clock
from krakenonce.errors import ConfigError, ForkedProcess, StoreUnavailable
from krakenonce.stores.base import Grant, Holder
from krakenonce.stores.leases.book import Book
from krakenonce.stores.leases.driver import Driver
from krakenonce.stores.leases.engine import Engine, EngineAway
from krakenonce.stores.leases.floors import Floors
from krakenonce.stores.leases.plumbing import Plumbing
from krakenonce.stores.leases.settings import LeaseSettings
from krakenonce.stores.leases.slots import Effects, Pending


class LeasedStore:
    """Grants for many hosts: exclusive per key, first come first served across all of them.

    The engine's clock is the only one that counts. A lease stays with the process that used it last, until another
    process wants it; so one that is alone with its keys asks the engine only every third of the time-to-live. One with
    more to send keeps a key that others want for `LeaseSettings.quantum`, since it was granted.

    Parameters:
        url: the address, fit for printing.
        engine: where leases come from. The store closes it.
        settings: how long leases last.
        clock: leases are counted by its boot time.
        plumbing: threads and timers; the real ones unless given.

    Raises:
        ConfigError: the engine is set up so that floors could be lost.
        StoreUnavailable: it can't be reached.
    """

    survives_fork = False
    numbers = None

    def __init__(
        self, url: str, engine: Engine, settings: LeaseSettings, clock: Clock, plumbing: Plumbing | None = None
    ) -> None:
        self.url = url
        self._pid = os.getpid()
        self._closed = False
        plumbing = plumbing or Plumbing()
        timer = plumbing.timer()
        self._driver = Driver(engine, settings, clock, timer, plumbing)
        self._floors = Floors(settings.floors) if settings.floors else None
        self._book = Book(settings, clock, timer, self._act, self._driver.void_asks, self._floors)
        try:
            self._driver.start(self._book)
        except ConfigError:
            self._driver.close([])
            raise
        except EngineAway as error:
            self._driver.close([])
            raise StoreUnavailable(f"{url} can't be reached: {error}") from None

    def acquire(self, key: str, floor: int) -> Grant | None:
        """Return a grant if the lease is here; None also if only the engine knows whether it is free: then `queue`.

        So the caller's thread, which may run an event loop, never waits for the network.
        """
        self._check()
        return self._book.acquire(key, floor)

    def queue(self, key: str, floor: int, wake: Callable[[], None]) -> Pending:
        self._check()
        return self._book.queue(key, floor, wake)

    def renew(self, grant: Grant, last: int) -> Grant:
        return self._book.renew(grant, last)

    def release(self, grant: Grant, last: int) -> None:
        self._book.release(grant, last)

    def linger(self, grant: Grant, last: int) -> None:
        self._book.release(grant, last, is_followed=True)

    def forgo(self, key: str) -> None:
        self._book.forgo(key)

    def holder(self, key: str) -> Holder | None:
        return None

    def note_refusal(self, key: str) -> None:
        self._book.doubt(key)

    def remember(self, key: str, event: str) -> None:
        self._book.remember(key, event)

    def remembered(self, key: str) -> tuple[str, ...]:
        return self._book.remembered(key)

    def close(self) -> None:
        if not self._closed and self._pid == os.getpid():
            self._closed = True
            self._driver.close(self._book.give_back_all())
            if self._floors is not None:
                self._floors.close()

    def _act(self, effects: Effects) -> None:
        if effects.asks or self._book.is_awaited:
            self._driver.ask(effects.asks, effects.wake_all)
        else:
            effects.wake_all()

    def _check(self) -> None:
        if self._pid != os.getpid():
            raise ForkedProcess("this store was opened before the fork; open one in the child, it shares the engine")
        if self._closed:
            raise StoreUnavailable("this store is closed")
