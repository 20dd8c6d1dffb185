"""A47: what a joining user makes of the master's positions. A48: what becomes of a leaving user's."""

import pytest

from krakenonce.copytrader import joining as joining_room
from krakenonce.copytrader import lines
from krakenonce.copytrader.deciding import decide
from krakenonce.copytrader.guards.reasons import Reason, code_of
from krakenonce.copytrader.joining import CatchUp, LeftAlone, join
from krakenonce.copytrader.leaving import is_over, left
from krakenonce.copytrader.masterbook import Holding, MasterBook
from krakenonce.copytrader.policy import Joining, Leaving, Sizing, UserPolicy
from krakenonce.copytrader.records import Kind
from tests.copytrader.made import SECOND, START, d, fill, line, now, rules

POSITIONS = {
    "XXBTZUSD": Holding(d(2), d(80000)),
    "XETHZUSD": Holding(d(10), d(20000)),
    "XXBTZEUR": Holding(d(1), d(35000)),
}
PRICES = {"XXBTZUSD": d(45000), "XETHZUSD": d(1900), "XXBTZEUR": d(35000)}


def joined(how, pair="XXBTZUSD", price=None):
    known = PRICES[pair] if price is None else price
    return join(how, "MASTER", pair, POSITIONS[pair], known, now_ns=START, joined_ns=START - 5 * SECOND)


@pytest.mark.parametrize(
    ("how", "entered"),
    [
        (Joining.NEW_ONLY, set()),
        (Joining.SYNC_NOW, {"XXBTZUSD", "XETHZUSD", "XXBTZEUR"}),
        (Joining.SYNC_IF_NOT_WORSE, {"XETHZUSD", "XXBTZEUR"}),
    ],
)
def test_a47_the_master_holds_three_positions(how, entered):
    """He paid 40,000, 2,000 and 35,000; now they cost 45,000, 1,900 and 35,000."""
    outcomes = {pair: joined(how, pair) for pair in POSITIONS}
    assert {pair for pair, outcome in outcomes.items() if isinstance(outcome, CatchUp)} == entered
    for outcome in outcomes.values():
        if isinstance(outcome, LeftAlone):
            assert code_of(outcome.reason) in (Reason.NOT_JOINED, Reason.WORSE_PRICE)


@pytest.mark.parametrize(
    ("holding", "price"), [(Holding(), d(1)), (POSITIONS["XXBTZUSD"], None), (POSITIONS["XXBTZUSD"], d(0))]
)
def test_without_a_position_or_a_price_there_is_nothing_to_enter(holding, price):
    outcome = join(Joining.SYNC_NOW, "MASTER", "XXBTZUSD", holding, price, now_ns=START, joined_ns=START)
    assert isinstance(outcome, LeftAlone)


def test_catching_up_is_decided_as_a_fill_of_the_whole_position_at_the_price_of_now():
    caught = joined(Joining.SYNC_NOW)
    policy = UserPolicy(sizing=Sizing(amount=d("0.1")))
    decision = decide(caught.fill, line(), caught.change, policy, rules(), now())
    assert (decision.kind, decision.delta, decision.price) == (Kind.ENTRY, d("0.2"), d(45000))


def test_a_joining_that_is_tried_again_has_the_same_name():
    """So that the journal takes its decision once."""
    again = join(
        Joining.SYNC_NOW,
        "MASTER",
        "XXBTZUSD",
        POSITIONS["XXBTZUSD"],
        d(46000),
        now_ns=START + 9,
        joined_ns=START - 5 * SECOND,
    )
    assert (
        again.fill.exec_id == joined(Joining.SYNC_NOW).fill.exec_id != joined(Joining.SYNC_NOW, "XETHZUSD").fill.exec_id
    )


def test_who_has_caught_up_closes_with_the_master():
    book = MasterBook()
    book.resume("XXBTZUSD", POSITIONS["XXBTZUSD"])
    caught = joined(Joining.SYNC_NOW)
    standing = lines.apply(line(), decide(caught.fill, line(), caught.change, UserPolicy(), rules(), now()))
    sell = fill("0.5", "sell")
    standing = lines.apply(standing, decide(sell, standing, book.take(sell), UserPolicy(), rules(), now()))
    assert standing.wanted == d("1.5")


def test_who_copies_only_what_is_new_is_not_bothered_by_old_positions():
    book = MasterBook()
    book.resume("XXBTZUSD", POSITIONS["XXBTZUSD"])
    sell = fill("0.5", "sell", exec_id="T1")
    decision = decide(sell, line(), book.take(sell), UserPolicy(), rules(), now())
    assert code_of(decision.reason) is Reason.NOTHING_COPIED


@pytest.mark.parametrize(
    ("how", "wanted", "over"),
    [(Leaving.KEEP, "0.5", True), (Leaving.CLOSE, "0", False), (Leaving.CLOSE_WITH_MASTER, "0.5", False)],
)
def test_a48_leaving_keeps_closes_or_waits_for_the_master(how, wanted, over):
    standing = left(line("0.8", "0.5"), how)
    assert (standing.wanted, standing.held) == (d(wanted), d("0.5"))
    assert is_over(standing, how) == over
    assert is_over(lines.executed(lines.closed(standing), "sell", d("0.5")), how)


def test_what_cannot_be_sold_keeps_nobody_from_leaving():
    assert is_over(line("0", "0.00004"), Leaving.CLOSE, least=d("0.00005"))
    assert not is_over(line("0", "0.00005"), Leaving.CLOSE, least=d("0.00005"))


def test_joining_at_any_price_is_found_out(monkeypatch):
    """Positive control."""
    monkeypatch.setattr(joining_room.Holding, "average", property(lambda _: None))
    with pytest.raises(AssertionError):
        test_a47_the_master_holds_three_positions(Joining.SYNC_IF_NOT_WORSE, {"XETHZUSD", "XXBTZEUR"})
