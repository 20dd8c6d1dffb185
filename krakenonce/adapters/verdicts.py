"""What the outcome of a call was, for callers whose client speaks in results and exceptions of its own."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from krakenonce.adapters.outcomes import outcome_of_failure
from krakenonce.kraken.replies import Outcome

ATTRIBUTE = "krakenonce_outcome"
"""The attribute under which an exception of a client's carries the outcome of its call."""


@dataclass(slots=True)
class _Verdict:
    """The outcome of one call, once it is known."""

    owner: object
    outcome: Outcome | None = None


# Set in the caller's context and filled in the call's own, which is a copy of it: both see the same object.
_last: ContextVar[_Verdict | None] = ContextVar("krakenonce_verdict", default=None)


def await_verdict(owner: object) -> None:
    """Begin a call of *owner*: what is noted from here on is its outcome."""
    _last.set(_Verdict(owner))


def note(outcome: Outcome, error: Exception | None) -> None:
    """Note how the call ended, and attach it to the exception it ends in, if it does."""
    verdict = _last.get()
    if verdict is not None:
        verdict.outcome = outcome
    if error is not None:
        setattr(error, ATTRIBUTE, outcome)


def last_outcome(owner: object) -> Outcome | None:
    """Return how the last call of *owner* in this thread or task ended; None if nothing was sent."""
    verdict = _last.get()
    return verdict.outcome if verdict is not None and verdict.owner is owner else None


def outcome_of(error: BaseException) -> Outcome:
    """Return what *error*, raised by a client's private call, says of the request.

    ``Refused``: it had no effect, which is proved. ``Unknown``: it may have executed; look before sending it again.
    Works for exceptions of krakenex, pykrakenapi, python-kraken-sdk and ccxt that went through an installed client, and
    reads the message of any other.
    """
    found: Outcome | None = getattr(error, ATTRIBUTE, None)
    return outcome_of_failure(error) if found is None else found
