"""A25 and A33: many at once, and a busy master, on the lowest tier's limits. In virtual time, with real followers."""

import asyncio
import random
from decimal import Decimal

import pytest

from krakenonce.broker import Fill, Placement
from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader.follower import CopyPolicy, Follower
from krakenonce.copytrader.receipts import ReceiptBook, Verdict
from krakenonce.kraken.replies import Accepted
from krakenonce.lanes import Priority
from tests.rates.conftest import Venue

PAIR = "XXBTZUSD"


class Rules:
    """What the pair demands of an order."""

    lot_decimals = 8
    order_min = Decimal("0.00005")
    cost_min = Decimal("0.5")


class Account:
    """What a follower needs of a broker, over the rate model and the simulated exchange."""

    def __init__(self, party):
        self.party, self.name = party, party.key.account.name

    async def place(self, order, *, priority):
        fields = {"pair": order.pair, "type": order.side, "ordertype": "market", "volume": str(order.volume)}
        outcome = await self.party.call("AddOrder", priority, **fields, cl_ord_id=order.cl_ord_id)
        if isinstance(outcome, Accepted):
            return Placement(outcome.result["txid"][0], order.volume)
        return outcome

    async def resolve(self, cl_ord_id, *, priority):
        raise AssertionError("no answer is lost here")


def fill(number, now_ns):
    volume, price = Decimal("0.001"), Decimal(50_000)
    return Fill(f"T{number}", "O", PAIR, "buy", volume, price, volume * price, Decimal(0), now_ns)


async def copy(venue, followers, moments_s):
    """Hand each follower one fill at each of *moments_s*, and wait until all are copied."""
    working = [asyncio.create_task(follower.run()) for follower in followers]
    for number, moment_s in enumerate(moments_s):
        await asyncio.sleep(moment_s - venue.clock.boot_ns() / NS_PER_SECOND)
        for follower in followers:
            follower.take(fill(number, venue.clock.wall_ns()), venue.clock.wall_ns())
    await asyncio.gather(*(follower.idle() for follower in followers))
    for task in working:
        task.cancel()
    await asyncio.gather(*working, return_exceptions=True)


def play(users, moments_s, tier="starter", patience_s=60.0):
    venue, receipts = Venue(accounts=users + 1, tier="starter"), ReceiptBook()

    async def story():
        policy = CopyPolicy(Decimal("0.5"), valid_s=None)
        parties = [venue.party(number, tier=tier, patience_s=patience_s) for number in range(1, users + 1)]
        followers = [Follower(Account(party), policy, {PAIR: Rules()}, receipts, venue.clock) for party in parties]
        await copy(venue, followers, moments_s)

    venue.run(story())
    return venue, list(receipts)


def bought(receipts, name):
    copied = [receipt for receipt in receipts if receipt.account == name and receipt.verdict is Verdict.COPIED]
    return sum(receipt.volume for receipt in copied), len(copied)


def test_a33_thirty_orders_a_minute_are_copied_to_a_hundred_users_without_one_rate_error():
    chance = random.Random(33)
    moments_s = sorted(chance.uniform(0, 60) for _ in range(30))
    venue, receipts = play(100, moments_s)
    assert venue.rate_errors == 0
    assert venue.answers["Accepted"] > 2500
    for user in range(1, 101):
        assert bought(receipts, f"USER:{user}")[0] == Decimal("0.015")


BURST_S = [number / 10 for number in range(300)]  # ten fills a second for half a minute: ten times what the tier allows


def test_a33_what_exceeds_the_limits_is_coalesced_and_loses_nothing():
    venue, receipts = play(5, BURST_S)
    assert venue.rate_errors == 0
    for user in range(1, 6):
        volume, orders = bought(receipts, f"USER:{user}")
        assert volume == Decimal("0.15")
        assert orders < 150
    assert venue.clock.boot_ns() < 40 * NS_PER_SECOND


def test_a33_without_the_model_the_exchange_refuses():
    """Positive control."""
    venue, _ = play(1, BURST_S, tier="none")
    assert venue.rate_errors > 0


def test_a33_an_impatient_user_is_told_why_and_catches_up():
    venue, receipts = play(1, BURST_S, patience_s=0.5)
    assert venue.rate_errors == 0
    assert venue.held_back["RATE"] > 0
    assert bought(receipts, "USER:1")[0] == Decimal("0.15")


def test_a25_a_hundred_users_fetch_tokens_at_once():
    venue = Venue(accounts=100, tier="starter")

    async def story():
        parties = [venue.party(number, tier="starter") for number in range(100)]
        answers = await asyncio.gather(*(party.call("GetWebSocketsToken") for party in parties))
        assert all(isinstance(answer, Accepted) for answer in answers)

    venue.run(story())
    assert venue.rate_errors == 0
    assert venue.clock.boot_ns() < NS_PER_SECOND


@pytest.mark.parametrize("tier", ["starter", "pro"])
def test_a25_a_hundred_tokens_of_one_key_wait_their_time_and_none_is_refused(tier):
    venue = Venue(tier=tier)

    async def story():
        party = venue.party(0, tier=tier, patience_s=600)
        await asyncio.gather(*(party.call("GetWebSocketsToken", Priority.READ) for _ in range(100)))

    venue.run(story())
    assert venue.answers == {"Accepted": 100}
