"""Accounts on paper: what the book would have given, no more, and nothing sent."""

import asyncio
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krakenonce.broker import Acknowledged, Balance, Depth, PairRules
from krakenonce.clock import NS_PER_SECOND, ManualClock
from krakenonce.copytrader.paper import PaperAccount, PaperMarket, PaperWallet, wallet_after
from krakenonce.copytrader.paper.account import MadePurse
from krakenonce.copytrader.paper.book import PaperBook
from krakenonce.copytrader.paper.orders import NO_COUNTERPART
from krakenonce.copytrader.records import CopyOrder, LineKey, OrderPhase, Purpose
from krakenonce.errors import OutcomeUnknown, RequestRefused, TryLater
from krakenonce.kraken.replies import Refused

D = Decimal
BTC = "XXBTZUSD"
RULES = {BTC: PairRules(BTC, "XBTUSD", "XBT/USD", "XXBT", "ZUSD", 1, 8, D("0.0001"), D("0.5"), "online")}
ROWS = Depth(
    bids=((D(49990), D("0.5")), (D(49980), D(1)), (D(49900), D(5))),
    asks=((D(50010), D("0.5")), (D(50020), D(1)), (D(50100), D(5))),
)


def order(name="a", side="buy", volume="0.1", limit=None, ordertype=None, trigger=None):
    return CopyOrder(
        name, LineKey("USER:alice", "MASTER", BTC), "T1", 0, Purpose.ENTRY, side, D(volume),
        None if limit is None else D(limit), 2**62, D(50000), ordertype=ordertype,
        trigger=None if trigger is None else D(trigger),
    )  # fmt: skip


class World:
    """A market whose book is `ROWS`, and an account with 100,000 USD."""

    def __init__(self):
        self.clock, self.reads, self.error = ManualClock(), 0, None
        self.market = PaperMarket(self.read, self.clock)
        self.account = self.make("USER:alice")

    def make(self, name, wallet=None):
        purse = MadePurse({"ZUSD": D(100_000), "XXBT": D(1)})
        return PaperAccount(name, name, self.market, purse, RULES, clock=self.clock, fee_rate=D("0.004"), wallet=wallet)

    async def read(self, pair):
        self.reads += 1
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        return ROWS

    async def ended(self, made):
        answer = await self.account.send(made)
        assert isinstance(answer, Acknowledged)
        return await self.account.ending(made)


@pytest.fixture
async def world():
    return World()


async def test_a_market_order_takes_the_best_prices_and_pays_the_fee(world):
    state = await world.ended(order(volume="1"))
    cost = D("0.5") * 50010 + D("0.5") * 50020
    assert (state.status, state.executed, state.cost, state.fee) == ("closed", D(1), cost, cost * D("0.004"))
    assert state.price == cost
    balances = await world.account.balances()
    assert balances["XXBT"] == Balance("XXBT", D(2), D(0), D(2))
    assert balances["ZUSD"].total == 100_000 - cost - cost * D("0.004")


async def test_a_limit_is_kept_and_the_rest_is_given_up(world):
    state = await world.ended(order(volume="1", limit="50010"))
    assert (state.status, state.executed, state.reason) == ("canceled", D("0.5"), NO_COUNTERPART)
    nothing = await world.ended(order("b", "sell", "1", "49995"))
    assert (nothing.status, nothing.executed, nothing.cost, nothing.price) == ("canceled", 0, 0, 0)


async def test_a_sale_brings_money_less_the_fee(world):
    state = await world.ended(order(side="sell", volume="0.5"))
    balances = await world.account.balances()
    assert balances["ZUSD"].total == 100_000 + state.cost - state.fee
    assert balances["XXBT"].total == D("0.5")


async def test_what_one_takes_is_gone_for_the_next_until_the_book_is_read_again(world):
    others = [world.make(f"USER:{number}") for number in range(3)]
    orders = [order(f"o{number}", volume="0.5", limit="50010") for number in range(3)]
    answers = [account.send(made) for account, made in zip(others, orders, strict=True)]
    await asyncio.gather(*answers)
    ends = [await account.ending(made) for account, made in zip(others, orders, strict=True)]
    assert sorted(state.executed for state in ends) == [0, 0, D("0.5")]
    assert world.reads == 1
    world.clock.advance(NS_PER_SECOND)
    assert (await world.ended(order("later", volume="0.5", limit="50010"))).executed == D("0.5")
    assert world.reads == 2


async def test_a_book_that_cannot_be_read_sends_nothing_and_is_read_again(world):
    world.error = OutcomeUnknown("no answer")
    with pytest.raises(TryLater, match="the book of XXBTZUSD can't be read"):
        await world.account.send(order())
    assert await world.account.ending(order()) is None
    world.error = None
    assert (await world.ended(order())).executed == D("0.1")


async def test_an_unknown_pair_is_refused(world):
    made = order()
    strange = CopyOrder("x", LineKey("USER:alice", "MASTER", "NOPE"), *[getattr(made, name) for name in _REST])
    answer = await world.account.send(strange)
    assert isinstance(answer, Refused)


_REST = ("exec_id", "attempt", "purpose", "side", "volume", "limit", "deadline_ns", "reference")


async def test_an_order_of_an_earlier_run_never_existed(world):
    assert await world.account.ending(order("earlier")) is None


async def test_changes_of_an_earlier_run_count(world):
    state = await world.ended(order(volume="0.5"))
    done = CopyOrder(
        *[getattr(order(volume="0.5"), name) for name in ("cl_ord_id", "line", *_REST)],
        phase=OrderPhase.DONE, executed=state.executed, cost=state.cost, fee=state.fee,
    )  # fmt: skip
    again = world.make("USER:again", wallet_after([done], RULES))
    assert await again.balances() == await world.account.balances()


async def test_nothing_is_below_zero_whatever_becomes_of_the_real_account(world):
    poor = PaperAccount(
        "USER:poor", "poor", world.market, MadePurse({"ZUSD": D(5)}), RULES, clock=world.clock, fee_rate=D(0),
        wallet=PaperWallet({"ZUSD": D(-100)}),
    )  # fmt: skip
    assert (await poor.balances())["ZUSD"].available == 0


# Orders that rest: those that mirror the master's


async def rests(world, made):
    assert isinstance(await world.account.send(made), Acknowledged)
    end = asyncio.ensure_future(world.account.ending(made))
    await asyncio.sleep(0)
    assert not end.done()
    return end


@pytest.mark.parametrize(
    ("made", "passing", "filling", "at"),
    [
        (order(limit="49000", ordertype="limit"), 49001, 48990, 49000),
        (order(side="sell", limit="51000", ordertype="limit"), 50999, 51001, 51000),
        (order(side="sell", ordertype="stop-loss", trigger="49500"), 49501, 49400, 49400),
        (order(ordertype="stop-loss", trigger="50500"), 50499, 50600, 50600),
        (order(side="sell", ordertype="take-profit", trigger="52000"), 51999, 52001, 52001),
        (order(ordertype="take-profit", trigger="48000"), 48001, 47999, 47999),
        (order(side="sell", ordertype="stop-loss-limit", trigger="49500", limit="49400"), 49501, 49450, 49400),
    ],
)
async def test_an_order_rests_until_its_price_comes(world, made, passing, filling, at):
    end = await rests(world, made)
    world.market.take({BTC: D(passing), "OTHER": D(1)})
    await asyncio.sleep(0)
    assert not end.done()
    world.market.take({BTC: D(filling)})
    state = await end
    assert (state.status, state.executed, state.price) == ("closed", D("0.1"), D(at))


async def test_a_triggered_limit_waits_for_its_limit(world):
    end = await rests(world, order(side="sell", ordertype="stop-loss-limit", trigger="49500", limit="49400"))
    world.market.take({BTC: D(49000)})
    await asyncio.sleep(0)
    assert not end.done()
    world.market.take({BTC: D(49600)})
    assert (await end).price == 49400


async def test_a_resting_order_takes_at_once_what_is_there(world):
    made = order(volume="1.5", limit="50015", ordertype="limit")
    end = await rests(world, made)
    world.market.take({BTC: D(50000)})
    state = await end
    assert state.cost == D("0.5") * 50010 + 50015
    balances = await world.account.balances()
    assert balances["ZUSD"].total == 100_000 - state.cost - state.fee


async def test_resting_orders_are_amended_and_cancelled(world):
    end = await rests(world, order(limit="49000", ordertype="limit"))
    await world.account.amend("a", volume=D("0.2"), limit=D(48000), trigger=None)
    world.market.take({BTC: D(48500)})
    await asyncio.sleep(0)
    assert not end.done()
    await world.account.cancel("a")
    state = await end
    assert (state.status, state.volume, state.limit, state.executed) == ("canceled", D("0.2"), D(48000), 0)
    with pytest.raises(RequestRefused, match="Unknown order"):
        await world.account.amend("a", volume=D(1), limit=None, trigger=None)
    await world.account.cancel("a")


async def test_an_account_that_is_closed_hears_no_prices(world):
    end = await rests(world, order(limit="49000", ordertype="limit"))
    await world.account.close()
    world.market.take({BTC: D(1)})
    await asyncio.sleep(0)
    assert not end.done()
    end.cancel()


rows = st.lists(st.tuples(st.integers(1, 100), st.integers(1, 50)), max_size=8)


@given(rows, st.sampled_from(["buy", "sell"]), st.lists(st.tuples(st.integers(1, 60), st.none() | st.integers(1, 100))))
def test_nobody_takes_more_than_there_is_or_beyond_the_limit(offers, side, wants):
    sort = sorted((D(price), D(volume)) for price, volume in offers)
    depth = Depth((), tuple(sort)) if side == "buy" else Depth(tuple(reversed(sort)), ())
    book, total = PaperBook(depth), D(0)
    for volume, limit in wants:
        taken = book.take(side, D(volume), None if limit is None else D(limit))
        assert taken.volume <= volume
        if limit is not None and taken.volume:
            average = taken.cost / taken.volume
            assert average <= limit if side == "buy" else average >= limit
        total += taken.volume
    assert total <= sum(volume for _, volume in sort)
