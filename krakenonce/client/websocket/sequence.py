"""Whether a message of a counted channel follows the one before it. Pure.

Kraken numbers the messages of each subscription of ``executions`` and ``balances`` and offers no way to ask for a
missing one (https://docs.kraken.com/api/docs/websocket-v2/executions). Where the count begins is not documented, so the
first number is taken as it comes.
"""

from __future__ import annotations

from enum import Enum


class Continuity(Enum):
    """How a message stands to the one before."""

    NEXT = "it follows"
    REPEATED = "it is the one before once more"
    GAP = "something is missing between the two"


class SequenceWatch:
    """Watches one subscription. A new subscription needs a new watch."""

    __slots__ = ("_last", "gaps")

    def __init__(self) -> None:
        self._last: int | None = None
        self.gaps = 0

    def look(self, sequence: int | None) -> Continuity:
        """Take in the number of the next message; one without a number says nothing, and follows."""
        last = self._last
        if sequence is None:
            return Continuity.NEXT
        self._last = sequence
        if last is None or sequence == last + 1:
            return Continuity.NEXT
        if sequence == last:
            return Continuity.REPEATED
        self.gaps += 1
        return Continuity.GAP
