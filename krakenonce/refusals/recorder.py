"""The flight recorder: the last thousand nonces of one key, and what became of each."""

from __future__ import annotations

from array import array
from enum import IntEnum
from typing import NamedTuple

KEPT = 1000
"""How many nonces are remembered per key and process: 56 bytes each, and none before the first is issued."""

_NONCE, _ISSUED, _SENT, _ANSWERED, _CONNECTION, _PID, _VERDICT, _WORDS = range(8)


class Verdict(IntEnum):
    """What is known of one nonce."""

    OPEN = 0
    ACCEPTED = 1
    REFUSED = 2
    OTHERWISE = 3
    UNKNOWN = 4


class Flight(NamedTuple):
    """One nonce on its way. All moments are of the boot clock, in nanoseconds; 0 for what has not happened.

    Attributes:
        nonce: the number.
        issued_ns, sent_ns, answered_ns: when it was issued, handed to the network, and judged.
        connection: the local port it left from; 0 if the client does not tell.
        pid: the process that issued it.
        verdict: ACCEPTED or REFUSED for its nonce; OTHERWISE: refused for something else, so the nonce was good;
            UNKNOWN: the answer was lost.
    """

    nonce: int
    issued_ns: int = 0
    sent_ns: int = 0
    answered_ns: int = 0
    connection: int = 0
    pid: int = 0
    verdict: Verdict = Verdict.OPEN

    @property
    def passed(self) -> bool:
        """True if the exchange took the nonce, whatever it thought of the rest of the request."""
        return self.verdict in (Verdict.ACCEPTED, Verdict.OTHERWISE)


class FlightRecorder:
    """A ring of flights. The holder of the lane writes; anybody may read.

    One request is in flight at a time, so what is noted always belongs to the nonce that was issued last.
    """

    __slots__ = ("_last", "_rows")

    def __init__(self) -> None:
        self._rows = array("q")
        self._last = -_WORDS

    def issued(self, nonce: int, boot_ns: int, pid: int) -> None:
        """Begin a flight."""
        rows, row = self._rows, (nonce, boot_ns, 0, 0, 0, pid, 0)
        self._last += _WORDS
        if len(rows) < KEPT * _WORDS:
            rows.extend(row)
            return
        if self._last == len(rows):
            self._last = 0
        rows[self._last : self._last + _WORDS] = array("q", row)

    def sent(self, boot_ns: int, connection: int = 0) -> None:
        """Note that the request is being handed to the network."""
        if self._rows:
            self._rows[self._last + _SENT] = boot_ns
            self._rows[self._last + _CONNECTION] = connection

    def left_by(self, connection: int) -> None:
        """Note the local port, for clients that show it only when the answer comes."""
        if self._rows:
            self._rows[self._last + _CONNECTION] = connection

    def answered(self, boot_ns: int, verdict: Verdict) -> None:
        """Note how the exchange judged the nonce."""
        if self._rows:
            self._rows[self._last + _ANSWERED] = boot_ns
            self._rows[self._last + _VERDICT] = verdict

    @property
    def last(self) -> Flight | None:
        """The flight that began last."""
        return self._flight(self._last) if self._rows else None

    def flights(self) -> list[Flight]:
        """Return what is remembered, oldest first."""
        size = len(self._rows)
        return [self._flight((self._last + offset) % size) for offset in range(_WORDS, size + _WORDS, _WORDS)]

    def __len__(self) -> int:
        return len(self._rows) // _WORDS

    def _flight(self, start: int) -> Flight:
        nonce, issued, sent, answered, connection, pid, verdict = self._rows[start : start + _WORDS]
        return Flight(nonce, issued, sent, answered, connection, pid, Verdict(verdict))
