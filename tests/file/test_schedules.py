"""G17: cancelled, timed out, interrupted, killed at any moment: the way is never left blocked and never opened early.

The store's and the lane's real code, from `Place` down to the ticket turnstile and the ledger, in processes of a host
in memory: the baton may pass between any two words and any two locks. A failing seed replays the same schedule.
"""

import pytest

from krakenonce.stores.file.layout import GENERATION, slot_at
from krakenonce.stores.file.seat import Seat
from krakenonce.stores.file.turnstile import TicketTurnstile
from tests.file.clients import explore


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


class ForgetfulSeat(Seat):
    """Mutant: whoever leaves with a grant that has already arrived keeps it."""

    def withdraw(self, pending):
        if pending.grant is None:
            super().withdraw(pending)


class HastySeat(Seat):
    """Mutant: whoever leaves the line opens the way for the next, though somebody else of the process holds the key."""

    def withdraw(self, pending):
        super().withdraw(pending)
        self._desk.turnstile.forsake(self._index)


class DeafSeat(Seat):
    """Mutant: who waits in the same process is forgotten when a turn ends."""

    def _move_on(self):
        with self._mutex:
            self._taken = False


class SleepySeat(Seat):
    """Mutant: an interrupted sleeper keeps its place in the queue."""

    def forsake(self, place):
        if place.grant is not None:
            super().forsake(place)


class TrustingTurnstile(TicketTurnstile):
    """Mutant: when the one before is gone, all before it are taken to be gone."""

    def wait(self, index, ticket):
        self._image.words[slot_at(index) + GENERATION] = ticket or 0
        return super().wait(index, ticket)


class KeepingTurnstile(TicketTurnstile):
    """Mutant: a turn that ends does not give its ticket back."""

    def leave(self, index, ticket):
        """Nothing is unlocked."""


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
