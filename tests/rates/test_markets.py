"""What the market does not take is not sent; that it takes it again is found out by one caller at a time."""

import asyncio

import pytest

from krakenonce.clock import NS_PER_SECOND
from krakenonce.kraken.replies import Accepted, Unknown, judge_errors
from krakenonce.lanes import Priority
from krakenonce.rates import NotSent, Reason
from krakenonce.rates.closures import Closures
from krakenonce.rates.markets import Markets

MARKET = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.001"}
LIMIT = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "30000", "volume": "0.001"}
POST = {**LIMIT, "oflags": "fciq,post"}

USERS = 100
PERIOD_S = 60


async def insist(venue, number, ending):
    """Want one order, and try once a second until it is there."""
    party = venue.party(number)
    while venue.clock.boot_ns() < 2 * PERIOD_S * NS_PER_SECOND:
        outcome = await party.call("AddOrder", Priority.ENTRY, **MARKET)
        if isinstance(outcome, Accepted):
            ending[number] = venue.clock.boot_ns()
            return
        assert isinstance(outcome, NotSent) or "mode" in outcome.error
        await asyncio.sleep(1)


@pytest.mark.parametrize("state", ["cancel_only", "post_only", "limit_only"])
def test_a36_a_closed_market_meets_no_storm_and_nobody_is_forgotten(make_venue, state):
    venue = make_venue(accounts=USERS, market=state)
    ending = {}

    async def story():
        users = [asyncio.create_task(insist(venue, number, ending)) for number in range(USERS)]
        await asyncio.sleep(PERIOD_S)
        refused = sum(number for answer, number in venue.answers.items() if answer != "Accepted")
        # The first of each user may be under way when the first refusal comes; then one try a period.
        assert refused <= USERS + 10
        assert venue.held_back["MARKET"] > 40 * USERS
        venue.exchange.set_market_state("online")
        await asyncio.gather(*users)

    venue.run(story())
    assert len(ending) == USERS
    assert max(ending.values()) <= (PERIOD_S + 20) * NS_PER_SECOND


def test_a36_in_maintenance_hardly_anything_is_sent_and_afterwards_all_goes_on(make_venue):
    venue = make_venue(accounts=20, market="maintenance")
    statuses = []

    async def follow(number):
        party = venue.party(number)
        while venue.clock.boot_ns() < 100 * NS_PER_SECOND:
            outcome = await party.call("AddOrder", Priority.ENTRY, **MARKET)
            if isinstance(outcome, Accepted):
                return
            statuses.append(outcome.reason if isinstance(outcome, NotSent) else type(outcome).__name__)
            await asyncio.sleep(1)
        pytest.fail("never accepted")

    async def story():
        users = [asyncio.create_task(follow(number)) for number in range(20)]
        await asyncio.sleep(60)
        assert venue.answers["Unknown"] <= 30
        venue.exchange.set_market_state("online")
        await asyncio.gather(*users)

    venue.run(story())
    assert venue.answers["Accepted"] == 20
    assert set(statuses) == {"Unknown", Reason.OFFLINE}


def test_cancellations_and_what_the_state_allows_go_on(make_venue):
    venue = make_venue()

    async def story():
        party = venue.party()
        txid = (await party.call("AddOrder", **LIMIT)).result["txid"][0]
        venue.exchange.set_market_state("post_only")
        assert not isinstance(await party.call("AddOrder", **LIMIT), NotSent | Accepted)
        held = await party.call("AddOrder", **LIMIT)
        assert held.reason is Reason.MARKET
        assert "XBTUSD: post_only" in held.error
        assert isinstance(await party.call("AddOrder", **POST), Accepted)
        assert isinstance(await party.call("AddOrder", **LIMIT), NotSent)
        assert isinstance(await party.call("CancelOrder", txid=txid), Accepted)
        assert isinstance(await party.call("Balance"), Accepted)

    venue.run(story())


@pytest.fixture
def markets():
    return Markets()


def refused(state):
    return judge_errors((f"EService:Market in {state} mode",))


@pytest.mark.parametrize(
    ("state", "params", "passes"),
    [
        ("cancel_only", POST, False),
        ("post_only", POST, True),
        ("post_only", {"pair": "XBTUSD", "orders": [POST, LIMIT]}, False),
        ("post_only", {"pair": "XBTUSD", "orders": [POST, POST]}, True),
        ("limit_only", LIMIT, True),
        ("limit_only", MARKET, False),
        ("reduce_only", MARKET, False),
        ("reduce_only", {**MARKET, "reduce_only": True}, True),
        ("of a kind nobody knows", LIMIT, False),
    ],
)
def test_what_each_state_takes(markets, state, params, passes):
    method = "AddOrderBatch" if "orders" in params else "AddOrder"
    markets.learn("AddOrder", MARKET, refused(state), 0)
    assert (markets.forbids(method, params, 1) is None) is passes
    assert markets.forbids(method, {**params, "pair": "ETHUSD"}, 1) is None


def test_the_status_that_kraken_publishes_counts_for_all_pairs(markets):
    markets.tell("cancel_only", 0)
    assert markets.forbids("AddOrder", LIMIT, 1).reason == "cancel_only"
    assert markets.forbids("Balance", {}, 1) is None
    markets.tell("online", 2)
    assert markets.forbids("AddOrder", LIMIT, 3) is None


def test_two_lost_answers_are_no_maintenance(markets):
    offline = Unknown("the exchange reported EService:Unavailable", ("EService:Unavailable",))
    for answer in (offline, offline, Accepted({}), offline, offline):
        markets.learn("Balance", {}, answer, 0)
    assert markets.forbids("Balance", {}, 1) is None
    markets.learn("Balance", {}, offline, 2)
    assert markets.forbids("Balance", {}, 3).reason == "unavailable"
    assert markets.forbids("CancelOrder", {}, 3) is None


def test_periods_double_to_a_quarter_of_a_minute_and_one_caller_tries_in_each():
    closures, tries = Closures(), []
    for second in range(60):
        now = second * NS_PER_SECOND
        for _ in range(5):
            if closures.look("x", now) is None:
                tries.append(second)
                closures.close("x", "closed", now)
                break
    assert tries == [0, 1, 3, 7, 15, 30, 45]
