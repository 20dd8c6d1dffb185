"""Who waits for a lane, in the order in which they will get it. Not locked: the lane's mutex guards it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from krakenonce.lanes.place import Place
from krakenonce.lanes.waiters import Waiter


@dataclass(order=True, frozen=True, slots=True)
class Entry:
    """One who waits. Sorted by priority, then by when it came."""

    priority: int
    arrival: int
    place: Place
    waiter: Waiter


class Queue:
    """A heap of entries, in which those who left stay until they are half of it.

    Taking one entry out of a heap costs a pass over all; so many who leave at once would cost the square of their
    number. A place says by `Place.queued` whether it still waits.
    """

    __slots__ = ("_arrivals", "_entries", "_gone")

    def __init__(self) -> None:
        self._entries: list[Entry] | tuple[()] = ()  # a list from the first waiter on: most keys never see any
        self._gone = 0
        self._arrivals = 0

    def push(self, place: Place, waiter: Waiter) -> None:
        """Put *place* behind all others of its priority."""
        entries = self._entries or []
        self._entries = entries
        self._arrivals += 1
        place.queued = True
        heapq.heappush(entries, Entry(place.priority, self._arrivals, place, waiter))

    def pop(self) -> Entry | None:
        """Take out and return the first who still waits."""
        while self._entries:
            entry = heapq.heappop(self._entries)
            if entry.place.queued:
                entry.place.queued = False
                return entry
            self._gone -= 1
        return None

    def forget(self, place: Place) -> None:
        """Let *place* leave."""
        place.queued = False
        self._gone += 1
        if self._gone * 2 > len(self._entries):
            self._entries = [entry for entry in self._entries if entry.place.queued]
            heapq.heapify(self._entries)
            self._gone = 0

    def places(self) -> Iterator[Place]:
        """Return those who wait, in no particular order."""
        return (entry.place for entry in self._entries if entry.place.queued)

    def __len__(self) -> int:
        return len(self._entries) - self._gone
