"""A key of a store, taken in turn to look at it, and given back unused."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

from krakenonce.errors import StoreUnavailable
from krakenonce.stores import Store
from krakenonce.stores.base import Grant

PATIENCE_S = 15


@contextmanager
def granted(store: Store, key: str) -> Generator[Grant, None, None]:
    """Wait for a grant of *key*, blocking, and give it back unused at the end of the block.

    An engine's store has no grant at once: it learns of the key, and what others remembered of it, when it is granted.

    Raises:
        StoreUnavailable: there was none within `PATIENCE_S` seconds, or the store can't be reached.
    """
    there = threading.Event()
    pending = store.queue(key, 1, there.set)
    try:
        if not there.wait(PATIENCE_S):
            raise StoreUnavailable(f"the key was not free within {PATIENCE_S} s; nothing was changed")
        yield pending.result()
    finally:
        pending.cancel()
