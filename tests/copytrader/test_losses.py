"""A49: losses stop, softly or hard, until somebody re-arms by hand."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from krakenonce.copytrader.guards import losses
from krakenonce.copytrader.guards.losses import looked, rearmed, transferred
from krakenonce.copytrader.guards.reasons import Reason, code_of
from krakenonce.copytrader.journal.records import Standing, State
from krakenonce.copytrader.policy import Guards, Stop
from tests.copytrader.made import SECOND, d

NOON = 1_790_078_400 * SECOND  # 2026-09-22T12:00:00Z
DAY = 86_400 * SECOND
LIMITS = Guards(drawdown=d("0.2"), daily_loss=d(50))


def through(equities, guards=LIMITS, *, every=SECOND, start=NOON, standing=None):
    standing = standing or Standing("USER:anna")
    for number, equity in enumerate(equities):
        standing = looked(standing, guards, d(equity), start + number * every)
    return standing


@pytest.mark.parametrize(("stop", "state"), [(Stop.SOFT, State.SOFT_STOP), (Stop.HARD, State.HARD_STOP)])
@pytest.mark.parametrize(
    ("limits", "equities"),
    [({"drawdown": d("0.2")}, [1000, 1100, 880]), ({"daily_loss": d(50)}, [1000, 1010, 950])],
)
def test_a_limit_that_is_reached_stops(stop, state, limits, equities):
    guards = Guards(stop=stop, **limits)
    stopped = through(equities, guards)
    assert (stopped.state, stopped.since_ns, code_of(stopped.reason)) == (state, NOON + 2 * SECOND, Reason.STOPPED)
    almost = [*equities[:-1], d(equities[-1]) + d("0.01")]
    assert through(almost, guards).state is State.ACTIVE


def test_a_day_begins_at_midnight_utc():
    overnight = through([1000, 960, 930], every=DAY // 4, guards=Guards(daily_loss=d(50)))
    assert (overnight.day, overnight.day_equity, overnight.state) == ("2026-09-23", 930, State.ACTIVE)
    assert through([1000, 960, 949], every=DAY // 8, guards=Guards(daily_loss=d(50))).state is State.SOFT_STOP


def test_a_clock_that_is_set_back_begins_no_day():
    standing = through([1000], start=NOON)
    again = through([990], start=NOON - DAY, standing=standing)
    assert (again.day, again.day_equity) == ("2026-09-22", 1000)


def test_a_stop_lasts_until_it_is_rearmed_by_hand():
    stopped = through([1000, 700])
    later = through([700, 5000, 6000], start=NOON + 3 * DAY, standing=stopped)
    assert (later.state, later.reason, later.since_ns) == (State.SOFT_STOP, stopped.reason, stopped.since_ns)
    again = rearmed(later, d(800), NOON + 4 * DAY)
    assert (again.state, again.peak_equity, again.day_equity, again.failures) == (State.ACTIVE, 800, 800, 0)
    assert through([751], start=NOON + 4 * DAY, standing=again).state is State.ACTIVE
    assert through([750], start=NOON + 4 * DAY, standing=again).state is State.SOFT_STOP


def test_rearmed_without_a_figure_losses_count_from_the_next_look():
    again = rearmed(through([1000, 700]), None, NOON)
    assert through([100], standing=again).state is State.ACTIVE
    assert through([100], standing=again).peak_equity == 100


@pytest.mark.parametrize("state", [State.KILLED, State.LEAVING, State.LEFT, State.HARD_STOP])
def test_a_stop_softens_nothing(state):
    assert through([1000, 1], standing=Standing("USER:anna", state)).state is state


def test_a_paused_user_who_loses_is_stopped():
    """Else resuming would let him go on."""
    assert through([1000, 1], standing=Standing("USER:anna", State.PAUSED)).state is State.SOFT_STOP


def test_money_that_comes_or_goes_is_no_gain_or_loss():
    standing = transferred(through([1000]), d(-500))
    assert through([500], standing=standing).state is State.ACTIVE
    assert through([450], standing=standing).state is State.SOFT_STOP
    assert transferred(Standing("USER:anna"), d(5)) == Standing("USER:anna")


def test_nothing_is_no_peak_to_fall_from():
    assert through([0, 0], Guards(drawdown=d("0.2"))).state is State.ACTIVE


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=50), st.integers(0, 5))
@example([1000, 700, 1000], 0)  # one that falls and recovers, whatever is drawn
def test_equity_never_falls_further_than_the_limit_without_a_stop(equities, hours):
    standing, guards, peak = Standing("USER:anna"), Guards(drawdown=d("0.2")), Decimal(0)
    for number, equity in enumerate(equities):
        before = standing
        standing = looked(standing, guards, d(equity), NOON + number * hours * 3600 * SECOND)
        peak = max(peak, d(equity))
        assert standing.peak_equity == peak
        deep = peak > 0 and d(equity) <= peak * d("0.8")
        assert (standing.state is State.SOFT_STOP) == (deep or before.state is State.SOFT_STOP)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20), st.integers(0, 20))
def test_a_restart_between_two_looks_changes_nothing(equities, cut):
    """The standing is all there is to know: what the journal keeps is enough."""
    standing = through(equities[:cut])
    restored = replace(standing)
    rest = {"start": NOON + cut * SECOND}
    assert through(equities[cut:], standing=restored, **rest) == through(equities[cut:], standing=standing, **rest)


def test_a_stop_that_ends_by_itself_is_found_out(monkeypatch):
    """Positive control."""
    monkeypatch.setattr(losses, "STOPPABLE", frozenset(State))
    whole = losses.looked
    monkeypatch.setattr(
        f"{__name__}.looked", lambda standing, *rest: whole(replace(standing, state=State.ACTIVE), *rest)
    )
    with pytest.raises(AssertionError):
        test_equity_never_falls_further_than_the_limit_without_a_stop()
