"""What one user makes of the master's fills: A38, A40, A44 (its decisions), A46, and the promises that hold for all."""

from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from krakenonce.copytrader import deciding, lines
from krakenonce.copytrader.amounts import DUST, floor_to_lot
from krakenonce.copytrader.deciding import decide
from krakenonce.copytrader.guards.reasons import Reason, code_of
from krakenonce.copytrader.masterbook import MasterBook
from krakenonce.copytrader.policy import BelowMinimum, Guards, Sizing, SizingMode, UserPolicy
from krakenonce.copytrader.records import Kind
from tests.copytrader.made import FREE, RICH, SECOND, START, change_of, d, fill, fills, line, lots, now, ratios, rules

HALF = UserPolicy(sizing=Sizing(SizingMode.MULTIPLIER, d("0.5")))


def times(ratio, **more):
    return UserPolicy(sizing=Sizing(SizingMode.MULTIPLIER, ratio), **more)


def run(many, policy, pair_rules=FREE, standing=None, **circumstances):
    """Decide on *many* fills, executing each order in full and at once; returns the line and the decisions."""
    book, standing, decisions = MasterBook(), standing or line(), []
    for one in many:
        decision = decide(one, standing, book.take(one), policy, pair_rules, now(**circumstances))
        decisions.append(decision)
        standing = lines.apply(standing, decision)
        bought = floor_to_lot(lines.missing(standing), pair_rules.lot_decimals)
        sold = floor_to_lot(lines.surplus(standing), pair_rules.lot_decimals)
        standing = lines.executed(lines.executed(standing, "buy", bought), "sell", sold)
    return standing, decisions


@given(st.lists(lots(), min_size=1, max_size=40), ratios, st.integers(0, 10))
@example([d("0.00000001")], d("0.3"), 8)  # parts of a lot, whatever is drawn
def test_a38_copies_sum_to_the_floored_product(volumes, ratio, decimals):
    free = replace(FREE, lot_decimals=decimals)
    standing, _ = run(fills(volumes), times(ratio), free)
    exact = Fraction(ratio) * sum(map(Fraction, volumes))
    assert Fraction(standing.wanted) == exact
    # What is closer to a whole lot than dust counts as that lot.
    assert Fraction(standing.held) <= exact + Fraction(DUST)
    assert exact < Fraction(standing.held) + Fraction(1, 10**decimals)


def policies():
    amounts = st.one_of(ratios, st.just(d(1)), st.just(d(7)))
    return st.builds(
        lambda mode, amount, below, most: UserPolicy(
            sizing=Sizing(mode, amount), below_minimum=below, guards=Guards(max_order=most)
        ),
        st.sampled_from(SizingMode),
        amounts,
        st.sampled_from(BelowMinimum),
        st.sampled_from([None, d(100), d("1e9")]),
    )


FIGURES = {"user_equity": d(1234), "master_equity": d(10000), "master_balance": d("7e11")}


@given(st.lists(lots(), min_size=1, max_size=12), policies())
def test_any_split_of_an_order_leads_to_the_same_target(volumes, policy):
    whole = [replace(fills(volumes)[0], volume=sum(volumes, Decimal(0)))]
    bounded = rules()
    split, _ = run(fills(volumes), policy, bounded, **FIGURES)
    at_once, _ = run(whole, policy, bounded, **FIGURES)
    assert abs(Fraction(split.wanted) - Fraction(at_once.wanted)) < Fraction(1, 10**30)
    assert split.held == at_once.held


@given(lots(), st.lists(st.integers(1, 100), min_size=1, max_size=8), ratios)
def test_any_split_of_an_exit_leads_to_the_same_target(bought, parts, ratio):
    sold = [bought * part / (sum(parts) + 1) for part in parts]
    sold = [volume.quantize(Decimal("1e-8")) for volume in sold]
    sold = [volume for volume in sold if volume]
    if not sold:
        return
    buy = fill(bought, exec_id="B", order="B", at=START)
    split = [fill(volume, "sell", exec_id=f"S{n}", at=START + 1 + n) for n, volume in enumerate(sold)]
    at_once = [fill(sum(sold, Decimal(0)), "sell", exec_id="S", at=START + 1)]
    one, _ = run([buy, *split], times(ratio))
    other, _ = run([buy, *at_once], times(ratio))
    assert abs(Fraction(one.wanted) - Fraction(other.wanted)) < Fraction(1, 10**30)
    assert one.held == other.held


trades = st.lists(st.tuples(st.sampled_from(["buy", "buy", "sell"]), lots(most=10**9)), min_size=1, max_size=30)


def history(many):
    return [
        fill(volume, side, exec_id=f"T{n}", order=f"O{n}", whole=volume, at=START + n)
        for n, (side, volume) in enumerate(many)
    ]


@given(trades, ratios, lots())
@example([("buy", d(1)), ("sell", d(1))], d("0.5"), d(0))  # an exit of more than is held, whatever is drawn
def test_exits_never_exceed_what_was_copied_and_is_held(many, ratio, own):
    """Whatever the user had before is not in the line, and the line never sells more than it holds."""
    book, standing = MasterBook(), line()
    for one in history(many):
        decision = decide(one, standing, book.take(one), times(ratio), FREE, now())
        assert standing.wanted.copy_negate() <= decision.delta
        before = standing
        standing = lines.apply(standing, decision)
        selling = floor_to_lot(lines.surplus(standing), 8)
        assert selling <= before.held
        standing = lines.executed(standing, "sell", selling)
        standing = lines.executed(standing, "buy", floor_to_lot(lines.missing(standing), 8))
        assert standing.held >= 0


@given(trades, ratios)
def test_who_is_flat_with_the_master_holds_nothing(many, ratio):
    closing = fill(RICH, "sell", exec_id="last", at=START + 1000)
    standing, _ = run([*history(many), closing], times(ratio))
    assert standing.wanted == standing.held == 0


@given(trades, ratios)
def test_exposure_is_within_one_lot_of_the_masters_times_the_ratio(many, ratio):
    book = MasterBook()
    for one in history(many):
        book.take(one)
    standing, _ = run(history(many), times(ratio))
    exact = Fraction(ratio) * Fraction(book.holding("XXBTZUSD").position)
    assert abs(Fraction(standing.held) - exact) < Fraction(2, 10**8)


@given(trades, ratios)
def test_the_same_arguments_give_the_same_decision(many, ratio):
    assert run(history(many), times(ratio)) == run(history(many), times(ratio))


@pytest.mark.parametrize(("held", "wanted"), [("1", "0.63"), ("0.5", "0.315")])
def test_a46_the_master_closes_37_percent(held, wanted):
    sell = fill("0.37", "sell")
    decision = decide(sell, line(held, held), change_of(sell, before="1"), HALF, FREE, now())
    assert decision.kind is Kind.EXIT
    assert lines.apply(line(held, held), decision).wanted == d(wanted)


@pytest.mark.parametrize("before", ["0", "0.5", "1", "1.00004"])
def test_a_sell_of_all_or_more_or_all_but_dust_closes_everything(before):
    sell = fill("1", "sell")
    decision = decide(sell, line("0.123456789", "0.12345678"), change_of(sell, before), HALF, rules(), now())
    assert decision.delta == -d("0.123456789")


def test_a_sell_when_nothing_was_copied_is_skipped():
    sell = fill("1", "sell")
    decision = decide(sell, line(), change_of(sell, before="5"), HALF, rules(), now())
    assert (decision.kind, code_of(decision.reason)) == (Kind.SKIP, Reason.NOTHING_COPIED)


def test_a_late_sell_of_coins_from_before_closes_nothing():
    book = MasterBook()
    book.take(fill("1", exec_id="T2", at=START + 2))
    late = fill("1", "sell", exec_id="T1", at=START + 1)
    decision = decide(late, line("1", "1"), book.take(late), HALF, rules(), now())
    assert (decision.kind, decision.delta) == (Kind.SKIP, 0)


def test_a_late_buy_that_the_master_has_sold_again_is_skipped():
    book = MasterBook()
    book.take(fill("1", "sell", exec_id="T2", at=START + 2))
    late = fill("1", exec_id="T1", at=START + 1)
    decision = decide(late, line(), book.take(late), HALF, rules(), now())
    assert code_of(decision.reason) is Reason.MASTER_HAS_SOLD


def test_a_mapped_fill_is_sized_at_the_converted_price():
    fixed = UserPolicy(sizing=Sizing(SizingMode.FIXED_QUOTE, d(900)))
    buy = fill("1", price="50000", whole="1")
    decision = decide(buy, line(), change_of(buy), fixed, FREE, now(price=d(45000)))
    assert (decision.delta, decision.price) == (d("0.02"), d(45000))


@pytest.mark.parametrize("mode", [SizingMode.FIXED_BASE, SizingMode.FIXED_QUOTE, SizingMode.RISK])
def test_an_order_of_unknown_volume_is_copied_once(mode):
    policy = UserPolicy(sizing=Sizing(mode, d(2)))
    many = [fill("0.1", exec_id=f"T{n}", at=START + n) for n in range(3)]
    known = [replace(one, order_volume=d("0.3")) for one in many]
    figures = {"user_equity": d(10000)}
    standing, decisions = run(many, policy, **figures)
    assert [decision.kind for decision in decisions] == [Kind.ENTRY, Kind.SKIP, Kind.SKIP]
    assert code_of(decisions[1].reason) is Reason.ORDER_COUNTED
    assert floor_to_lot(standing.wanted, 8) == floor_to_lot(run(known, policy, **figures)[0].wanted, 8)


def test_in_proportion_an_order_of_unknown_volume_is_copied_fill_by_fill():
    standing, _ = run([fill("0.1", exec_id=f"T{n}", at=START + n) for n in range(3)], HALF)
    assert standing.held == d("0.15")


@pytest.mark.parametrize("mode", [SizingMode.EQUITY, SizingMode.BALANCE, SizingMode.RISK])
def test_a_figure_that_is_missing_is_named(mode):
    buy = fill()
    policy = UserPolicy(sizing=Sizing(mode, d(1)))
    decision = decide(buy, line(), change_of(buy), policy, rules(), now(user_equity=d(0), available=d(1)))
    assert code_of(decision.reason) is Reason.UNKNOWN_FIGURE
    assert "equity" in decision.reason or "master's free balance" in decision.reason


def test_a_decision_that_rounds_each_copy_is_found_out(monkeypatch):
    """Positive control: rounding to lots on each fill loses what A38 keeps."""
    whole = deciding._entered

    def rounded(entry):
        delta, reason = whole(entry)
        return floor_to_lot(delta, entry.rules.lot_decimals), reason

    monkeypatch.setattr(deciding, "_entered", rounded)
    with pytest.raises(AssertionError):
        test_a38_copies_sum_to_the_floored_product()


def test_an_exit_of_the_masters_volume_instead_of_his_fraction_is_found_out(monkeypatch):
    """Positive control."""

    def exit_by_volume(one, standing, change, pair_rules, now_ns, price):
        return deciding.skip(one, standing, "", now_ns)._replace(kind=Kind.EXIT, delta=-one.volume)

    monkeypatch.setattr(deciding, "_exit", exit_by_volume)
    with pytest.raises(AssertionError):
        test_a46_the_master_closes_37_percent("0.5", "0.315")
    with pytest.raises(AssertionError):
        test_exits_never_exceed_what_was_copied_and_is_held()


def test_a_fill_is_young_enough_for_exactly_the_most_age():
    buy, policy = fill(), times(d(1), guards=Guards(max_age_s=10))
    kinds = [
        decide(buy, line(), change_of(buy), policy, rules(), now(now_ns=START + 10 * SECOND + late)).kind
        for late in (0, 1)
    ]
    assert kinds == [Kind.ENTRY, Kind.SKIP]


@given(trades, ratios)
def test_nothing_depends_on_the_digits_of_pythons_default_context(many, ratio):
    """An operator in place of an exact function would round to three digits here."""
    usual = run(history(many), times(ratio))
    with localcontext(prec=3):
        book, standing = MasterBook(), line()
        for one, expected in zip(history(many), usual[1], strict=True):
            decision = decide(one, standing, book.take(one), times(ratio), FREE, now())
            assert decision == expected
            standing = lines.apply(standing, decision)
            standing = lines.executed(standing, "buy", floor_to_lot(lines.missing(standing), 8))
            standing = lines.executed(standing, "sell", floor_to_lot(lines.surplus(standing), 8))
        assert standing == usual[0]
