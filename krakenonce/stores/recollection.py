"""Events of keys in the memory of one process."""

from __future__ import annotations

import threading

KEPT = 64


class Recollection:
    """The last events of each key, oldest first. Safe across threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._events: dict[str, tuple[str, ...]] = {}

    def add(self, key: str, event: str) -> None:
        """Append one event."""
        with self._lock:
            self._events[key] = (*self._events.get(key, ()), event)[-KEPT:]

    def read(self, key: str) -> tuple[str, ...]:
        """Return the events of *key*; the same object as long as none was added."""
        return self._events.get(key, ())
