"""Waiting for a grant, in a test."""

from __future__ import annotations

import threading

from krakenonce.stores.base import Grant, PendingGrant, Store

PATIENCE = 20.0
"""Seconds after which a test stops to wait. Nothing here waits that long unless something is broken."""


class Waiting:
    """A place in a store's queue, and whether it was woken."""

    def __init__(self, store: Store, key: str, floor: int = 0) -> None:
        self.wakes = 0
        self._woken = threading.Event()
        self.pending: PendingGrant = store.queue(key, floor, self._wake)

    def _wake(self) -> None:
        self.wakes += 1
        self._woken.set()

    @property
    def is_woken(self) -> bool:
        """True once the store has called."""
        return self._woken.is_set()

    def grant(self) -> Grant:
        """Return the grant; waits for the wake-up."""
        if not self._woken.wait(PATIENCE):
            raise AssertionError("the store never woke the waiter")
        return self.pending.result()


def take(store: Store, key: str, floor: int = 0) -> Grant:
    """Return a grant, at once or after waiting, as a lane does it."""
    return store.acquire(key, floor) or Waiting(store, key, floor).grant()
