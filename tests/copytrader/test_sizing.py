"""A39: sizes equal the documented formulas to the lot, and never exceed the free balance after fees. A40: minimums."""

import csv
from collections import Counter
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from krakenonce.copytrader import lines
from krakenonce.copytrader.circumstances import Usage
from krakenonce.copytrader.deciding import decide
from krakenonce.copytrader.guards.reasons import Reason, code_of
from krakenonce.copytrader.masterbook import Change
from krakenonce.copytrader.ordering import CopyOrder, next_order
from krakenonce.copytrader.policy import BelowMinimum, Guards, Sizing, SizingMode, UserPolicy
from krakenonce.copytrader.records import Kind
from krakenonce.copytrader.sizing import modes
from krakenonce.copytrader.sizing.funds import affordable
from krakenonce.copytrader.sizing.minimums import meets_minimums, smallest
from tests.copytrader.made import RICH, change_of, d, fill, line, lots, moment, now, prices, ratios, rules
from tests.copytrader.work_out_sizes import TABLE, table

CASES = list(csv.DictReader(TABLE.read_text().splitlines()))


def optional(text):
    return d(text) if text else None


def policy_of(case):
    guards = Guards(
        slippage=d(case["slippage"]),
        min_order=optional(case["min_order"]),
        max_order=optional(case["max_order"]),
        max_exposure=optional(case["max_exposure"]),
    )
    sizing = Sizing(SizingMode(case["mode"]), d(case["amount"]), d(case["stop_percent"]))
    below = BelowMinimum(case["below_minimum"])
    return UserPolicy(sizing=sizing, guards=guards, below_minimum=below, round_up_cap=d(case["round_up_cap"]))


def outcome(case):
    """The order and the code that the product makes of a case."""
    policy = policy_of(case)
    pair = rules(
        order_min=case["order_min"],
        cost_min=case["cost_min"],
        lots=int(case["lot_decimals"]),
        ticks=int(case["price_decimals"]),
    )
    buy = fill(case["volume"], price=case["price"], whole=case["order_volume"])
    circumstances = now(
        available=d(case["available"]),
        fee_rate=d(case["fee_rate"]),
        worth=d(case["worth"]),
        user=Usage(exposure=d(case["exposure"])),
        **{name: optional(case[name]) for name in ("user_equity", "master_equity", "master_balance")},
    )
    standing = line(case["carried"])
    decision = decide(buy, standing, change_of(buy), policy, pair, circumstances)
    around = moment(
        reference=decision.price,
        available_quote=circumstances.available,
        fee_rate=circumstances.fee_rate,
        worth=circumstances.worth,
    )
    order = next_order(lines.apply(standing, decision), policy, pair, around)
    code = code_of(decision.reason)
    return order.volume if isinstance(order, CopyOrder) else Decimal(0), code.value if code else ""


@pytest.mark.parametrize("case", CASES, ids=[str(number) for number in range(2, len(CASES) + 2)])
def test_worked_cases(case):
    """The number of a test is the case's row in the file."""
    order, code = outcome(case)
    assert (order, code) == (d(case["order"]), case["code"])


def test_the_file_is_what_the_script_works_out():
    assert TABLE.read_text() == table()


def test_the_cases_cover_every_mode_policy_and_reason():
    assert len(CASES) >= 200
    assert set(SizingMode) == {SizingMode(case["mode"]) for case in CASES}
    assert set(BelowMinimum) == {BelowMinimum(case["below_minimum"]) for case in CASES}
    codes = Counter(case["code"] for case in CASES)
    sized = {"", "carried", "unknown_figure", "funds", "max_order", "max_exposure", "below_minimum", "rounded_up"}
    assert sized | {"below_own_minimum"} == set(codes)
    assert min(codes.values()) >= 2
    assert sum(case["order"] != "0" for case in CASES) >= 100


@pytest.mark.parametrize("mode", SizingMode)
def test_a_formula_that_is_one_per_mille_off_is_found_out(mode, monkeypatch):
    """Positive control."""
    right = modes._FORMULAS[mode]

    def wrong(sizing, figures):
        sized = right(sizing, figures)
        return sized if isinstance(sized, modes.Unsized) else sized * d("1.001")

    monkeypatch.setitem(modes._FORMULAS, mode, wrong)
    missed = [case for case in CASES if outcome(case) != (d(case["order"]), case["code"])]
    assert {case["mode"] for case in missed} == {mode.value}
    assert len(missed) >= 5


sizings = st.builds(
    Sizing,
    st.sampled_from(SizingMode),
    st.one_of(st.sampled_from([d(1), d("0.1"), d(50)]), ratios),
    st.sampled_from([d(5), d(1), d("33.3")]),
)
policies = st.builds(
    lambda sizing, below, most, exposure: UserPolicy(
        sizing=sizing, below_minimum=below, guards=Guards(max_order=most, max_exposure=exposure)
    ),
    sizings,
    st.sampled_from(BelowMinimum),
    st.sampled_from([None, d(50), d(10**6)]),
    st.sampled_from([None, d(200), d(10**6)]),
)
balances = st.decimals("0", "100000", places=4, allow_nan=False, allow_infinity=False)
pairs = st.builds(
    rules,
    order_min=st.sampled_from(["0.00005", "0", "0.002"]),
    cost_min=st.sampled_from(["0.5", "0", "5"]),
    lots=st.sampled_from([8, 10, 5, 2]),
    ticks=st.integers(0, 6),
)
usual_prices = st.one_of(st.sampled_from([d("2345.6"), d("61234.5"), d("20.1"), d("0.7")]), prices)
fees = st.sampled_from([d("0.004"), d("0.0026"), d(0)])
worlds = (policies, pairs, lots(), usual_prices, balances, fees, lots(most=10**6))


def ordered(policy, pair, volume, price, available, fee_rate, carried):
    buy = fill(volume, price=price, whole=volume)
    figures = {"user_equity": d(5000), "master_equity": d(90000), "master_balance": d(4000)}
    circumstances = now(available=available, fee_rate=fee_rate, **figures)
    decision = decide(buy, line(carried), change_of(buy), policy, pair, circumstances)
    around = moment(reference=price, available_quote=available, fee_rate=fee_rate)
    return decision, next_order(lines.apply(line(carried), decision), policy, pair, around)


def all_of(available, volume):
    """Return the world of somebody who has *available* and would buy *volume* at 100."""
    whole = UserPolicy(sizing=Sizing(SizingMode.FIXED_BASE, d(volume), d(1)))
    return whole, rules(order_min="0.002"), d(1), d(100), d(available), d("0.004"), d(0)


@given(*worlds)
@example(*all_of("100", "1"))  # above the balance by the fee, whatever is drawn
@example(*all_of("100", "0.001"))  # below the minimum
def test_no_order_is_above_the_free_balance_after_fees_or_below_a_minimum(
    policy, pair, volume, price, available, fee_rate, carried
):
    _, order = ordered(policy, pair, volume, price, available, fee_rate, carried)
    if not isinstance(order, CopyOrder):
        return
    cost = Fraction(order.volume) * Fraction(order.limit) * (1 + Fraction(fee_rate))
    assert cost <= Fraction(available)
    assert order.volume >= pair.order_min
    assert Fraction(order.volume) * Fraction(price) >= Fraction(pair.cost_min)
    assert order.volume == order.volume.quantize(Decimal(1).scaleb(-pair.lot_decimals))
    assert order.limit <= price * (1 + policy.guards.slippage)
    if policy.guards.max_order is not None:
        assert Fraction(order.volume) * Fraction(price) <= policy.guards.max_order


@given(*worlds)
def test_every_entry_is_what_was_meant_or_says_why_not(policy, pair, volume, price, available, fee_rate, carried):
    decision, _ = ordered(policy, pair, volume, price, available, fee_rate, carried)
    if decision.kind is Kind.SKIP:
        assert code_of(decision.reason) is not None
    elif not decision.reason:
        meant = modes.size(
            policy.sizing, modes.Figures(volume, d(1), price, d(1), d(5000), d(90000), available, d(4000))
        )
        assert decision.delta == meant


def first_of_several(property_):
    """Run a property; where several things are wrong, Hypothesis raises a group: raise its first."""
    try:
        property_()
    except ExceptionGroup as group:
        raise group.exceptions[0] from group


def test_an_order_above_the_free_balance_is_found_out(monkeypatch):
    """Positive control: without the fee, and without the check when the order is planned."""

    def without_fee(available, price, _fee_rate, lot_decimals):
        return affordable(available, price, d(0), lot_decimals)

    for room in ("krakenonce.copytrader.guards.caps", "krakenonce.copytrader.ordering"):
        monkeypatch.setattr(f"{room}.affordable", without_fee)
    with pytest.raises(AssertionError):
        first_of_several(test_no_order_is_above_the_free_balance_after_fees_or_below_a_minimum)


def test_an_order_below_a_minimum_is_found_out(monkeypatch):
    """Positive control."""
    monkeypatch.setattr("krakenonce.copytrader.ordering.meets_minimums", lambda volume, *_: volume > 0)
    with pytest.raises(AssertionError):
        first_of_several(test_no_order_is_above_the_free_balance_after_fees_or_below_a_minimum)


@given(lots(), prices, pairs)
def test_the_smallest_order_is_the_smallest(volume, price, pair):
    least = smallest(price, pair)
    assert meets_minimums(least, price, pair)
    lot = Decimal(1).scaleb(-pair.lot_decimals)
    assert not meets_minimums(least - lot, price, pair)
    assert meets_minimums(volume, price, pair) == (volume >= least) or volume % lot


@pytest.mark.parametrize(
    ("below", "deltas", "codes"),
    [
        (BelowMinimum.ACCUMULATE, ["0.00002"] * 3, [Reason.CARRIED, Reason.CARRIED, None]),
        (BelowMinimum.SKIP, ["0"] * 3, [Reason.BELOW_MINIMUM] * 3),
        (BelowMinimum.ROUND_UP, ["0.00005"] * 3, [Reason.ROUNDED_UP] * 3),
    ],
)
def test_a40_a_user_below_the_minimum_sees_what_became_of_his_copies(below, deltas, codes):
    """Three orders of the master's of which this user's copy is 0.00002; the minimum is 0.00005."""
    policy = UserPolicy(sizing=Sizing(amount=d("0.0002")), below_minimum=below)
    standing, decisions = line(), []
    for number in range(3):
        buy = fill("0.1", whole="0.1", exec_id=f"T{number}", order=f"O{number}")
        decisions.append(decide(buy, standing, change_of(buy), policy, rules(), now()))
        standing = lines.apply(standing, decisions[-1])
        if below is BelowMinimum.ROUND_UP:
            standing = lines.executed(standing, "buy", decisions[-1].delta)
    assert [decision.delta for decision in decisions] == list(map(d, deltas))
    assert [code_of(decision.reason) for decision in decisions] == codes


@pytest.mark.parametrize("below", [BelowMinimum.SKIP, BelowMinimum.ROUND_UP])
def test_a38_parts_of_a_large_enough_order_are_neither_skipped_nor_raised(below):
    """The copy of the whole order is 0.0001, of each of its parts 0.00002."""
    policy = UserPolicy(sizing=Sizing(amount=d("0.0002")), below_minimum=below)
    standing = line()
    for number in range(5):
        buy = fill("0.1", whole="0.5", exec_id=f"T{number}")
        change = Change(d("0.1") * number, d("0.1") * (number + 1), d("0.2"), d("0.5"))
        standing = lines.apply(standing, decide(buy, standing, change, policy, rules(), now()))
    assert standing.wanted == d("0.0001")


def test_rounding_up_shares_the_minimum_over_the_parts_of_an_order():
    """Raised is the order, not each of its parts: 0.00005 in all, not 0.00025."""
    policy = UserPolicy(sizing=Sizing(amount=d("0.00008")), below_minimum=BelowMinimum.ROUND_UP)
    standing = line()
    for number in range(5):
        buy = fill("0.1", whole="0.5", exec_id=f"T{number}")
        change = Change(d("0.1") * number, d("0.1") * (number + 1), d("0.2"), d("0.5"))
        standing = lines.apply(standing, decide(buy, standing, change, policy, rules(), now()))
    assert standing.wanted == d("0.00005")


@given(balances, prices, st.sampled_from([d(0), d("0.004")]), st.integers(0, 10))
def test_what_is_affordable_is_paid_for_and_one_lot_more_is_not(available, price, fee_rate, decimals):
    most = affordable(available, price, fee_rate, decimals)
    per_unit = Fraction(price) * (1 + Fraction(fee_rate))
    assert Fraction(most) * per_unit <= Fraction(available)
    assert (Fraction(most) + Fraction(1, 10**decimals)) * per_unit > Fraction(available)


def test_nothing_is_bought_with_nothing():
    assert affordable(d(-5), d(1), d(0), 8) == affordable(d(5), d(0), d(0), 8) == 0
    assert RICH > affordable(RICH, d(50000), d(0), 8) > 0
