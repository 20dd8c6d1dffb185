"""The model of Kraken's counters is a bound: what it lets through is never refused, and it lets nearly all through."""

import asyncio
import random
from decimal import Decimal

import pytest

from krakenonce.clock import NS_PER_SECOND
from krakenonce.kraken.limits import TIERS
from krakenonce.kraken.replies import Accepted
from krakenonce.lanes import Priority
from krakenonce.rates.counter import POINT, FadingCounter

LIMIT = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "30000", "volume": "0.001"}


def test_a_counter_fades_exactly_and_never_below_zero():
    counter = FadingCounter(Decimal("0.33"))
    counter.add(2 * POINT, 0)
    assert counter.level(NS_PER_SECOND) == POINT * 167 // 100
    assert counter.level(3600 * NS_PER_SECOND) == 0
    assert counter.wait_ns(POINT, 2 * POINT, 0) == -(-POINT // 33)
    assert counter.wait_ns(POINT, 2 * POINT, -(-POINT // 33)) == 0


def test_a_call_under_way_does_not_fade():
    counter = FadingCounter(Decimal(1))
    counter.hold(3 * POINT)
    assert counter.level(100 * NS_PER_SECOND) == 3 * POINT
    assert counter.wait_ns(POINT, 3 * POINT, 100 * NS_PER_SECOND) is None
    counter.settle(3 * POINT, 100 * NS_PER_SECOND)
    assert counter.level(101 * NS_PER_SECOND) == 2 * POINT


def test_a_clock_that_seems_to_run_back_lets_nothing_fade():
    counter = FadingCounter(Decimal(1))
    counter.add(POINT, 5 * NS_PER_SECOND)
    assert counter.level(4 * NS_PER_SECOND) == POINT


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("seed", range(3))
def test_a_busy_key_is_never_refused_for_its_reads(make_venue, tier, seed):
    venue = make_venue(seed, tier=tier)
    methods = ("Balance", "TradesHistory", "OpenOrders", "Ledgers")
    asked = [methods[number % 4] for number in range(200)]

    async def story():
        party = venue.party(tier=tier, patience_s=10_000)
        priorities = [random.Random(seed).choice(list(Priority)) for _ in asked]
        await asyncio.gather(*(party.call(*each) for each in zip(asked, priorities, strict=True)))

    venue.run(story())
    assert venue.answers == {"Accepted": 200}
    # All the counter gives was used: 300 points at the tier's decay, less what was free at first.
    needed = (300 - TIERS[tier].rest_max) / float(TIERS[tier].rest_decay)
    assert venue.clock.boot_ns() / NS_PER_SECOND < 1.2 * needed + 60


async def trade(party, seed, rounds):
    """Add, amend, edit and cancel orders at random, as fast as the model allows."""
    chance = random.Random(seed)
    standing = []
    for _ in range(rounds):
        deed = chance.choice(["add", "add", "amend", "cancel", "edit", "rest"])
        if deed == "add" or not standing:
            done = await party.call("AddOrder", Priority.ENTRY, **LIMIT)
            standing.append(done.result["txid"][0])
        elif deed == "amend":
            await party.call("AmendOrder", Priority.ENTRY, txid=chance.choice(standing), order_qty="0.0011")
        elif deed == "edit":
            txid = standing.pop(chance.randrange(len(standing)))
            done = await party.call("EditOrder", Priority.ENTRY, txid=txid, pair="BTC/USD", volume="0.0012")
            assert isinstance(done, Accepted), done
            standing.append(done.result["txid"])
        elif deed == "cancel":
            await party.call("CancelOrder", Priority.CANCEL, txid=standing.pop(chance.randrange(len(standing))))
        else:
            await asyncio.sleep(chance.uniform(0, 8))


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("seed", range(3))
def test_a_busy_account_is_never_refused_by_the_engine(make_venue, tier, seed):
    venue = make_venue(seed, tier=tier)

    async def story():
        party = venue.party(tier=tier, patience_s=10_000)
        await asyncio.gather(*(trade(party, 10 * seed + number, 40) for number in range(4)))

    venue.run(story())
    assert set(venue.answers) == {"Accepted"}
    assert sum(venue.answers.values()) > 100


def test_without_the_model_the_same_account_is_refused(make_venue):
    """Positive control: the simulated engine does count."""
    venue = make_venue(tier="starter")

    async def story():
        party = venue.party(tier="none")
        for number in range(30):
            await party.call("AddOrder", Priority.ENTRY, **LIMIT, cl_ord_id=f"o{number}")
            await party.call("CancelOrder", Priority.CANCEL, cl_ord_id=f"o{number}")

    venue.run(story())
    assert venue.answers["EOrder:Rate limit exceeded"] > 0


def test_two_keys_of_one_account_share_its_engine_counter(make_venue):
    venue = make_venue(tier="starter")
    venue.exchange.add_key(venue.exchange.accounts[0])

    async def story():
        parties = [venue.party(tier="starter", patience_s=10_000, key=key) for key in (0, 1)]
        for number in range(40):
            party = parties[number % 2]
            await party.call("AddOrder", Priority.ENTRY, **LIMIT, cl_ord_id=f"o{number}")
            await parties[(number + 1) % 2].call("CancelOrder", Priority.CANCEL, cl_ord_id=f"o{number}")

    venue.run(story())
    assert venue.answers == {"Accepted": 80}


def test_two_processes_that_share_a_key_by_halves_are_never_refused(make_venue):
    from krakenonce.rates import RateRegistry

    venue = make_venue(tier="intermediate")

    async def story():
        first = venue.party(tier="intermediate", share=Decimal("0.5"), patience_s=10_000)
        venue.registry = RateRegistry()
        second = venue.party(tier="intermediate", share=Decimal("0.5"), patience_s=10_000)
        second.lane = first.lane  # lanes are shared by the store; the counters are not
        await asyncio.gather(*(party.call("Balance") for party in (first, second) for _ in range(40)))

    venue.run(story())
    assert venue.answers == {"Accepted": 80}


def test_a_counter_that_fades_from_sending_on_is_caught(make_venue, monkeypatch):
    """Positive control: on a slow network the exchange counts later, and its counter is then above such a one."""
    venue = make_venue(tier="pro", latency_s=4)
    monkeypatch.setattr(FadingCounter, "hold", lambda self, cost: self.add(cost, venue.clock.boot_ns()))
    monkeypatch.setattr(FadingCounter, "settle", lambda self, cost, now_ns: None)
    monkeypatch.setattr("krakenonce.rates.allowance.PORTION", dict.fromkeys(Priority, Decimal(1)))

    async def story():
        parties = [venue.party(tier="pro", patience_s=10_000) for _ in range(100)]  # each with a lane of its own
        for party in parties:
            party.rates = parties[0].rates
        await asyncio.gather(*(party.call("Balance") for party in parties))

    venue.run(story())
    assert venue.rate_errors > 0


def test_the_bound_holds_on_the_same_network(make_venue, monkeypatch):
    venue = make_venue(tier="pro", latency_s=4)
    monkeypatch.setattr("krakenonce.rates.allowance.PORTION", dict.fromkeys(Priority, Decimal(1)))

    async def story():
        parties = [venue.party(tier="pro", patience_s=10_000) for _ in range(100)]
        await asyncio.gather(*(party.call("Balance") for party in parties))

    venue.run(story())
    assert venue.answers["EAPI:Rate limit exceeded"] == 0
