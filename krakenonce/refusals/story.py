"""The story of a key, told from its events: what happened, why, what was done, what to do. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from krakenonce.clock import NS_PER_MS, rfc3339
from krakenonce.nonce import MAX_NONCE
from krakenonce.refusals.events import Event
from krakenonce.refusals.recorder import Flight
from krakenonce.refusals.standing import BUDGET, standing_of

TRAIL = 4
"""How many flights before a refused one are written beside it."""

_WORDS = {
    "refused": "a nonce was refused",
    "healed": "nonces pass again",
    "opened": "quarantine",
    "closed": "quarantine over: a request was accepted",
    "lifted": "quarantine lifted by the operator",
    "allowed": "the operator said which unit the key may be raised to",
}


def trail_of(flights: Sequence[Flight], wall_offset: int) -> str:
    """Return the last *flights* as text, one a line: when each was issued, how long it took, what came of it."""
    return "\n".join(_flight(flight, wall_offset) for flight in flights[-TRAIL - 1 :])


def _flight(flight: Flight, wall_offset: int) -> str:
    sent = f"sent +{(flight.sent_ns - flight.issued_ns) / NS_PER_MS:.1f} ms" if flight.sent_ns else "not sent"
    taken = (flight.answered_ns - flight.issued_ns) / NS_PER_MS
    answered = f"answered +{taken:.1f} ms" if flight.answered_ns else "no answer"
    port = f"port {flight.connection}" if flight.connection else "port ?"
    words = (str(flight.nonce), _moment(flight.issued_ns + wall_offset), sent, answered, port, f"pid {flight.pid}")
    return "  ".join((*words, flight.verdict.name.lower()))


def tell(name: str, events: Sequence[Event], now_ns: int) -> str:
    """Return the story of the key called *name* as text for people.

    Parameters:
        name: its fingerprint, or account and fingerprint.
        events: oldest first.
        now_ns: nanoseconds since 1970, to say where it stands.
    """
    if not events:
        return f"key {name}: nothing was ever refused"
    lines = [f"key {name}: {_standing(events, now_ns)}"]
    for event in events:
        lines += _paragraph(event)
    return "\n".join(lines)


def _standing(events: Sequence[Event], now_ns: int) -> str:
    standing = standing_of(events)
    until = max(standing.until_ns if standing.is_open else 0, standing.budget_end(now_ns))
    most, span = BUDGET[0]
    recent = sum(now_ns - span < moment <= now_ns for moment in standing.refusals)
    budget = f"{recent} of {most} refusals used in the last minute"
    if until > now_ns:
        return f"sends nothing until {_moment(until)}; {budget}"
    return f"on trial: the next call sends one probe first; {budget}" if standing.is_open else f"in use; {budget}"


def _paragraph(event: Event) -> list[str]:
    until = f" until {_moment(event.until_ns)}" if event.until_ns else ""
    cause = f" [{event.cause.lower().replace('_', ' ')}]" if event.cause else ""
    lines = [f"{_moment(event.at_ns)}  pid {event.pid}  {_WORDS[event.kind]}{until}{cause}"]
    lines += [f"    {event.text}"] if event.text else []
    return lines + [f"      {line}" for line in event.trail.splitlines()]


def _moment(ns: int) -> str:
    return rfc3339(ns) if 0 <= ns <= MAX_NONCE else "?"
