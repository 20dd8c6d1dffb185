"""An order whose answer was lost: looked up behind a barrier, twice, and sent again only on proof."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krakenonce.broker import Order, OrderState, Patience, Placement
from krakenonce.broker.resolution import place_once, resolve
from krakenonce.errors import ConfigError, OutcomeUnknown
from krakenonce.kraken.replies import Refused, Unknown, classify
from krakenonce.lanes import Priority

ORDER = Order("XXBTZUSD", "buy", Decimal("0.01"), cl_ord_id="copy0001")
PATIENCE = Patience(attempts=3, settle_s=10, pause_s=0.5)


def refused(error):
    return Refused((error,), classify(error))


def state(status="closed", executed="0.01"):
    some = Decimal(1)
    return OrderState(
        "OTXID", "copy0001", "XBTUSD", "buy", "market", status, ORDER.volume, Decimal(executed), some, some, some, 1
    )


class Books:
    """An exchange in miniature. *answers* say what each sending brings; *executes* whether it executes all the same.

    A request that is neither answered nor executed at once is late: it executes when the next request of the key is
    accepted before it, that is never, as soon as a barrier was sent. *lag* looks at the books come back empty.
    """

    def __init__(self, answers, executes=(), lag=0, barrier_fails=False):
        self.answers, self.executes, self.lag = list(answers), list(executes), lag
        self.barrier_fails = barrier_fails
        self.steps, self.made = [], 0

    async def place(self, order, *, priority):
        self.steps.append("place")
        answer = self.answers.pop(0)
        if isinstance(answer, Placement) or (isinstance(answer, Unknown) and self.executes.pop(0)):
            self.made += 1
        return answer

    async def barrier(self, *, priority):
        self.steps.append("barrier")
        if self.barrier_fails:
            raise OutcomeUnknown("GetApiKeyInfo: HTTP 502")

    async def find(self, cl_ord_id, *, priority):
        self.steps.append("find")
        self.lag -= 1
        return state() if self.made and self.lag < 0 else None

    async def sleep(self, seconds):
        self.steps.append(seconds)


PLACED = Placement("OTXID", ORDER.volume)
LOST = Unknown("connection lost: time-out")


async def placed(books, patience=PATIENCE):
    return await place_once(books, ORDER, patience, books.sleep, Priority.ENTRY)


async def test_a_plain_answer_needs_no_looking():
    books = Books([PLACED])
    assert await placed(books) == PLACED
    assert books.steps == ["place"]


async def test_an_executed_order_with_a_lost_answer_is_found_and_not_repeated():
    books = Books([LOST], executes=[True])
    ending = await placed(books)
    assert (ending.txid, ending.committed, ending.looked_up) == ("OTXID", ORDER.volume, True)
    assert books.steps == ["place", "barrier", "find"]


async def test_books_that_lag_are_read_again_after_the_settle_time():
    books = Books([LOST], executes=[True], lag=1)
    assert (await placed(books)).looked_up
    assert books.steps == ["place", "barrier", "find", 10, "find"]
    assert books.made == 1


async def test_an_order_that_never_executed_is_sent_again_after_two_looks():
    books = Books([LOST, PLACED], executes=[False])
    ending = await placed(books)
    assert (ending.attempts, books.made) == (2, 1)
    assert books.steps == ["place", "barrier", "find", 10, "find", "place"]


async def test_without_a_barrier_nothing_is_known_and_nothing_is_sent():
    books = Books([LOST, PLACED], executes=[False], barrier_fails=True)
    with pytest.raises(OutcomeUnknown):
        await placed(books)
    assert books.steps == ["place", "barrier"]


async def test_a_passing_refusal_is_sent_again_after_a_growing_pause():
    books = Books([refused("EOrder:Rate limit exceeded"), refused("EService: Throttled: 1790000000"), PLACED])
    assert (await placed(books)).attempts == 3
    assert books.steps == ["place", 0.5, "place", 1.0, "place"]


async def test_a_lasting_refusal_is_the_answer():
    books = Books([refused("EOrder:Insufficient funds")])
    assert (await placed(books)).error == "EOrder:Insufficient funds"
    assert books.steps == ["place"]


async def test_patience_ends_with_the_last_refusal():
    books = Books([refused("EOrder:Rate limit exceeded")] * 3)
    assert (await placed(books)).error == "EOrder:Rate limit exceeded"
    assert books.steps == ["place", 0.5, "place", 1.0, "place"]


async def test_an_id_that_is_not_unique_may_be_our_own_order():
    books = Books([refused("EGeneral:Invalid arguments:cl_ord_id not unique")])
    books.made = 1
    assert (await placed(books)).looked_up
    assert books.steps == ["place", "barrier", "find"]


async def test_an_id_that_is_not_unique_and_not_to_be_found_is_refused():
    books = Books([refused("EGeneral:Invalid arguments:cl_ord_id not unique")])
    assert "not unique" in (await placed(books)).error


async def test_an_order_without_a_name_cannot_be_placed_once():
    with pytest.raises(ConfigError, match="cl_ord_id"):
        await place_once(Books([]), Order("XXBTZUSD", "buy", Decimal(1)), PATIENCE, Books([]).sleep)


async def test_resolve_reports_what_a_canceled_order_executed():
    books = Books([])

    async def find(cl_ord_id, *, priority):
        return state("canceled", "0.004")

    books.find = find
    found = await resolve(books, "copy0001", 1, books.sleep, Priority.ENTRY)
    assert found.committed == Decimal("0.004")


ANSWERS = st.sampled_from([LOST, PLACED, refused("EOrder:Rate limit exceeded"), refused("EOrder:Insufficient funds")])


@given(st.lists(ANSWERS, min_size=5, max_size=5), st.lists(st.booleans(), min_size=5, max_size=5), st.integers(0, 1))
async def test_whatever_is_lost_the_order_exists_once_or_is_reported_not_to(answers, executes, lag):
    books = Books(answers, executes, lag)
    ending = await placed(books)
    assert books.made == isinstance(ending, Placement)
