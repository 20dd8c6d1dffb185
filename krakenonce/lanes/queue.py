"""Who waits for a lane, in the order in which they will get it. Not locked: the lane's mutex guards it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from krakenonce.lanes.turn import Turn
from krakenonce.lanes.waiters import Waiter


@dataclass(order=True, frozen=True, slots=True)
class Entry:
    """One turn that waits. Sorted by priority, then by the place it took."""

    priority: int
    place: int
    turn: Turn
    waiter: Waiter


class Queue:
    """A heap of entries, in which those who left stay until they are half of it.

    Taking one entry out of a heap costs a pass over all; so many who leave at once would cost the square of their
    number. A turn says by `Turn.queued` whether it still waits.
    """

    __slots__ = ("_entries", "_gone", "_places")

    def __init__(self) -> None:
        self._entries: list[Entry] | tuple[()] = ()  # a list from the first waiter on: most keys never see any
        self._gone = 0
        self._places = 0

    def push(self, turn: Turn, waiter: Waiter) -> None:
        """Put *turn* behind all others of its priority."""
        entries = self._entries or []
        self._entries = entries
        self._places += 1
        turn.queued = True
        heapq.heappush(entries, Entry(turn.priority, self._places, turn, waiter))

    def pop(self) -> Entry | None:
        """Take out and return the first who still waits."""
        while self._entries:
            entry = heapq.heappop(self._entries)
            if entry.turn.queued:
                entry.turn.queued = False
                return entry
            self._gone -= 1
        return None

    def forget(self, turn: Turn) -> None:
        """Let *turn* leave."""
        turn.queued = False
        self._gone += 1
        if self._gone * 2 > len(self._entries):
            self._entries = [entry for entry in self._entries if entry.turn.queued]
            heapq.heapify(self._entries)
            self._gone = 0

    def turns(self) -> Iterator[Turn]:
        """Return those who wait, in no particular order."""
        return (entry.turn for entry in self._entries if entry.turn.queued)

    def __len__(self) -> int:
        return len(self._entries) - self._gone
