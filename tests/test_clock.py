"""Clocks and the form in which times are shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krakenonce.clock import ManualClock, SystemClock, parse_rfc3339, rfc3339


def test_the_system_clock_reads_nanoseconds():
    clock = SystemClock()
    assert len(str(clock.wall_ns())) == 19
    assert clock.boot_ns() <= clock.boot_ns()


def test_a_manual_clock_moves_only_when_told():
    clock = ManualClock(wall_ns=100, boot_ns=5)
    clock.advance(10)
    clock.step(-50)
    assert (clock.wall_ns(), clock.boot_ns()) == (60, 15)
    with pytest.raises(ValueError, match="step"):
        clock.advance(-1)


@given(st.integers(0, 4_000_000_000_000_000))
def test_times_survive_the_round_trip_to_the_microsecond(microseconds):
    assert parse_rfc3339(rfc3339(microseconds * 1000)) == microseconds * 1000


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T01:00:00.000000001+01:00", 1),
        ("2026-09-21T14:13:20.000055Z", 1_790_000_000_000_055_000),
        ("2026-09-21T16:13:20.5+02:00", 1_790_000_000_500_000_000),
    ],
)
def test_known_times(text, ns):
    assert parse_rfc3339(text) == ns


@pytest.mark.parametrize("text", ["", "2026-09-21", "2026-09-21T13:33:20", "2026-09-21T13:33:20.1234567890Z", "now"])
def test_other_text_is_refused(text):
    with pytest.raises(ValueError, match="RFC 3339"):
        parse_rfc3339(text)
