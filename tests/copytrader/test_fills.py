"""Each fill once, none from before the start, none missed because it showed up late."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krakenonce.broker import Fill
from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader import FillFeed
from krakenonce.copytrader.fills import FillSieve
from krakenonce.errors import OutcomeUnknown

BEGAN = 1_790_000_000 * NS_PER_SECOND


def fill(number, seconds):
    one = Decimal(1)
    return Fill(
        f"T{number}", f"O{number}", "XXBTZUSD", "buy", one, one, one, Decimal(0), BEGAN + int(seconds * NS_PER_SECOND)
    )


class Books:
    """A master whose trades become visible when the test says so."""

    def __init__(self):
        self.visible, self.asked = [], []

    fingerprint = "the master's key"

    async def server_time_ns(self):
        return BEGAN

    async def fills(self, since_ns):
        self.asked.append(since_ns)
        return sorted((one for one in self.visible if one.time_ns >= since_ns), key=lambda one: one.time_ns)


async def test_nothing_from_before_the_start_is_copied_even_if_it_shows_up_late():
    books = Books()
    books.visible = [fill(1, -3), fill(2, -0.1)]
    feed = FillFeed(books)
    await feed.begin()
    books.visible.append(fill(3, -1))
    assert await feed.poll() == []
    books.visible.append(fill(4, 0.5))
    assert [one.exec_id for one in await feed.poll()] == ["T4"]


async def test_a_fill_seen_in_the_very_second_of_the_start_is_not_copied():
    books = Books()
    books.visible = [fill(1, 0.4)]
    feed = FillFeed(books)
    await feed.begin()
    books.visible.append(fill(2, 0.3))
    assert [one.exec_id for one in await feed.poll()] == ["T2"], "it was not there when the feed began"


async def test_a_fill_that_shows_up_behind_newer_ones_is_found():
    books = Books()
    feed = FillFeed(books, overlap_s=15)
    await feed.begin()
    books.visible.append(fill(1, 20))
    assert len(await feed.poll()) == 1
    books.visible.append(fill(2, 12))
    assert [one.exec_id for one in await feed.poll()] == ["T2"]
    assert await feed.poll() == []


async def test_a_failed_poll_loses_nothing():
    books = Books()
    feed = FillFeed(books)
    await feed.begin()
    books.visible.append(fill(1, 1))
    answer, books.fills = books.fills, _no_answer
    with pytest.raises(OutcomeUnknown):
        await feed.poll()
    books.fills = answer
    assert [one.exec_id for one in await feed.poll()] == ["T1"]


async def _no_answer(since_ns):
    raise OutcomeUnknown("TradesHistory: connection lost")


@given(st.lists(st.lists(st.integers(0, 60), max_size=30), max_size=12))
def test_whatever_is_repeated_comes_through_once(pages):
    sieve = FillSieve(BEGAN, 15 * NS_PER_SECOND)
    through = [one.exec_id for page in pages for one in sieve.fresh(fill(number, number) for number in page)]
    assert sorted(through) == sorted({f"T{number}" for page in pages for number in page})


def test_what_will_not_be_read_again_is_forgotten():
    sieve = FillSieve(BEGAN, 15 * NS_PER_SECOND)
    for number in range(20_000):
        assert len(sieve.fresh([fill(number, number)])) == 1
    assert len(sieve._seen) <= 1_000
