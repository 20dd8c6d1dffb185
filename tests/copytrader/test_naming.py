"""An order's name is a function of what it is for; no two orders share one."""

import random
import re

from hypothesis import given
from hypothesis import strategies as st

from krakenonce.copytrader import naming
from krakenonce.copytrader.naming import order_name
from krakenonce.copytrader.records import LineKey
from krakenonce.orders.records import Order
from tests.copytrader.made import KEY, d

SHAPE = re.compile(r"[a-z0-9]{18}")
texts = st.text(max_size=20)
orders = st.tuples(st.builds(LineKey, texts, texts, texts), texts, st.integers(0, 10**6))


@given(orders)
def test_a_name_is_what_every_path_of_the_exchange_accepts(order):
    name = order_name(*order)
    assert SHAPE.fullmatch(name)
    assert Order("XXBTZUSD", "buy", d(1), cl_ord_id=name).cl_ord_id == name


def test_a_name_is_the_same_for_ever():
    """The journal of a former version must be found again: these must never change."""
    assert order_name(KEY, "TABCDE-FGHIJ-KLMNOP", 0) == "qlfa4zgeekdn9bhemo"
    assert order_name(KEY, "TABCDE-FGHIJ-KLMNOP", 1) == "8m6t3llmxaq4l1yvkt"


@given(st.lists(orders, min_size=2, max_size=50, unique=True))
def test_different_orders_have_different_names(several):
    assert len({order_name(*order) for order in several}) == len(several)


def test_parts_cannot_be_shifted_from_one_to_the_next():
    shifted = [
        order_name(LineKey("a", "b", "c"), "d1", 2),
        order_name(LineKey("a", "b", "c"), "d", 12),
        order_name(LineKey("ab", "", "c"), "d1", 2),
        order_name(LineKey("a:1", "b", "c"), "d1", 2),
        order_name(LineKey("a", "1:b", "c"), "d1", 2),
    ]
    assert len(set(shifted)) == len(shifted)


def names_of(count, key_of=lambda number: LineKey(f"USER:{number % 1000}", "MASTER", "XXBTZUSD")):
    return {order_name(key_of(number), f"T{number // 1000:06}", number % 3) for number in range(count)}


def test_among_a_million_orders_no_name_occurs_twice():
    """By chance, two of a million names of 93 bits are the same once in 10 ** 16 times."""
    assert len(names_of(1_000_000)) == 1_000_000


def test_names_that_are_too_short_do_collide(monkeypatch):
    """Positive control: with four letters in place of eighteen, the count above would find out."""
    whole = order_name
    monkeypatch.setattr(f"{__name__}.order_name", lambda *order: whole(*order)[:4])
    assert len(names_of(50_000)) < 50_000


def test_every_letter_is_used_evenly():
    chosen = random.Random(7)
    names = [order_name(KEY, str(chosen.getrandbits(64)), 0) for _ in range(20_000)]
    for place in range(18):
        counts = dict.fromkeys(naming._ALPHABET, 0)
        for name in names:
            counts[name[place]] += 1
        assert min(counts.values()) > 350
        assert max(counts.values()) < 800
