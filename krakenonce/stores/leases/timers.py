"""Things to do later, on one thread."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable

from krakenonce.clock import Clock
from krakenonce.stores.leases.settings import NS


class Timers:
    """Calls functions after a while, one after the other. They must return at once. Safe from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._places = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="krakenonce-timers", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Call *action* after *seconds*."""
        due = self._clock.boot_ns() + int(seconds * NS)
        with self._changed:
            heapq.heappush(self._due, (due, next(self._places), action))
            if self._due[0][0] == due:
                self._changed.notify()

    def close(self) -> None:
        """Forget everything and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(1.0)

    def _run(self) -> None:
        while True:
            action = self._next()
            if action is None:
                return
            action()

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._closed:
                if not self._due:
                    self._changed.wait()
                    continue
                remaining = self._due[0][0] - self._clock.boot_ns()
                if remaining <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(remaining / NS)
            return None
