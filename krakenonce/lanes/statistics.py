"""What a lane has done so far: its counters, and a snapshot of them."""

from __future__ import annotations

from dataclasses import dataclass

from krakenonce.kraken.replies import Accepted, Outcome, Refused


@dataclass(frozen=True, slots=True)
class LaneStats:
    """What a lane has done so far. A snapshot.

    Attributes:
        turns: turns that were begun.
        issued: nonces that were issued in them.
        accepted, refused, unknown: outcomes that were reported; a turn that ended in an exception counts as unknown.
        waiting: turns that wait for their place now.
        in_flight: 1 while a turn is held, else 0.
        last_nonce: the last nonce issued, 0 before the first.
    """

    turns: int
    issued: int
    accepted: int
    refused: int
    unknown: int
    waiting: int
    in_flight: int
    last_nonce: int


class Tally:
    """Counts turns and their outcomes. The lane counts turns under its lock; the holder counts outcomes."""

    __slots__ = ("accepted", "refused", "turns", "unknown")

    def __init__(self) -> None:
        self.turns = self.accepted = self.refused = self.unknown = 0

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        if isinstance(outcome, Accepted):
            self.accepted += 1
        elif isinstance(outcome, Refused):
            self.refused += 1
        else:
            self.unknown += 1
