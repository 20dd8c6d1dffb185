"""Guards: each stands in the way of entries, says why, and never stands in the way of an exit. A36, A44, A51."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krakenonce.copytrader import deciding
from krakenonce.copytrader.circumstances import Usage
from krakenonce.copytrader.deciding import decide
from krakenonce.copytrader.guards import entry as guards_of_entries
from krakenonce.copytrader.guards.failures import failed, succeeded
from krakenonce.copytrader.guards.reasons import Reason, code_of, plain, say
from krakenonce.copytrader.journal.records import Standing, State
from krakenonce.copytrader.masterbook import Change
from krakenonce.copytrader.policy import Guards, UserPolicy
from krakenonce.copytrader.records import Kind
from tests.copytrader.made import SECOND, START, change_of, d, fill, line, now, rules

BUY = fill("1", whole="1")
ETH = frozenset({"XETHZUSD"})


def refused(guards=None, *, pair_rules=None, change=None, standing=None, one=BUY, **circumstances):
    policy = UserPolicy(guards=guards or Guards())
    known = change or change_of(one, before="1" if one.side == "sell" else "0")
    return decide(one, standing or line(), known, policy, pair_rules or rules(), now(**circumstances))


def usage(**more):
    return Usage(**more)


HINDRANCES = {
    Reason.PAUSED: {"user": usage(state=State.PAUSED, state_reason="by hand")},
    Reason.STOPPED: {"user": usage(state=State.SOFT_STOP)},
    Reason.KILLED: {"together": usage(state=State.KILLED)},
    Reason.LEAVING: {"user": usage(state=State.LEAVING)},
    Reason.FAILURES: {"user": usage(failures=5)},
    Reason.PAIR_NOT_ALLOWED: {"guards": Guards(pairs=ETH)},
    Reason.MARKET_CLOSED: {"pair_rules": rules(status="cancel_only")},
    Reason.TOO_OLD: {"now_ns": START + 11 * SECOND},
    Reason.PRICE_MOVED: {"market": d("50250.1")},
    Reason.MAX_POSITIONS: {"guards": Guards(max_positions=1), "user": usage(positions=ETH)},
    Reason.MASTER_HAS_SOLD: {"change": Change(d(1), d(1), d(1), d(1))},
    Reason.BELOW_OWN_MINIMUM: {"guards": Guards(min_order=d(50001))},
    Reason.MAX_EXPOSURE: {"guards": Guards(max_exposure=d(100)), "user": usage(exposure=d(100))},
    Reason.FUNDS: {"available": d("0.1")},
}


@pytest.mark.parametrize("reason", HINDRANCES, ids=lambda reason: reason.value)
def test_each_guard_skips_an_entry_and_says_why(reason):
    decision = refused(**HINDRANCES[reason])
    assert (decision.kind, decision.delta) == (Kind.SKIP, 0)
    assert code_of(decision.reason) is reason
    assert len(decision.reason) > len(reason.value) + 10, "plain words belong to it"


@pytest.mark.parametrize("reason", [reason for reason in HINDRANCES if reason is not Reason.MASTER_HAS_SOLD])
def test_no_guard_touches_an_exit(reason):
    """A44, A54: neither age, nor price, nor pause, nor limits."""
    hindrance = {name: value for name, value in HINDRANCES[reason].items() if name != "change"}
    decision = refused(one=replace(BUY, side="sell"), standing=line("0.4", "0.4"), **hindrance)
    assert (decision.kind, decision.delta, decision.reason) == (Kind.EXIT, -d("0.4"), "")


@given(
    st.sampled_from(State),
    st.integers(0, 100),
    st.integers(0, 10**6),
    st.sampled_from([None, d(1), d(10**9)]),
    st.sampled_from(["online", "cancel_only", "post_only", "limit_only", "reduce_only"]),
)
def test_no_combination_of_circumstances_touches_an_exit(state, failures, age_s, market, status):
    decision = refused(
        Guards(pairs=ETH, max_exposure=d(0), max_positions=0, max_order=d("0.01"), max_age_s=0),
        one=replace(BUY, side="sell"),
        standing=line("0.4", "0.4"),
        pair_rules=rules(status=status),
        user=usage(state=state, failures=failures, exposure=d(10**9), positions=ETH),
        together=usage(state=state),
        together_guards=Guards(pairs=ETH),
        market=market,
        now_ns=START + age_s * SECOND,
        available=d(0),
    )
    assert (decision.kind, decision.delta) == (Kind.EXIT, -d("0.4"))


@pytest.mark.parametrize(
    "hindrance",
    [
        {"market": d("50250")},
        {"now_ns": START + 10 * SECOND},
        {"guards": Guards(pairs=frozenset({"XXBTZUSD"}))},
        {"guards": Guards(max_positions=1), "user": usage(positions=frozenset({"XXBTZUSD"}))},
        {"guards": Guards(min_order=d(50000))},
        {"user": usage(failures=4)},
        {"pair_rules": rules(status="limit_only")},
        {"together_guards": Guards(max_age_s=0)},
    ],
    ids=lambda hindrance: next(iter(hindrance)),
)
def test_at_the_limit_an_entry_is_still_made(hindrance):
    decision = refused(**hindrance)
    assert (decision.kind, decision.delta, decision.reason) == (Kind.ENTRY, 1, "")


@pytest.mark.parametrize(
    ("together_guards", "together", "reason"),
    [
        (Guards(pairs=ETH), usage(), Reason.PAIR_NOT_ALLOWED),
        (Guards(max_positions=0), usage(), Reason.MAX_POSITIONS),
        (Guards(min_order=d(60000)), usage(), Reason.BELOW_OWN_MINIMUM),
        (Guards(max_exposure=d(9)), usage(exposure=d(9)), Reason.MAX_EXPOSURE),
        (None, usage(state=State.HARD_STOP), Reason.STOPPED),
    ],
)
def test_everybodys_limits_count_beside_the_users(together_guards, together, reason):
    decision = refused(together_guards=together_guards, together=together)
    assert code_of(decision.reason) is reason


@pytest.mark.parametrize(
    ("hindrance", "delta", "reason"),
    [
        ({"guards": Guards(max_order=d(25000))}, "0.5", Reason.MAX_ORDER),
        ({"guards": Guards(max_order=d(25000)), "together_guards": Guards(max_order=d(5000))}, "0.1", Reason.MAX_ORDER),
        ({"guards": Guards(max_exposure=d(60000)), "user": usage(exposure=d(50000))}, "0.2", Reason.MAX_EXPOSURE),
        ({"available": d("5025"), "fee_rate": d(0)}, "0.1", Reason.FUNDS),
        ({"available": d("5045.1"), "fee_rate": d("0.004")}, "0.1", Reason.FUNDS),
        ({"guards": Guards(max_order=d(25000)), "worth": d("0.5")}, "1", None),
        ({"guards": Guards(max_order=d(25000)), "available": d(5025)}, "0.1", Reason.FUNDS),
    ],
)
def test_what_is_too_much_is_cut_and_says_why(hindrance, delta, reason):
    decision = refused(**hindrance)
    assert (decision.kind, decision.delta) == (Kind.ENTRY, d(delta))
    assert code_of(decision.reason) is reason


def test_what_the_line_wants_already_is_not_promised_twice():
    """The line waits for 0.02; 5,025 pay for 0.1 in all."""
    decision = refused(available=d(5025), standing=line("0.02", "0"))
    assert decision.delta == d("0.08")
    on_the_way = refused(available=d(5025), standing=line("0.02", "0"), on_the_way=d("0.02"))
    assert on_the_way.delta == d("0.1")


def test_a_large_order_is_cut_as_a_whole_however_it_is_filled():
    """The most of an order is one for the master's order: each of its four fills gets a quarter of that."""
    part = fill("0.25", whole="1")
    decision = refused(Guards(max_order=d(20000)), one=part, change=Change(d(0), d("0.25"), d("0.25"), d(1)))
    assert decision.delta == d("0.1")
    assert code_of(decision.reason) is Reason.MAX_ORDER


def test_the_first_reason_is_the_users_own():
    decision = refused(now_ns=START + 99 * SECOND, together=usage(state=State.KILLED))
    assert code_of(decision.reason) is Reason.TOO_OLD


def test_a_guard_that_is_taken_out_is_missed(monkeypatch):
    """Positive control: with any one guard removed, its test above fails."""
    for name, guards in (("OWN_GUARDS", guards_of_entries.OWN_GUARDS), ("LIMITS", guards_of_entries.LIMITS)):
        for guard in guards:
            rest = tuple(other for other in guards if other is not guard)
            with monkeypatch.context() as patch:
                patch.setattr(guards_of_entries, name, rest)
                assert any(code_of(refused(**more).reason) is not reason for reason, more in HINDRANCES.items()), guard


def test_a_guard_that_is_asked_about_exits_is_found_out(monkeypatch):
    """Positive control."""
    monkeypatch.setattr(deciding, "_exit", lambda one, standing, change, *_: deciding.skip(one, standing, "no", 0))
    with pytest.raises(AssertionError):
        test_no_guard_touches_an_exit(Reason.PAUSED)


def test_reasons_are_a_closed_list_with_codes_for_programs():
    assert code_of(say(Reason.FUNDS, "1 is free: too little")) is Reason.FUNDS
    assert code_of("") is code_of("funds") is code_of("no such code: words") is None
    assert len({reason.value for reason in Reason}) == len(Reason)
    assert all(reason.value.replace("_", "").isalpha() and reason.value.islower() for reason in Reason)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1E+3", "1000"),
        ("0.000012340000", "0.00001234"),
        ("0", "0"),
        ("1E-30", "0"),
        ("-2.50", "-2.5"),
        ("1E+9", "1000000000"),
    ],
)
def test_figures_are_written_as_people_write_them(number, text):
    assert plain(d(number)) == text


def test_a51_after_so_many_failures_in_a_row_a_user_is_paused():
    standing, guards = Standing("USER:anna"), Guards(max_failures=3)
    for count in (1, 2):
        standing = failed(standing, guards, "no funds", START)
        assert (standing.state, standing.failures) == (State.ACTIVE, count)
    assert failed(succeeded(standing), guards, "no funds", START).state is State.ACTIVE
    paused = failed(standing, guards, "no funds", START + 7)
    assert (paused.state, paused.since_ns, code_of(paused.reason)) == (State.PAUSED, START + 7, Reason.FAILURES)
    assert "no funds" in paused.reason


def test_a_failure_does_not_soften_a_stop():
    stopped = Standing("USER:anna", State.HARD_STOP, "losses", failures=9)
    assert failed(stopped, Guards(), "x", START).state is State.HARD_STOP
