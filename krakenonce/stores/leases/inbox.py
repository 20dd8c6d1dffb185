"""What the engine is to be asked next."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

from krakenonce.stores.leases.engine import Ask, Remember

_BATCH = 256


class Inbox:
    """Asks in the order in which they came. Filled by any thread, emptied by one."""

    def __init__(self) -> None:
        self._asks: deque[Ask] = deque()
        self._changed = threading.Condition()
        self._renewal_due = False
        self.closed = False

    def put(self, asks: Iterable[Ask]) -> None:
        """Add *asks* at the end, and wake whoever takes them."""
        self.add(asks)
        self.call()

    def add(self, asks: Iterable[Ask]) -> None:
        """Add *asks* at the end; `call` comes soon."""
        with self._changed:
            self._asks.extend(asks)

    def call(self) -> None:
        """Wake whoever takes what was added."""
        with self._changed:
            self._changed.notify()

    def put_back(self, asks: list[Ask]) -> None:
        """Add *asks* at the beginning."""
        with self._changed:
            self._asks.extendleft(reversed(asks))

    def void(self) -> None:
        """Forget every ask but what is to be remembered: it was asked by a session that has begun anew since."""
        with self._changed:
            self._asks = deque(ask for ask in self._asks if isinstance(ask, Remember))

    def left(self) -> list[Ask]:
        """Return what was not asked before the end and concerns others: what is to be remembered."""
        with self._changed:
            return [ask for ask in self._asks if isinstance(ask, Remember)]

    def demand_renewal(self) -> None:
        """Have the session renewed before anything else."""
        with self._changed:
            self._renewal_due = True
            self._changed.notify()

    def take(self) -> tuple[bool, list[Ask]]:
        """Wait for something, and return whether the session is to be renewed, and a batch of asks."""
        with self._changed:
            while not (self._asks or self._renewal_due or self.closed):
                self._changed.wait()
            due, self._renewal_due = self._renewal_due, False
            return due, [self._asks.popleft() for _ in range(min(len(self._asks), _BATCH))]

    def pause(self, seconds: float) -> None:
        """Wait for *seconds*, or until closed."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed, seconds)

    def close(self) -> None:
        """Wake whoever waits, for good."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()
