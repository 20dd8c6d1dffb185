"""The default store: floors and grants of one process, in memory, without a file."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from krakenonce.errors import StoreUnavailable
from krakenonce.nonce import MAX_NONCE
from krakenonce.stores.base import Grant
from krakenonce.stores.recollection import Recollection


class _Slot:
    """One key: its floor, who holds it, who waits."""

    __slots__ = ("floor", "generation", "held", "waiting")

    def __init__(self) -> None:
        self.floor = 0
        self.generation = 0
        self.held = False
        self.waiting: deque[MemoryPending] | None = None  # made on first contention: most keys never see any


class MemoryPending:
    """A place in the queue of one key of a `MemoryStore`."""

    __slots__ = ("_store", "floor", "grant", "key", "wake")

    def __init__(self, store: MemoryStore, key: str, floor: int, wake: Callable[[], None]) -> None:
        self._store, self.key, self.floor, self.wake = store, key, floor, wake
        self.grant: Grant | None = None

    def result(self) -> Grant:
        if self.grant is None:
            raise StoreUnavailable("the memory store was closed while this grant was awaited")
        return self.grant

    def cancel(self) -> None:
        self._store.withdraw(self)


class MemoryStore:
    """Grants for all threads and event loops of one process: exclusive per key, first come first served.

    Lasts as long as the process. After a restart the clock is the floor, which is enough while the clock is right and
    this process is the only one that uses the keys.
    """

    url = "memory://"
    survives_fork = False
    numbers = None

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._slots: dict[str, _Slot] = {}
        self._events = Recollection()

    def acquire(self, key: str, floor: int) -> Grant | None:
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            return None if slot.held else self._grant(key, slot, floor)

    def queue(self, key: str, floor: int, wake: Callable[[], None]) -> MemoryPending:
        pending = MemoryPending(self, key, floor, wake)
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            if slot.held:
                slot.waiting = slot.waiting or deque()
                slot.waiting.append(pending)
                return pending
            pending.grant = self._grant(key, slot, floor)
        wake()
        return pending

    def renew(self, grant: Grant, last: int) -> Grant:
        return grant  # it has no end: high is the end of all numbers

    def release(self, grant: Grant, last: int) -> None:
        with self._lock:
            slot = self._slots[grant.key]
            if not slot.held or slot.generation != grant.generation:
                return
            slot.floor = max(slot.floor, last + 1)
            slot.held = False
            woken = slot.waiting.popleft() if slot.waiting else None
            if woken is not None:
                woken.grant = self._grant(grant.key, slot, woken.floor)
        if woken is not None:
            woken.wake()

    def withdraw(self, pending: MemoryPending) -> None:
        """Take *pending* out of its queue, or release its grant if it has one already."""
        with self._lock:
            grant, pending.grant = pending.grant, None
            waiting = self._slots[pending.key].waiting
            if grant is None and waiting and pending in waiting:
                waiting.remove(pending)
        if grant is not None:
            self.release(grant, grant.low - 1)

    def holder(self, key: str) -> None:
        """Nobody outside this process can hold a key."""

    def note_refusal(self, key: str) -> None:
        """Nobody outside this process would ask: the lane counts its own refusals."""

    def remember(self, key: str, event: str) -> None:
        self._events.add(key, event)

    def remembered(self, key: str) -> tuple[str, ...]:
        return self._events.read(key)

    def close(self) -> None:
        with self._lock:
            waiting = [pending for slot in self._slots.values() for pending in slot.waiting or ()]
            self._slots.clear()
        for pending in waiting:
            pending.wake()

    def _grant(self, key: str, slot: _Slot, floor: int) -> Grant:
        slot.held = True
        slot.generation += 1
        slot.floor = max(slot.floor, floor)
        return Grant(key, slot.floor, MAX_NONCE + 1, None, slot.generation)
