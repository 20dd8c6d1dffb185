"""A53: a user who trades other pairs than the master gets his sizes at a fresh rate, or a reason."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from krakenonce.copytrader import mapping as mapping_room
from krakenonce.copytrader.guards.reasons import Reason, code_of
from krakenonce.copytrader.mapping import Rate, Route, Unmapped, checked_mapping, route
from krakenonce.errors import ConfigError
from tests.copytrader.made import SECOND, START, d, rules

RULES = {key: rules(key) for key in ("XXBTZUSD", "XXBTZEUR", "XETHZUSD", "XETHZEUR")}
EURO = {"XXBTZUSD": "XXBTZEUR", "XETHZUSD": None}
FRESH = Rate(d("0.9"), START - 60 * SECOND)
STALE = Rate(d("0.9"), START - 61 * SECOND)


def routed(pair="XXBTZUSD", side="buy", mapping=EURO, rate=FRESH, held=()):
    return route(pair, side, d(50000), mapping, RULES, rate=rate, now_ns=START, held=held)


def test_an_entry_is_converted_at_a_fresh_rate():
    assert routed() == Route("XXBTZEUR", d(45000))


def test_without_a_mapping_everything_stays_as_it_is():
    assert routed(mapping={}, rate=None) == Route("XXBTZUSD", d(50000))
    assert routed("XETHZUSD", mapping={}, rate=None) == Route("XETHZUSD", d(50000))


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"pair": "XETHZUSD"}, Reason.UNMAPPED),
        ({"pair": "XETHZEUR"}, Reason.UNMAPPED),
        ({"pair": "XETHZUSD", "side": "sell"}, Reason.UNMAPPED),
        ({"rate": None}, Reason.NO_RATE),
        ({"rate": Rate(d(0), START)}, Reason.NO_RATE),
        ({"rate": STALE}, Reason.STALE_RATE),
    ],
)
def test_what_goes_nowhere_says_why(more, code):
    unmapped = routed(**more)
    assert isinstance(unmapped, Unmapped)
    assert code_of(unmapped.reason) is code


@pytest.mark.parametrize(("rate", "price"), [(STALE, "45000"), (None, "0")])
def test_an_exit_goes_out_with_whatever_is_known(rate, price):
    assert routed(side="sell", rate=rate) == Route("XXBTZEUR", d(price))


@pytest.mark.parametrize(
    ("mapping", "held", "pair"),
    [
        (EURO, {"XXBTZEUR"}, "XXBTZEUR"),
        (EURO, {"XXBTZUSD"}, "XXBTZUSD"),
        (EURO, {"XXBTZUSD", "XXBTZEUR"}, "XXBTZEUR"),
        ({"XXBTZUSD": None}, {"XXBTZEUR"}, "XXBTZEUR"),
        ({"XXBTZUSD": None}, {"XXBTZUSD"}, "XXBTZUSD"),
        ({"XETHZUSD": "XETHZEUR"}, {"XXBTZUSD"}, "XXBTZUSD"),
        ({}, {"XXBTZEUR"}, "XXBTZUSD"),
        (EURO, {"XETHZUSD"}, "XXBTZEUR"),
    ],
)
def test_an_exit_closes_what_is_held_though_the_mapping_has_changed(mapping, held, pair):
    assert routed(side="sell", mapping=mapping, held=held).pair == pair


def test_what_is_held_for_another_pair_of_the_masters_is_left_alone():
    swapped = {"XXBTZUSD": "XXBTZEUR", "XXBTZEUR": "XXBTZUSD"}
    assert routed(side="sell", mapping=swapped, held={"XXBTZUSD"}).pair == "XXBTZEUR"


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"XXBTZUSD": "XETHZEUR"}, "XXBT is not XETH"),
        ({"XXBTZUSD": "NOSUCH"}, "does not list"),
        ({"NOSUCH": "XXBTZUSD"}, "does not list"),
        ({"XXBTZUSD": "XXBTZEUR", "XXBTZEUR": "XXBTZEUR"}, "XXBTZUSD and XXBTZEUR"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(mapping, words):
    with pytest.raises(ConfigError, match=words):
        checked_mapping(mapping, RULES)


def test_a_mapping_that_can_be_meant_is_taken():
    assert checked_mapping(EURO, RULES) == EURO


@given(st.decimals("0.000001", "100000", places=6), st.integers(0, 10**6))
@example(d(1), 61)  # a stale one, whatever is drawn
def test_no_entry_is_ever_converted_at_a_stale_rate(value, age_s):
    outcome = routed(rate=Rate(value, START - age_s * SECOND))
    assert isinstance(outcome, Route) == (age_s <= 60)


def test_a_rate_that_is_not_looked_at_is_found_out(monkeypatch):
    """Positive control."""
    monkeypatch.setattr(mapping_room, "_rate_missing", lambda *_: None)
    with pytest.raises(AssertionError):
        test_no_entry_is_ever_converted_at_a_stale_rate()
