"""What follows from how an order ended: entries are given up in the end, exits never are."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from krakenonce.copytrader import endings, lines
from krakenonce.copytrader.endings import Aftermath, after, pause_after
from krakenonce.copytrader.guards.reasons import Reason, code_of
from krakenonce.copytrader.ordering import CopyOrder, next_order
from krakenonce.copytrader.policy import Rest, UserPolicy
from krakenonce.copytrader.records import OrderPhase
from tests.copytrader.made import SECOND, START, d, line, moment, rules

BUY = next_order(line("0.3"), UserPolicy(), rules(), moment())._replace(phase=OrderPhase.DONE)
SELL = next_order(line("0", "0.3"), UserPolicy(), rules(), moment())._replace(phase=OrderPhase.DONE)
REFUSED = {"phase": OrderPhase.REFUSED, "reason": "EOrder:Insufficient funds"}


def followed(order, rest=Rest.SKIP, *, tries=0, left=0, late=False, passing=False):
    policy = UserPolicy(rest=rest, exit_rest=rest)
    now_ns = START + (11 if late else 9) * SECOND
    fresh_until_ns = START + 10 * SECOND
    return after(order, policy, tries=tries, left=left, now_ns=now_ns, fresh_until_ns=fresh_until_ns, passing=passing)


@pytest.mark.parametrize("order", [BUY, SELL], ids=["buy", "sell"])
def test_an_order_that_did_all_it_was_to_do_leaves_nothing(order):
    assert followed(order._replace(executed=order.volume), tries=5) == Aftermath()


@pytest.mark.parametrize(
    ("rest", "limit", "late", "given_up"),
    [
        (Rest.SKIP, True, False, "0.2"),
        (Rest.RETRY, True, False, "0"),
        (Rest.RETRY, True, True, "0.2"),
        (Rest.MARKET, True, False, "0"),
        (Rest.MARKET, True, True, "0.2"),
        (Rest.MARKET, False, False, "0.2"),
    ],
)
def test_the_rest_of_an_entry(rest, limit, late, given_up):
    order = BUY._replace(executed=d("0.1"), limit=BUY.limit if limit else None)
    outcome = followed(order, rest, late=late)
    assert outcome.give_up == d(given_up)
    assert code_of(outcome.reason) is Reason.NOT_FILLED
    assert (outcome.tries == 1) == (given_up == "0")


@pytest.mark.parametrize(
    ("passing", "late", "given_up"), [(False, False, "0.3"), (True, False, "0"), (True, True, "0.3")]
)
def test_an_entry_that_was_refused(passing, late, given_up):
    outcome = followed(BUY._replace(**REFUSED), Rest.RETRY, late=late, passing=passing)
    assert outcome.give_up == d(given_up)
    assert code_of(outcome.reason) is Reason.REFUSED
    assert "Insufficient funds" in outcome.reason


@given(
    st.sampled_from(Rest),
    st.booleans(),
    st.booleans(),
    st.integers(0, 1000),
    st.sampled_from(OrderPhase),
    st.integers(0, 29),
)
@example(Rest.SKIP, True, False, 0, OrderPhase.DONE, 0)  # the one that is given up first, whatever is drawn
def test_an_exit_is_never_given_up(rest, late, passing, tries, phase, tenths):
    order = SELL._replace(phase=phase, executed=d(tenths) / 100)
    outcome = followed(order, rest, late=late, passing=passing, tries=tries)
    assert outcome.give_up == 0
    assert outcome.tries == tries + 1
    assert outcome.left == (0 if phase is OrderPhase.REFUSED else 1)
    assert outcome.pause_ns <= endings.LONGEST_PAUSE_NS


def test_an_exit_that_found_no_counterpart_is_followed_at_once_by_the_next_and_then_with_growing_pauses():
    assert followed(SELL, Rest.MARKET).pause_ns == 0
    market = SELL._replace(limit=None)
    pauses = [followed(market, Rest.MARKET, tries=tries, left=1).pause_ns for tries in range(1, 12)]
    assert pauses == sorted(pauses)
    assert pauses[0] == SECOND
    assert pauses[-1] == endings.LONGEST_PAUSE_NS


def test_what_was_refused_is_not_repeated_at_once():
    assert followed(SELL._replace(**REFUSED)).pause_ns == pause_after(0) > 0


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.sampled_from([Rest.RETRY, Rest.MARKET]))
def test_an_exit_goes_on_until_all_is_sold(executions, rest):
    """Whatever each order sells, the next one is for what is left."""
    policy, standing, tries, left = UserPolicy(exit_rest=rest), line("0", "0.3"), 0, 0
    for sold in executions:
        order = next_order(standing, policy, rules(), moment(tries=tries, left=left))
        if not isinstance(order, CopyOrder):
            assert standing.held < d("0.00005")
            return
        assert order.volume == standing.held
        executed = min(order.volume, d(sold) / 100)
        standing = lines.executed(standing, "sell", executed)
        done = order._replace(phase=OrderPhase.DONE, executed=executed)
        outcome = after(done, policy, tries=tries, left=left, now_ns=START, fresh_until_ns=0)
        tries, left = outcome.tries, outcome.left


def test_giving_up_an_exit_is_found_out(monkeypatch):
    """Positive control: with sells treated as buys, the property above fails."""
    whole = endings.after
    monkeypatch.setattr(
        f"{__name__}.after", lambda order, *rest, **named: whole(order._replace(side="buy"), *rest, **named)
    )
    with pytest.raises(AssertionError):
        test_an_exit_is_never_given_up()
