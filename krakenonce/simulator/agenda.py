"""What the exchange has to do at a given moment: expire an order, move the prices, fire a dead man's switch."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count


@dataclass(order=True, slots=True)
class Appointment:
    """One action at one moment. Call it off by setting *action* to None."""

    due_ns: int
    number: int
    action: Callable[[], None] | None = field(compare=False)

    def call_off(self) -> None:
        """Make sure it does not happen."""
        self.action = None


class Agenda:
    """Appointments in the order of their time, then of their making. Belongs to one thread."""

    def __init__(self) -> None:
        self._heap: list[Appointment] = []
        self._numbers = count()

    def at(self, due_ns: int, action: Callable[[], None]) -> Appointment:
        """Have *action* called once the exchange's time reaches *due_ns*."""
        appointment = Appointment(due_ns, next(self._numbers), action)
        heapq.heappush(self._heap, appointment)
        return appointment

    def next_due(self) -> int | None:
        """Return when the next appointment is due, in nanoseconds, or None."""
        while self._heap and self._heap[0].action is None:
            heapq.heappop(self._heap)
        return self._heap[0].due_ns if self._heap else None

    def pop_due(self, now_ns: int) -> Appointment | None:
        """Take out and return the next appointment that is due at *now_ns*, if there is one."""
        due_ns = self.next_due()
        return heapq.heappop(self._heap) if due_ns is not None and due_ns <= now_ns else None
