"""When failures in a row pause a user, or everybody. Pure."""

from __future__ import annotations

from dataclasses import replace

from krakenonce.copytrader.guards.reasons import Reason, say
from krakenonce.copytrader.journal.records import Standing, State
from krakenonce.copytrader.policy import Guards


def failed(standing: Standing, guards: Guards, why: str, now_ns: int) -> Standing:
    """Return *standing* after a copy that failed for good, because of *why*; paused if that was one too many.

    What was skipped by a guard, or found no counterpart, is no failure.
    """
    counted = replace(standing, failures=standing.failures + 1)
    most = guards.max_failures
    if most is None or counted.failures < most or standing.state is not State.ACTIVE:
        return counted
    reason = say(Reason.FAILURES, f"{counted.failures} copies in a row have failed; the last: {why}")
    return replace(counted, state=State.PAUSED, reason=reason, since_ns=now_ns)


def succeeded(standing: Standing) -> Standing:
    """Return *standing* after a copy that reached the exchange."""
    return replace(standing, failures=0) if standing.failures else standing
