"""What is held, what goes on, and in which order: without an exchange."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from krakenonce.copytrader.feed.intake import Intake
from krakenonce.copytrader.feed.sieve import Sieve
from krakenonce.copytrader.records import MasterFill

ONE = Decimal(1)


def fill(number):
    return MasterFill("MASTER", f"T{number:04}", f"O{number}", "XXBTZUSD", "buy", ONE, ONE, 1000 + number, 0)


def intake(cursor_ns=1000, overlap_ns=20, volumes=lambda _: (True, ONE)):
    sieve = Sieve(overlap_ns)
    sieve.begin(cursor_ns)
    return Intake(sieve, volumes)


def numbers(fills):
    return [int(one.exec_id[1:]) for one in fills]


def test_in_doubt_fills_are_held_and_afterwards_go_in_order():
    made = intake()
    for number in (3, 1, 2):
        assert made.hear(fill(number))
    assert made.ready() == []
    made.clear()
    assert numbers(made.ready()) == [1, 2, 3]
    made.hear(fill(5))
    assert numbers(made.ready()) == [5]


def test_what_the_books_show_goes_before_what_came_meanwhile():
    made = intake()
    made.hear(fill(7))
    held = made.held
    made.hear(fill(9))
    assert made.read([fill(5), fill(6), fill(7)], held) == 2
    assert numbers(made.ready()) == [5, 6, 7]
    made.clear()
    assert numbers(made.ready()) == [9]


def test_a_fill_waits_for_the_volume_of_its_order_and_keeps_its_place():
    known = {}
    made = intake(volumes=lambda txid: (txid in known, known.get(txid)))
    made.clear()
    known["O2"] = ONE
    made.hear(fill(1))
    made.hear(fill(2))
    assert made.ready() == []
    assert made.unknown_orders() == ["O1"]
    known["O1"] = None
    assert [(one.exec_id, one.order_volume) for one in made.ready()] == [("T0001", None), ("T0002", ONE)]


def test_only_what_is_settled_or_old_proves_a_snapshot():
    made = intake()
    made.hear(fill(1))
    assert not made.proves("T0001", 1001)
    made.clear()
    assert made.proves("T0001", 1001)
    assert made.proves("T9999", 999)
    assert not made.proves("T9999", 1000)


@given(st.data())
def test_whatever_the_stream_loses_repeats_and_mixes_up_each_fill_goes_once_and_none_is_missed(data):
    """The stream loses and repeats; the books lag by less than the overlap; both are read at any moments."""
    made, out, total = intake(), [], 60
    for number in range(total):
        if data.draw(st.integers(0, 3)):
            for _ in range(data.draw(st.integers(1, 2))):
                made.hear(fill(number))
        if data.draw(st.booleans()):
            made.in_doubt = True
        if not data.draw(st.integers(0, 4)):
            lag = data.draw(st.integers(0, 10))
            booked = [fill(one) for one in range(number + 1 - lag) if 1000 + one >= made.since_ns]
            made.read(booked, made.held)
            if data.draw(st.booleans()):
                made.clear()
        out += made.ready()
    made.read([fill(one) for one in range(total) if 1000 + one >= made.since_ns], made.held)
    made.clear()
    out += made.ready()
    assert sorted(numbers(out)) == list(range(total))


def test_books_that_lag_longer_than_the_overlap_lose_what_the_stream_lost():
    """Positive control of the property above."""
    made = intake(overlap_ns=1)
    made.read([fill(50)], ())
    assert made.read([fill(10)], ()) == 0
