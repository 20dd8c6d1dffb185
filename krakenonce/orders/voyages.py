"""A commit on its way to the disk and back: what a thread and an event loop tell each other of it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Generic, TypeVar

R = TypeVar("R")

PATIENCE_S = 0.001
"""For how long the loop waits for a disk when there is nothing else to do: to be called takes it half of that."""


class Voyage(Generic[R]):
    """One commit. The thread departs and arrives, the loop waits for both.

    Bare locks, because events cost as much as what they are to save.
    """

    __slots__ = ("_arrival", "_departure", "_is_awaited", "_result")

    def __init__(self) -> None:
        self._departure, self._arrival = threading.Lock(), threading.Lock()
        self._departure.acquire()
        self._arrival.acquire()
        self._result: Sequence[R] | Exception | None = None
        self._is_awaited = True

    def depart(self) -> None:
        """Nothing is left but to wait for the disk. Safe to call twice."""
        if self._departure.locked():
            self._departure.release()

    def arrive(self, result: Sequence[R] | Exception) -> bool:
        """It is over. Returns whether the loop has gone on, and must be called."""
        self._result = result
        self.depart()
        self._arrival.release()
        return not self._is_awaited

    def await_departure(self) -> None:
        """Wait until nothing is left but to wait for the disk."""
        self._departure.acquire()

    def await_arrival(self) -> Sequence[R] | Exception | None:
        """Return what came of it, after a moment if need be; None: `arrive` will tell that the loop must be called."""
        if self._result is None and self._is_awaited:
            self._arrival.acquire(timeout=PATIENCE_S)
            # In this order: whoever arrives now either sees this, or is seen in what is returned.
            self._is_awaited = False
        return self._result
