"""The next order of a line: a marketable limit on a tick, never above what is held, free, or allowed. A36, A44."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from krakenonce.copytrader import ordering
from krakenonce.copytrader import prices as rounding
from krakenonce.copytrader.guards.reasons import Reason, code_of
from krakenonce.copytrader.journal.records import State
from krakenonce.copytrader.naming import order_name
from krakenonce.copytrader.ordering import GiveUp, Waiting, next_order
from krakenonce.copytrader.policy import Guards, Rest, UserPolicy
from krakenonce.copytrader.prices import limit_within
from krakenonce.copytrader.records import CopyOrder, Purpose
from tests.copytrader.made import KEY, SECOND, START, d, line, lots, moment, prices, rules

PLAIN = UserPolicy()


def planned(wanted, held, policy=PLAIN, pair=None, **more):
    return next_order(line(wanted, held), policy, pair or rules(), moment(**more))


def test_an_entry_is_a_limit_within_slippage_that_takes_at_once_or_ends():
    order = planned("0.3", "0.1", attempt=2, planned_ns=7)
    assert order == CopyOrder(
        cl_ord_id=order_name(KEY, "T1", 2),
        line=KEY,
        exec_id="T1",
        attempt=2,
        purpose=Purpose.ENTRY,
        side="buy",
        volume=d("0.2"),
        limit=d("50250.0"),
        deadline_ns=START + 6 * SECOND,
        reference=d(50000),
        planned_ns=7,
    )
    assert order.ordertype is None, "immediate or cancel"


def test_an_exit_is_the_same_with_its_own_slippage():
    order = planned("0.1", "0.3")
    assert (order.side, order.volume, order.limit, order.purpose) == ("sell", d("0.2"), d("49500.0"), Purpose.EXIT)


@given(st.sampled_from(["buy", "sell"]), prices, st.decimals("0", "0.5", places=5), st.integers(0, 8))
@example("buy", d("50000.1"), d("0.005"), 0)  # between two ticks, whatever is drawn
def test_limits_are_on_a_tick_inside_the_slippage_limit(side, reference, slippage, ticks):
    limit = limit_within(side, reference, slippage, rules(ticks=ticks))
    tick = Decimal(1).scaleb(-ticks)
    worst = Fraction(reference) * (1 + Fraction(slippage) * (1 if side == "buy" else -1))
    gap = (worst - Fraction(limit)) * (1 if side == "buy" else -1)
    assert 0 <= gap < Fraction(tick)
    assert limit % tick == 0


amounts = st.one_of(st.just(Decimal(0)), lots(most=10**9))
policies = st.builds(UserPolicy, exit_rest=st.sampled_from(Rest), rest=st.sampled_from(Rest))


@given(amounts, amounts, amounts, amounts, st.integers(0, 5), policies, st.sampled_from([None, d(49000)]))
@example(d(0), d("0.3"), d(1), d(0), 0, UserPolicy(), None)  # one that sells, whatever is drawn
def test_never_more_is_sold_than_held_or_free(wanted, held, free, bound, tries, policy, market):
    order = planned(wanted, held, policy, available_base=free, bound=bound, tries=tries, left=tries, market=market)
    if isinstance(order, CopyOrder) and order.side == "sell":
        assert order.volume <= min(held - wanted, free, held - bound)
        assert order.volume >= d("0.00005")


@given(amounts, amounts, amounts, st.booleans())
def test_what_mirrored_orders_will_do_is_left_to_them(wanted, held, coming, selling):
    signed = coming.copy_negate() if selling else coming
    order = planned(wanted, held, coming=signed)
    due = wanted - held - signed
    if isinstance(order, CopyOrder):
        assert (order.side == "buy") == (due > 0)
        assert order.volume <= abs(due)


def test_what_is_settled_waits():
    assert code_of(planned("0.3", "0.3").reason) is Reason.SETTLED


@pytest.mark.parametrize(
    ("wanted", "held", "more", "code"),
    [
        ("0.30004", "0.3", {}, Reason.CARRIED),
        ("0.00000999999", "0", {}, Reason.CARRIED),
        ("0.3", "0.30004", {}, Reason.CARRIED),
        ("0.3", "0", {"state": State.PAUSED}, Reason.PAUSED),
        ("0.3", "0", {"state": State.SOFT_STOP}, Reason.STOPPED),
        ("0.3", "0", {"state": State.KILLED}, Reason.KILLED),
        ("0", "0.3", {"state": State.KILLED}, Reason.KILLED),
        ("0", "0.3", {"state": State.LEFT}, Reason.LEAVING),
        ("0", "0.3", {"available_base": d(0)}, Reason.NOTHING_AVAILABLE),
        ("0", "0.3", {"bound": d("0.3")}, Reason.NOTHING_AVAILABLE),
        ("0.3", "0", {"pair": rules(status="reduce_only")}, Reason.MARKET_CLOSED),
        ("0", "0.3", {"pair": rules(status="cancel_only")}, Reason.MARKET_CLOSED),
        ("0.3", "0", {"policy": UserPolicy(guards=Guards(orders_per_minute=3)), "entries_last_minute": 3}, Reason.RATE),
        ("0", "0.3", {"policy": UserPolicy(exit_rest=Rest.SKIP), "tries": 1, "left": 1}, Reason.NOT_FILLED),
    ],
)
def test_what_waits_says_why(wanted, held, more, code):
    waiting = planned(wanted, held, **more)
    assert isinstance(waiting, Waiting)
    assert code_of(waiting.reason) is code


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"now_ns": START + 11 * SECOND}, Reason.TOO_OLD),
        ({"available_quote": d("2")}, Reason.FUNDS),
        ({"reference": d(0)}, Reason.UNKNOWN_FIGURE),
        ({"now_ns": START + 11 * SECOND, "state": State.PAUSED}, Reason.TOO_OLD),
    ],
)
def test_what_cannot_be_bought_is_given_up(more, code):
    given = planned("0.3", "0.1", **more)
    assert isinstance(given, GiveUp)
    assert (given.volume, code_of(given.reason)) == (d("0.2"), code)


@pytest.mark.parametrize("state", [State.PAUSED, State.SOFT_STOP, State.HARD_STOP, State.LEAVING])
def test_exits_go_out_in_every_state_but_killed(state):
    late = planned("0", "0.3", state=state, now_ns=START + 10**6 * SECOND, available_quote=d(0), entries_last_minute=99)
    assert (late.side, late.volume) == ("sell", d("0.3"))


def test_a44_an_exit_is_bounded_first_and_then_as_its_policy_says():
    def limit_of(rest, tries, market):
        return planned("0", "0.3", UserPolicy(exit_rest=rest), tries=tries, left=tries, market=market).limit

    assert limit_of(Rest.MARKET, 0, d(40000)) == d("49500.0")
    assert limit_of(Rest.MARKET, 1, d(40000)) is None
    assert limit_of(Rest.RETRY, 1, d(40000)) == d("39600.0"), "measured from the price as it is by then"
    assert limit_of(Rest.RETRY, 1, None) == d("49500.0")


def test_where_market_orders_are_not_taken_an_exit_stays_a_limit():
    order = planned("0", "0.3", pair=rules(status="limit_only"), tries=3, market=d(40000))
    assert order.limit == d("39600.0")


def test_an_exit_whose_price_nobody_knows_goes_out_at_market():
    order = planned("0", "0.3", reference=d(0))
    assert (order.side, order.limit) == ("sell", None)


def test_an_entry_is_repeated_at_market_only_if_told_so():
    assert planned("0.3", "0", UserPolicy(rest=Rest.RETRY), tries=1, left=1).limit == d("50250.0")
    assert planned("0.3", "0", UserPolicy(rest=Rest.MARKET), tries=1, left=1).limit is None


@pytest.mark.parametrize("rest", Rest)
def test_of_an_order_that_did_not_get_out_nothing_was_left_and_the_next_is_bounded_as_well(rest):
    policy = UserPolicy(rest=rest, exit_rest=rest)
    assert planned("0.3", "0", policy, tries=2).limit == d("50250.0")
    assert planned("0", "0.3", policy, tries=2).limit == d("49500.0")


def test_no_order_is_above_the_most_of_an_order():
    """Three orders of the master's within the limit, on their way together, are still copied within it."""
    order = planned("0.3", "0", UserPolicy(guards=Guards(max_order=d(5000))))
    assert order.volume == d("0.1")
    assert planned("0", "0.3", UserPolicy(guards=Guards(max_order=d(5000)))).volume == d("0.3")


def test_the_purpose_can_be_named():
    assert planned("0", "0.3", purpose=Purpose.CLOSE).purpose is Purpose.CLOSE


def test_selling_more_than_is_held_is_found_out(monkeypatch):
    """Positive control: a plan that looks at the target only."""
    whole = ordering._order
    monkeypatch.setattr(
        ordering, "_order", lambda line, side, volume, *rest: whole(line, side, volume + d("0.00000001"), *rest)
    )
    with pytest.raises(AssertionError):
        test_never_more_is_sold_than_held_or_free()


@pytest.fixture
def no_prices_remembered():
    """Prices are remembered from call to call: a control must find no right ones and leave no wrong ones."""

    def forget():
        rounding.bound.cache_clear()
        rounding._limit.cache_clear()

    forget()
    yield
    forget()


def test_rounding_a_limit_outwards_is_found_out(monkeypatch, no_prices_remembered):
    """Positive control."""
    monkeypatch.setattr(rounding, "floor_to_tick", rounding.ceil_to_tick)
    with pytest.raises(AssertionError):
        test_limits_are_on_a_tick_inside_the_slippage_limit()
