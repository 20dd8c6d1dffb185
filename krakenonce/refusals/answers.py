"""What an outcome says about the key's nonce, and about the key itself. Pure."""

from __future__ import annotations

from enum import Enum

from krakenonce.kraken.catalogue import Action
from krakenonce.kraken.replies import Accepted, Outcome, Refused
from krakenonce.refusals.recorder import Verdict

_CREDENTIALS = ("EAPI:Invalid key", "EAPI:Invalid signature")
_BEHIND_THE_GATE = frozenset({Action.GIVE_UP, Action.LOOK})
_AT_THE_GATE = ("EAPI:", "EAuth:", "ESession:", "EGeneral:Unknown method", "EGeneral:Temporary lockout")


class Answer(Enum):
    """What an outcome says. The value tells how the recorder notes it."""

    PASSED = "the nonce was taken"
    NONCE = "refused for its nonce"
    LOCKOUT = "locked out"
    CREDENTIALS = "key or signature unknown"
    NOTHING = "says nothing about the nonce"


def read_answer(outcome: Outcome) -> Answer:
    """Return what *outcome* says. Any strings whatever may stand in it."""
    if isinstance(outcome, Accepted):
        return Answer.PASSED
    if any(error.startswith("EGeneral:Temporary lockout") for error in outcome.errors):
        return Answer.LOCKOUT
    if not isinstance(outcome, Refused):
        return Answer.NOTHING
    if outcome.invalid_nonce:
        return Answer.NONCE
    if any(error.startswith(_CREDENTIALS) for error in outcome.errors):
        return Answer.CREDENTIALS
    judged = outcome.meaning.action in _BEHIND_THE_GATE and all(map(_is_behind_the_gate, outcome.errors))
    return Answer.PASSED if judged else Answer.NOTHING


def _is_behind_the_gate(error: str) -> bool:
    # What is none of Kraken's strings was said on this side of the wire: nothing was sent.
    return error.startswith("E") and not error.startswith(_AT_THE_GATE)


def verdict_of(outcome: Outcome) -> Verdict:
    """Return how the flight recorder notes *outcome*."""
    if isinstance(outcome, Accepted):
        return Verdict.ACCEPTED
    answer = read_answer(outcome)
    if answer is Answer.PASSED:
        return Verdict.OTHERWISE
    return Verdict.REFUSED if answer is Answer.NONCE else Verdict.UNKNOWN
