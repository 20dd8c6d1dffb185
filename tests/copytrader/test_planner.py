"""Sizing is exact: the sum of all copies is the multiplier times the sum of all fills, rounded down to the lot."""

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krakenonce.copytrader.planner import Carried, Due, add, checked_multiplier, plan, target
from krakenonce.errors import ConfigError


@dataclass(frozen=True)
class Rules:
    lot_decimals: int = 8
    order_min: Decimal = Decimal("0.00005")
    cost_min: Decimal = Decimal("0.5")


PRICE = Decimal("50000.1")


def volumes(decimals=8):
    return st.integers(1, 10 ** (decimals + 3)).map(lambda lots: Decimal(lots).scaleb(-decimals))


multipliers = st.one_of(
    st.decimals("0.000001", "1000", allow_nan=False, allow_infinity=False, places=12),
    st.sampled_from([Decimal("0.3333333333333333333333333333"), Decimal(1), Decimal("0.5"), Decimal("1.1")]),
)
rules = st.builds(
    Rules,
    lot_decimals=st.integers(0, 10),
    order_min=st.sampled_from([Decimal(0), Decimal("0.00005"), Decimal("0.02"), Decimal(50)]),
    cost_min=st.sampled_from([Decimal(0), Decimal("0.5"), Decimal(5)]),
)


def copies_of(fills, multiplier, pair, price):
    """Every order the planner asks for while *fills* arrive one by one."""
    filled = ordered = Decimal(0)
    for fill in fills:
        filled = add(filled, fill)
        decision = plan(multiplier, filled, ordered, price, pair)
        if isinstance(decision, Due):
            ordered = add(ordered, decision.volume)
            yield decision.volume


@given(fills=st.lists(volumes(), min_size=1, max_size=40), multiplier=multipliers, lots=st.integers(0, 10))
def test_without_minimums_the_copies_sum_to_the_floored_product(fills, multiplier, lots):
    free = Rules(lots, Decimal(0), Decimal(0))
    wide = Context(prec=400, rounding=ROUND_FLOOR)
    total = Decimal(0)
    for fill in fills:
        total = wide.add(total, fill)
    expected = wide.multiply(total, multiplier).quantize(Decimal(1).scaleb(-lots), context=wide)
    assert sum(copies_of(fills, multiplier, free, PRICE), Decimal(0)) == expected


@given(fills=st.lists(volumes(), min_size=1, max_size=40), multiplier=multipliers, pair=rules)
def test_no_copy_is_below_a_minimum_or_off_the_lot_and_what_is_carried_is_below_one(fills, multiplier, pair):
    ordered = Decimal(0)
    for volume in copies_of(fills, multiplier, pair, PRICE):
        assert volume >= pair.order_min
        assert volume * PRICE >= pair.cost_min
        assert volume == volume.quantize(Decimal(1).scaleb(-pair.lot_decimals), context=Context(prec=400))
        ordered = add(ordered, volume)
    total = Decimal(0)
    for fill in fills:
        total = add(total, fill)
    left = target(multiplier, total, pair.lot_decimals) - ordered
    assert left >= 0
    assert left == 0 or left < pair.order_min or left * PRICE < pair.cost_min


@given(fills=st.lists(volumes(), min_size=1, max_size=20), multiplier=multipliers, cut=st.integers(0, 20))
def test_it_does_not_matter_how_the_fills_were_cut(fills, multiplier, cut):
    free = Rules(8, Decimal(0), Decimal(0))
    parts = [sum(fills[:cut], Decimal(0)), sum(fills[cut:], Decimal(0))]
    piecewise = sum(copies_of(fills, multiplier, free, PRICE), Decimal(0))
    assert piecewise == sum(copies_of([part for part in parts if part], multiplier, free, PRICE), Decimal(0))


@pytest.mark.parametrize(
    ("multiplier", "filled", "ordered", "expected"),
    [
        ("1", "0.01", "0", "0.01"),
        ("0.5", "0.01", "0", "0.005"),
        ("0.333", "0.01", "0", "0.00333"),
        ("0.3333333333", "0.01", "0", "0.00333333"),
        ("2", "1.00000001", "2", None),
        ("2", "1.0001", "2", "0.0002"),
        ("0.001", "0.01", "0", None),
        ("0.001", "0.05", "0", "0.00005"),
        ("1", "0.01", "0.01", None),
        ("1", "0.01", "0.02", None),
    ],
)
def test_worked_cases(multiplier, filled, ordered, expected):
    decision = plan(Decimal(multiplier), Decimal(filled), Decimal(ordered), PRICE, Rules())
    assert (decision.volume if isinstance(decision, Due) else None) == (expected and Decimal(expected))


@pytest.mark.parametrize(
    ("filled", "price", "reason"),
    [
        ("0.00004", "50000", "below the pair's order minimum 0.00005"),
        ("0.0001", "4999", "below the pair's cost minimum 0.5"),
        ("0.000000001", "50000", "less than one lot"),
    ],
)
def test_what_waits_says_why(filled, price, reason):
    decision = plan(Decimal(1), Decimal(filled), Decimal(0), Decimal(price), Rules())
    assert isinstance(decision, Carried)
    assert reason in decision.reason
    assert "carried" in decision.reason


def test_a_sum_that_the_usual_28_digits_cannot_hold_stays_exact():
    wide = Decimal("12345678901234567890.123456789012345678901234567891")
    assert wide + Decimal("1e-30") == +wide, "the default context cannot even tell them apart"
    assert str(add(wide, Decimal("1e-30"))).endswith("892")


@pytest.mark.parametrize("value", [0.5, 1, "1", Decimal(0), Decimal(-1), Decimal("NaN"), Decimal("Infinity")])
def test_a_multiplier_that_cannot_be_meant_is_refused(value):
    with pytest.raises(ConfigError, match="multiplier"):
        checked_multiplier(value)
