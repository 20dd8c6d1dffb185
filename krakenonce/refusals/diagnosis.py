"""From the flight recorder and what the exchange said to one cause. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from krakenonce.clock import NS_PER_SECOND, rfc3339
from krakenonce.nonce import EARLIEST, MAX_NONCE, unit_of
from krakenonce.refusals.causes import Cause, Diagnosis
from krakenonce.refusals.recorder import Flight

TOLERANCE = NS_PER_SECOND
"""A ``Date`` header has whole seconds: what it is ahead by more than this, our clock is behind."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was tried after the refusal: a probe, or the request itself again. *passed* is None if nobody knows."""

    is_probe: bool
    nonce: int
    passed: bool | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything known at the time of a refusal.

    Attributes:
        refused: the refused request.
        flights: the recorder's, oldest first.
        wall_offset: the wall clock minus the boot clock, in nanoseconds.
        date_ns: the ``Date`` of the refusal, in nanoseconds since 1970, if there was one.
        grant_end: the moment of the boot clock up to which the grant allowed sending, if it had an end.
        has_worked: True if any request of the key was ever accepted here.
        key_nonce: the highest nonce the exchange knows of the key, if it was asked.
        key_window: the key's nonce window, if it was asked.
        attempts: what was tried since, in order.
    """

    refused: Flight
    flights: Sequence[Flight] = ()
    wall_offset: int = 0
    date_ns: int | None = None
    grant_end: int | None = None
    has_worked: bool = False
    key_nonce: int | None = None
    key_window: int = 0
    attempts: tuple[Attempt, ...] = ()

    def moment(self, boot_ns: int) -> str:
        """Return a moment of the boot clock as people read it."""
        wall = boot_ns + self.wall_offset
        return rfc3339(wall) if 0 <= wall <= MAX_NONCE else f"{wall} ns"


def diagnose(evidence: Evidence) -> Diagnosis:
    """Return the one cause that *evidence* speaks for. The first rule that has something to say decides."""
    for rule in _RULES:
        found = rule(evidence)
        if found is not None:
            return found
    return _never_worked(evidence) if not evidence.has_worked else _foreign(evidence)


def _own_higher(evidence: Evidence) -> Diagnosis | None:
    """A higher nonce of our own was used before this one was judged."""
    refused = evidence.refused
    tried = {attempt.nonce for attempt in evidence.attempts}
    for flight in evidence.flights:
        overtook = flight.nonce > refused.nonce and flight.nonce not in tried and flight.passed
        overlapped = overtook and (refused.answered_ns == 0 or flight.issued_ns <= refused.answered_ns)
        if flight.nonce == refused.nonce and flight.issued_ns != refused.issued_ns:
            said = f"nonce {refused.nonce} was issued twice, by pid {flight.pid} and pid {refused.pid}"
            return Diagnosis(Cause.OWN_DUPLICATE, (said,))
        if overlapped and 0 < refused.sent_ns <= flight.issued_ns:
            return Diagnosis(Cause.REORDERED, (_overtaken(evidence, flight, "issued after this one was sent"),))
        if overlapped:
            return Diagnosis(Cause.OWN_DUPLICATE, (_overtaken(evidence, flight, "sent before this one"),))
    return None


def _overtaken(evidence: Evidence, flight: Flight, how: str) -> str:
    via = f" on port {flight.connection}" if flight.connection else ""
    when = evidence.moment(flight.issued_ns)
    return f"nonce {flight.nonce} of pid {flight.pid}{via}, issued at {when}, is higher and was {how}"


def _lease(evidence: Evidence) -> Diagnosis | None:
    refused, end = evidence.refused, evidence.grant_end
    moment = max(refused.sent_ns, refused.answered_ns)
    if end is not None and moment > end:
        late = (moment - end) / NS_PER_SECOND
        return Diagnosis(Cause.LEASE_LOST, (f"it was under way {late:.1f} s after its grant had ended",))
    return None


def _clock(evidence: Evidence) -> Diagnosis | None:
    refused, date = evidence.refused, evidence.date_ns
    if date is None or not EARLIEST <= date <= MAX_NONCE:
        return None
    behind = date - (refused.answered_ns + evidence.wall_offset)
    if behind <= TOLERANCE or refused.nonce >= unit_of(refused.nonce).at(date):
        return None
    said = f"the exchange's answer is dated {rfc3339(date)}, our clock was {behind / NS_PER_SECOND:.0f} s behind it"
    return Diagnosis(Cause.CLOCK_BEHIND, (said,))


def _exchange_knows(evidence: Evidence) -> Diagnosis | None:
    """GetApiKeyInfo showed a nonce above everything this process has sent."""
    known = evidence.key_nonce
    ours = max([flight.nonce for flight in evidence.flights] + [attempt.nonce for attempt in evidence.attempts] + [0])
    if known is None or known <= max(ours, evidence.refused.nonce):
        return None
    theirs, our_unit = unit_of(known), unit_of(evidence.refused.nonce)
    if theirs.per_second > our_unit.per_second:
        said = f"the key's nonce is {known}, in {theirs.name} ({theirs.clients}); ours count {our_unit.name}"
        return Diagnosis(Cause.LARGER_UNIT, (said,))
    return Diagnosis(Cause.FOREIGN_PROGRAM, (f"the key's nonce is {known}, and the highest sent here was {ours}",))


def _unreadable(evidence: Evidence) -> Diagnosis | None:
    """A probe passed, and the request behind it, with a higher nonce, did not."""
    passed = [attempt for attempt in evidence.attempts if attempt.is_probe and attempt.passed]
    again = [attempt for attempt in evidence.attempts if not attempt.is_probe and attempt.passed is False]
    if not passed or not again or again[-1].nonce < passed[-1].nonce:
        return None
    said = f"a probe with nonce {passed[-1].nonce} was accepted, the request with {again[-1].nonce} behind it was not"
    return Diagnosis(Cause.UNPARSABLE, (said,))


_RULES: tuple[Callable[[Evidence], Diagnosis | None], ...] = (
    _own_higher, _lease, _clock, _exchange_knows, _unreadable,
)  # fmt: skip


def _foreign(evidence: Evidence) -> Diagnosis:
    ours = [flight for flight in evidence.flights if flight.passed and flight.nonce < evidence.refused.nonce]
    said = [f"{_shown(evidence, evidence.refused)} was refused, and nothing of ours is above it"]
    if ours:
        said.append(f"the last one of ours that was accepted is {_shown(evidence, ours[-1])}")
    said += _attempted(evidence)
    return Diagnosis(Cause.FOREIGN_PROGRAM, tuple(said))


def _never_worked(evidence: Evidence) -> Diagnosis:
    """Nothing of this key has ever been accepted here."""
    if any(attempt.is_probe and attempt.passed for attempt in evidence.attempts):
        return _foreign(evidence)
    refused = evidence.refused
    said = [f"no request of this key has been accepted here yet, and {_shown(evidence, refused)} was refused"]
    said += _attempted(evidence)
    if any(attempt.passed is False for attempt in evidence.attempts):
        said.append("so either the key has seen larger numbers, or the nonce does not arrive as it was signed")
        return Diagnosis(Cause.LARGER_UNIT, tuple(said))
    return Diagnosis(Cause.FOREIGN_PROGRAM, tuple(said))


def _attempted(evidence: Evidence) -> list[str]:
    words = {True: "was accepted", False: "was refused as well", None: "was not answered"}
    return [
        f"{'a probe' if attempt.is_probe else 'the same request'} with {attempt.nonce} {words[attempt.passed]}"
        for attempt in evidence.attempts
    ]


def _shown(evidence: Evidence, flight: Flight) -> str:
    return f"nonce {flight.nonce} (answered {evidence.moment(flight.answered_ns)})"
