"""A25 and A33: many at once, and a busy master, on the lowest tier's limits. In virtual time, with the real engine."""

import asyncio
import random
from decimal import Decimal

import pytest

from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader.records import MasterFill
from krakenonce.kraken.replies import Accepted
from krakenonce.lanes import Priority
from krakenonce.rates import Limits
from tests.copytrader.trading import HALF, PAIR, VirtualTrading, bought_and_sold, seconds
from tests.rates.conftest import Venue


def rate_errors(trading):
    return [row for row in trading.kraken.exchange.evidence.log() if "limit exceeded" in row["cause"]]


def play(users, moments_s, *, tier="starter", known="starter"):
    """Have the master fill a thousandth of a bitcoin at each of *moments_s*, and wait until all have copied it.

    *tier* is the exchange's; *known* is what we take it to be.
    """
    trading = VirtualTrading([HALF] * users, tier=tier, latency_ms=20, jitter_ms=15)
    # The master's hand is faster than his tier: what he fills is told to the engine directly.
    count = iter(range(10**6))

    async def story():
        await trading.start(limits=Limits(known))
        await trading.connected()
        begin_s = seconds(trading.kraken.clock.boot_ns())
        for moment_s in moments_s:
            await asyncio.sleep(max(0, begin_s + moment_s - seconds(trading.kraken.clock.boot_ns())))
            trading.copier.on_fills([fill(next(count), trading.kraken.clock.wall_ns())])
        await trading.copier.idle()

    trading.run(story)
    return trading


def fill(number, now_ns):
    return MasterFill(
        "MASTER", f"T{number}", f"O{number}", PAIR, "buy", Decimal("0.001"), Decimal(50_000), now_ns, now_ns
    )


def copies(trading):
    return [(bought_and_sold(account)[0], len(account.orders)) for account in trading.kraken.exchange.accounts[1:]]


def test_a33_thirty_orders_a_minute_are_copied_to_a_hundred_users_without_one_rate_error():
    chance = random.Random(33)
    trading = play(100, sorted(chance.uniform(0, 60) for _ in range(30)))
    assert rate_errors(trading) == []
    assert {volume for volume, _ in copies(trading)} == {Decimal("0.015")}
    assert sum(orders for _, orders in copies(trading)) > 2500


BURST_S = [number / 10 for number in range(300)]  # ten fills a second for half a minute: ten times what the tier allows


def test_a33_what_exceeds_the_limits_is_coalesced_and_loses_nothing():
    trading = play(5, BURST_S)
    assert rate_errors(trading) == []
    for volume, orders in copies(trading):
        assert volume == Decimal("0.15")
        assert orders < 150


def test_a33_without_the_model_the_exchange_refuses():
    """Positive control."""
    assert rate_errors(play(1, BURST_S, known="none")) != []


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
