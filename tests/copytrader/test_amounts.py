"""Amounts are exact: nothing is lost or made by arithmetic, and orders are whole lots."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krakenonce.copytrader import amounts
from krakenonce.copytrader.amounts import (
    DUST,
    GRAIN,
    add,
    ceil_to_lot,
    ceil_to_tick,
    floor_strictly,
    floor_to_lot,
    floor_to_tick,
    multiply,
    share,
    share_down,
    subtract,
)  # fmt: skip
from tests.copytrader.made import d, lots

wide = st.decimals("-1e18", "1e18", allow_nan=False, allow_infinity=False, places=20)
positive = st.decimals("1e-12", "1e12", allow_nan=False, allow_infinity=False, places=12)


@given(wide, wide)
def test_sums_and_differences_are_exact(left, right):
    assert Fraction(add(left, right)) == Fraction(left) + Fraction(right)
    assert Fraction(subtract(left, right)) == Fraction(left) - Fraction(right)


@given(positive, positive)
def test_products_of_money_are_exact(left, right):
    assert Fraction(multiply(left, right)) == Fraction(left) * Fraction(right)


@given(positive, positive, positive)
def test_a_share_is_exact_but_for_one_grain_upwards(amount, numerator, denominator):
    exact = Fraction(amount) * Fraction(numerator) / Fraction(denominator)
    assert 0 <= Fraction(share(amount, numerator, denominator)) - exact < Fraction(GRAIN) * 2
    assert 0 <= exact - Fraction(share_down(amount, numerator, denominator)) < Fraction(GRAIN) * 2


@given(st.lists(lots(), min_size=1, max_size=30), positive)
def test_shares_of_all_parts_make_the_whole(parts, amount):
    whole = sum(parts, Decimal(0))
    total = Decimal(0)
    for part in parts:
        total = add(total, share(amount, part, whole))
    assert 0 <= Fraction(total) - Fraction(amount) < Fraction(DUST)
    # Rounded to lots, the detour over the parts cannot be seen.
    assert floor_to_lot(total, 8) == floor_to_lot(amount, 8)


@given(positive, st.integers(0, 10))
def test_rounding_to_lots_stays_within_one_lot(volume, decimals):
    lot = Decimal(1).scaleb(-decimals)
    down, up = floor_to_lot(volume, decimals), ceil_to_lot(volume, decimals)
    assert down <= volume < down + lot
    assert up - lot < volume <= up
    assert floor_strictly(volume, decimals) == down
    assert down.as_tuple().exponent == up.as_tuple().exponent == -decimals


@pytest.mark.parametrize(
    ("volume", "floor", "strict", "ceiling"),
    [
        ("0.99999999999999999999999999999999999999", "1.00", "0.99", "1.00"),
        ("1.00000000000000000000000000000000000001", "1.00", "1.00", "1.00"),
        ("0.9999999999999999999999999999", "0.99", "0.99", "1.00"),
        ("0.995", "0.99", "0.99", "1.00"),
        ("0", "0.00", "0.00", "0.00"),
    ],
)
def test_dust_below_a_lot_is_that_lot_unless_it_must_not_be_exceeded(volume, floor, strict, ceiling):
    assert str(floor_to_lot(d(volume), 2)) == floor
    assert str(floor_strictly(d(volume), 2)) == strict
    assert str(ceil_to_lot(d(volume), 2)) == ceiling


@given(positive, st.integers(0, 8))
def test_prices_are_rounded_to_ticks_on_either_side(price, decimals):
    tick = Decimal(1).scaleb(-decimals)
    assert floor_to_tick(price, decimals) <= price < floor_to_tick(price, decimals) + tick
    assert ceil_to_tick(price, decimals) - tick < price <= ceil_to_tick(price, decimals)


def test_products_do_not_grow_for_ever():
    amount = d("0.1234567890123456789012345678")
    for _ in range(100):
        amount = multiply(amount, d("0.9999999999999999999999999999"))
    assert amount.as_tuple().exponent == -amounts.GRAIN_PLACES


def test_the_usual_28_digits_would_lose_a_lot():
    """Positive control: with the standard context, the exactness above does not hold."""
    left, right = d("12345678901234567890.00000001"), d("0.000000001234")
    assert Fraction(left + right) != Fraction(left) + Fraction(right)
    assert Fraction(add(left, right)) == Fraction(left) + Fraction(right)


def test_without_the_allowance_for_dust_thirds_lose_a_lot(monkeypatch):
    """Positive control."""
    three_thirds = multiply(share_down(d(1), d(1), d(3)), d(3))
    assert floor_to_lot(three_thirds, 8) == 1
    monkeypatch.setattr(amounts, "DUST", Decimal(0))
    assert floor_to_lot(three_thirds, 8) == d("0.99999999")


def test_what_has_no_end_raises_instead_of_spreading():
    with pytest.raises(ArithmeticError):
        floor_to_lot(d("Infinity"), 8)
