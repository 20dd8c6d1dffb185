"""Prices are read every few seconds: an old one keeps nobody from copying what happened after it."""

import asyncio
from decimal import Decimal

import pytest

from krakenonce.copytrader.guards.reasons import Reason, code_of
from tests.copytrader.engine.world import BTC, World


@pytest.fixture
def world():
    return World()


def test_a_price_from_before_the_fill_is_no_reason_to_skip_it(world):
    world.user()

    async def main():
        await world.start()
        world.clock.advance(3_000_000_000)
        world.market.prices[BTC] = Decimal(40_000)
        await world.trade("buy", "1")
        assert world.held("USER:1") == 1

    world.run(main)


def test_a_price_from_after_the_fill_that_is_too_high_is_one(world):
    world.user()

    async def main():
        await world.start()
        await asyncio.sleep(60)
        late = world.fill("buy", "1", age_s=5)
        world.price(BTC, 51_000)
        world.copier.on_fills([late])
        await world.copier.idle()
        assert world.held("USER:1") == 0

    world.run(main)
    assert [code_of(reason) for reason in world.reasons()] == [Reason.PRICE_MOVED]
