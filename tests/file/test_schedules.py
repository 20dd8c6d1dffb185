"""G17: cancelled, timed out, interrupted, killed at any moment: the way is never left blocked and never opened early.

The store's and the lane's real code, from `Place` down to the ticket turnstile and the ledger, in processes of a host
in memory: the baton may pass between any two words and any two locks. A failing seed replays the same schedule.
"""

import pytest

from tests.file.clients import explore
from tests.file.mutants import DeafSeat, ForgetfulSeat, HastySeat, KeepingTurnstile, SleepySeat, TrustingTurnstile


def test_three_thousand_schedules():
    tally, failure = explore(range(3000))
    print(dict(tally))
    assert failure is None
    assert min(tally[what] for what in ("turns", "kills", "GaveUp", "Interrupted")) > 100, "nothing was put to the test"


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_schedules():
    tally, failure = explore(range(10_000, 110_000))
    print(dict(tally))
    assert failure is None
    assert tally["schedules"] == 100_000


@pytest.mark.parametrize("seat", [ForgetfulSeat, HastySeat, DeafSeat, SleepySeat])
def test_the_schedules_see_a_broken_seat(seat):
    """G20."""
    tally, failure = explore(range(3000), seat_class=seat)
    print(tally["schedules"], failure)
    assert failure is not None


@pytest.mark.parametrize("turnstile", [TrustingTurnstile, KeepingTurnstile])
def test_the_schedules_see_a_broken_turnstile(turnstile):
    """G20."""
    tally, failure = explore(range(3000), turnstile_class=turnstile)
    print(tally["schedules"], failure)
    assert failure is not None


def test_the_same_seed_is_the_same_schedule():
    first, second = (explore([77]) for _ in range(2))
    assert first == second
