"""A policy that cannot be meant is refused when it is made, with the field and the mend."""

from decimal import Decimal

import pytest

from krakenonce.copytrader.policy import Guards, Sizing, UserPolicy
from krakenonce.errors import ConfigError
from tests.copytrader.made import d


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (Sizing, {"amount": d(0)}),
        (Sizing, {"amount": d(-1)}),
        (Sizing, {"amount": Decimal("NaN")}),
        (Sizing, {"amount": Decimal("Infinity")}),
        (Sizing, {"amount": 0.5}),
        (Sizing, {"stop_percent": d(0)}),
        (Sizing, {"stop_percent": d("100.1")}),
        (Guards, {"min_order": d(-1)}),
        (Guards, {"max_order": 100.0}),
        (Guards, {"max_exposure": d(-1)}),
        (Guards, {"daily_loss": d(-50)}),
        (Guards, {"slippage": d(1)}),
        (Guards, {"exit_slippage": d("1.5")}),
        (Guards, {"slippage": d("-0.01")}),
        (Guards, {"drawdown": d(0)}),
        (Guards, {"drawdown": d(20)}),
        (Guards, {"max_positions": -1}),
        (Guards, {"max_age_s": -1}),
        (Guards, {"max_age_s": 1.5}),
        (Guards, {"orders_per_minute": 0}),
        (Guards, {"max_failures": 0}),
        (Guards, {"max_failures": True}),
        (UserPolicy, {"round_up_cap": d(-1)}),
        (UserPolicy, {"valid_s": 1}),
        (UserPolicy, {"valid_s": 61}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else str(value),
)
def test_what_cannot_be_meant_is_refused_by_name(make, told):
    with pytest.raises(ConfigError) as refusal:
        make(**told)
    assert refusal.value.field == next(iter(told))
    assert refusal.value.mend


def test_what_is_at_the_bounds_is_taken():
    assert Sizing(stop_percent=d(100))
    assert Guards(
        min_order=d(5), max_order=d(5), max_exposure=d(0), max_positions=0, slippage=d(0), drawdown=d(1), max_age_s=0
    )
    assert UserPolicy(valid_s=3, round_up_cap=d(0))
    assert UserPolicy(valid_s=55)
