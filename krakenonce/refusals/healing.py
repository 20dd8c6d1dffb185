"""What to send in a turn, step by step: a probe if the key is on trial, the request, and what follows a refusal. Pure.

A generator yields what to send and is told what came of it. Two thin drivers act on it: the asynchronous client's and
the adapters'. Nothing here reads a clock, a store or a socket; `Ward` is asked.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from krakenonce.clock import NS_PER_SECOND
from krakenonce.kraken.replies import Outcome, Refused
from krakenonce.nonce import MAX_NONCE, UNITS, Unit, unit_of
from krakenonce.refusals.answers import Answer, read_answer
from krakenonce.refusals.causes import Cause, Diagnosis

SHORT_STEP = 2 * NS_PER_SECOND
LONG_STEP = 600 * NS_PER_SECOND
"""How far ahead of the clock a probe may jump within the key's unit. An accepted nonce sets the key's mark for ever."""

PROBE = "GetApiKeyInfo"
"""The call that probes are made with: it needs no permission, changes nothing, and shows the key's nonce and window
(https://docs.kraken.com/api/docs/rest-api/get-api-key-info)."""


@dataclass(frozen=True, slots=True)
class Step:
    """Send the caller's request, or a probe, with a nonce of at least *floor* (0: simply the next one)."""

    is_probe: bool
    floor: int = 0


Talk = Generator[Step, Outcome, Outcome]
"""Yields steps, is sent their outcomes, and returns the outcome of the request."""


class Ward(Protocol):
    """Whoever looks after the key: remembers refusals for all processes, and knows the time."""

    @property
    def consent(self) -> Unit | None:
        """The coarsest unit the operator allows the key to be raised to, if any."""
        ...

    @property
    def has_worked(self) -> bool:
        """True if the exchange has ever accepted a nonce of the key here."""
        ...

    @property
    def refused_nonce(self) -> int:
        """The nonce that was refused last."""
        ...

    def diagnose(self) -> Diagnosis:
        """Return why the last refusal happened, by what is known so far."""
        ...

    def may_risk(self) -> bool:
        """Return True if the key can stand one more refusal now."""
        ...

    def time_ns(self) -> int:
        """Return nanoseconds since 1970: the exchange's date if it says that our clock is behind, else our clock."""
        ...

    def judge_trial(self, outcome: Outcome) -> None:
        """Take in what came of the probe; raises `LaneQuarantined` unless it was accepted."""
        ...

    def conclude(self, answer: Answer) -> str:
        """Take in that healing is over, with the last answer: PASSED, or NONCE if the key is to rest. Returns why."""
        ...


def conversation(ward: Ward, *, probe_first: bool = False, heals: bool = True) -> Talk:
    """Decide what to send in one turn, from the first step to the last.

    The request is sent once, and at most once more: only after a refusal for a nonce that was sent once, which proves
    that it had no effect. Probes are never orders.
    """
    if probe_first:
        ward.judge_trial((yield Step(is_probe=True)))
    outcome = yield Step(is_probe=False)
    if heals and read_answer(outcome) is Answer.NONCE:
        outcome = yield from _heal(ward, outcome)
    return outcome


def _heal(ward: Ward, refusal: Outcome) -> Talk:
    outcome, answer, may_reissue = refusal, Answer.NONCE, True
    cause = ward.diagnose().cause
    for step in ladder(cause, ward.refused_nonce, ward.time_ns(), ward.consent, has_worked=ward.has_worked):
        if answer is not Answer.NONCE or not ward.may_risk():
            break
        reply = yield step
        answer = read_answer(reply)
        if not step.is_probe:
            outcome, may_reissue = reply, False
    if answer is Answer.PASSED and may_reissue and ward.may_risk():
        outcome = yield Step(is_probe=False)
        answer = read_answer(outcome)
    story = ward.conclude(answer)
    return replace(outcome, explanation=story) if isinstance(outcome, Refused) else outcome


def ladder(cause: Cause, refused: int, now_ns: int, consent: Unit | None, *, has_worked: bool = True) -> Sequence[Step]:
    """Return what to try after a refusal, in this order; the first that is accepted ends it. At most two steps.

    With the refusal itself that makes three refusals at the most. Within the unit no step goes further ahead than ten
    minutes; a larger unit is tried only with consent, and then as the last step.

    Parameters:
        cause: the diagnosis of the refusal.
        refused: the refused nonce, which shows the unit.
        now_ns: nanoseconds since 1970, by the better of the two clocks.
        consent: the unit the key may be raised to.
        has_worked: whether any nonce of the key was accepted here. If none was, its mark may lie anywhere: it is
            looked for with probes before the request is sent again.
    """
    unit = unit_of(refused)
    soon, later = (unit.at(now_ns + step) for step in (SHORT_STEP, LONG_STEP))
    soon = soon if soon > refused else later  # our own numbers may run ahead of the clock already
    if cause is Cause.CLOCK_BEHIND:
        steps = [Step(False, unit.at(now_ns + NS_PER_SECOND)), Step(True, later)]  # noqa: FBT003 - is_probe
    elif not has_worked and cause in (Cause.LARGER_UNIT, Cause.FOREIGN_PROGRAM):
        steps = [Step(True, soon), Step(True, later)]  # noqa: FBT003
    else:
        steps = [Step(False), Step(True, soon)]  # noqa: FBT003
    if consent is not None and consent.per_second > unit.per_second:
        steps[-1] = Step(True, consent.at(now_ns + SHORT_STEP))  # noqa: FBT003
    return [step for step in steps if step.floor <= MAX_NONCE]


def unit_named(name: str) -> Unit | None:
    """Return the unit called *name*, such as ``nanoseconds``."""
    return next((unit for unit in UNITS if unit.name == name), None)
