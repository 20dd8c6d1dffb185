"""The rule, its bounds, and the units of other software."""

from hypothesis import given
from hypothesis import strategies as st

from krakenonce.nonce import EARLIEST, MAX_NONCE, UNITS, next_nonce, unit_of

NOW = 1_795_000_000 * 10**9


@given(st.integers(0, MAX_NONCE), st.integers(-MAX_NONCE, MAX_NONCE))
def test_the_next_nonce_is_the_smallest_above_last_that_does_not_lag(last, now):
    nonce = next_nonce(last, now)
    assert nonce > last
    assert nonce >= now
    assert nonce in (last + 1, now)


def test_units_are_sorted_and_none_reaches_into_the_next():
    values = [unit.at(NOW) for unit in UNITS]
    assert values == sorted(values)
    assert [unit_of(value) for value in values] == list(UNITS)


def test_nanoseconds_lie_above_every_other_unit_for_ever():
    century = 100 * 365 * 86_400 * 10**9
    assert all(unit.at(NOW + century) < EARLIEST for unit in UNITS[:-1])


def test_dot_net_ticks_lie_below_nanoseconds():
    ticks = NOW // 100 + 621_355_968_000_000_000
    assert unit_of(ticks).name == "10 nanoseconds"
    assert ticks < EARLIEST
