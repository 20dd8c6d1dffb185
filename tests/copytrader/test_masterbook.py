"""The master's book: positions as his fills tell them, in whatever order they are learnt of."""

from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from krakenonce.copytrader import masterbook
from krakenonce.copytrader.masterbook import Holding, MasterBook
from tests.copytrader.made import SECOND, START, d, fill, fills, lots

PAIR = "XXBTZUSD"
trades = st.lists(st.tuples(st.sampled_from(["buy", "sell"]), lots(most=1000)), min_size=1, max_size=30)


def history(trades):
    return [
        fill(volume, side, exec_id=f"T{number}", order=f"O{number}", at=START + number)
        for number, (side, volume) in enumerate(trades)
    ]


def by_hand(many):
    position = Fraction(0)
    for one in sorted(many, key=lambda one: one.filled_ns):
        change = Fraction(one.volume)
        position = max(position + (change if one.side == "buy" else -change), Fraction(0))
    return position


@given(trades, st.randoms())
@example([("buy", Decimal(1)), ("sell", Decimal(2)), ("buy", Decimal(3))], Random(4))  # backwards, whatever is drawn
def test_the_order_in_which_fills_are_learnt_of_does_not_matter(trades, chance):
    many = history(trades)
    book = MasterBook()
    shuffled = many[:]
    chance.shuffle(shuffled)
    known = []
    for one in shuffled:
        change = book.take(one)
        assert Fraction(change.before) == by_hand(known)
        known.append(one)
        assert Fraction(change.after) == by_hand(known)
        assert Fraction(book.holding(PAIR).position) == by_hand(known)


@given(trades)
def test_in_order_a_fill_counts_for_its_volume(trades):
    book = MasterBook()
    for one in history(trades):
        change = book.take(one)
        if one.side == "buy":
            assert change.after - change.before == one.volume
        else:
            assert change.before - change.after == min(one.volume, change.before)


def test_a_buy_that_is_found_after_its_coins_were_sold_counts_for_nothing():
    book = MasterBook()
    book.take(fill(side="sell", exec_id="T2", at=START + 2))
    assert book.take(fill(exec_id="T1", at=START + 1))[:2] == (0, 0)


def test_a_sell_that_is_found_late_counts_for_what_is_missing_now():
    book = MasterBook()
    book.take(fill(exec_id="T1", at=START + 1))
    book.take(fill(exec_id="T3", at=START + 3))
    assert book.take(fill(side="sell", exec_id="T2", at=START + 2))[:2] == (2, 1)


@given(st.lists(lots(most=10**6), min_size=1, max_size=20))
def test_an_order_is_counted_once_however_it_is_filled(volumes):
    book = MasterBook()
    shares = [book.take(one).order_share for one in fills(volumes)]
    assert sum(map(Fraction, shares)) == 1
    assert book.filled("O1") == sum(volumes)


def test_an_order_of_unknown_volume_is_counted_in_full_with_its_first_fill():
    book = MasterBook()
    shares = [book.take(fill("0.1", exec_id=f"T{number}")).order_share for number in range(3)]
    assert shares == [1, 0, 0]


def test_an_order_whose_volume_is_learnt_late_is_not_counted_twice():
    book = MasterBook()
    assert book.take(fill("0.25", exec_id="T1")).order_share == 1
    assert book.take(fill("0.75", exec_id="T2", whole="1")).order_share == 0


def test_an_order_that_is_made_larger_counts_for_at_most_one():
    book = MasterBook()
    first = book.take(fill("0.5", exec_id="T1", whole="1")).order_share
    second = book.take(fill("1", exec_id="T2", whole="2")).order_share
    assert (first, second) == (d("0.5"), d("0.25"))


def test_after_a_restart_orders_are_recalled_and_positions_resumed():
    book = MasterBook()
    book.resume(PAIR, Holding(d(3), d(90000)))
    book.recall([fill("0.1", exec_id="T1")])
    change = book.take(fill("0.1", exec_id="T2", at=START + 1))
    assert change[:3] == (3, d("3.1"), 0)
    assert book.holdings() == {PAIR: Holding(d("3.1"), d(95000))}


def test_the_average_price_is_that_of_what_was_bought():
    book = MasterBook()
    assert book.holding(PAIR).average is None
    book.take(fill("1", price="100", exec_id="T1"))
    book.take(fill("3", price="200", exec_id="T2"))
    assert book.holding(PAIR).average == 175
    book.take(fill("2", "sell", price="999", exec_id="T3"))
    assert book.holding(PAIR).average == 175
    book.take(fill("5", "sell", exec_id="T4"))
    assert book.holding(PAIR) == Holding(Decimal(0), Decimal(0))


def test_memory_is_bounded_and_the_position_is_not_hurt_by_that(monkeypatch):
    monkeypatch.setattr(masterbook, "RECENT", 10)
    monkeypatch.setattr(masterbook, "MOST", 15)
    monkeypatch.setattr(masterbook, "ORDERS", 20)
    book = MasterBook()
    for number in range(200):
        book.take(fill("1", exec_id=f"T{number}", order=f"O{number}", whole="2", at=START + number))
    assert book.holding(PAIR).position == 200
    assert len(book._pairs[PAIR].recent) < 20
    assert len(book._orders) <= 20


def test_what_is_remembered_depends_on_how_much_happens_and_not_on_how_long(monkeypatch):
    monkeypatch.setattr(masterbook, "RECENT", 10)
    book, sizes = MasterBook(), []
    for minute in range(600):
        book.take(fill("1", exec_id=f"T{minute}", at=START + 60 * minute * SECOND))
        sizes.append(len(book._pairs[PAIR].recent))
    assert max(sizes) <= 60 + 2 * 10
    assert book.take(fill("600", "sell", exec_id="late", at=START + 550 * 60 * SECOND))[:2] == (600, 49)


def test_a_book_that_adds_up_as_it_learns_is_found_out(monkeypatch):
    """Positive control: without sorting by time, a late sell would close coins that were bought after it."""
    monkeypatch.setattr(masterbook, "bisect_right", lambda fills, _when, key: len(fills))
    with pytest.raises(AssertionError):
        test_a_buy_that_is_found_after_its_coins_were_sold_counts_for_nothing()
    with pytest.raises(AssertionError):
        test_the_order_in_which_fills_are_learnt_of_does_not_matter()
