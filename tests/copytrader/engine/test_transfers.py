"""Money that a user pays in or out is no gain and no loss; what prices and orders do is."""

import asyncio
from decimal import Decimal

import pytest

from krakenonce.copytrader.engine.purse import Purse
from krakenonce.copytrader.journal import State
from krakenonce.copytrader.policy import Guards, UserPolicy
from tests.copytrader.engine.world import BTC, Fate, World

D = Decimal
CAREFUL = UserPolicy(guards=Guards(drawdown=D("0.1"), daily_loss=D(10_000)))


@pytest.fixture
def world():
    made = World()
    made.user(1, CAREFUL, money=D(100_000)).totals["ZEUR"] = D(0)
    made.settings = {"guards": Guards(drawdown=D("0.1"))}
    return made


async def looked():
    await asyncio.sleep(120)


def states(world):
    return world.copier.standing("USER:1").state, world.copier.everybody.state


ACTIVE = (State.ACTIVE, State.ACTIVE)


def test_a_withdrawal_stops_nobody_and_a_loss_of_what_is_left_does(world):
    account = world.accounts["USER:1"]

    async def main():
        await world.start()
        await world.trade("buy", "0.5")
        await looked()
        account.totals["ZUSD"] -= 50_000
        await looked()
        assert states(world) == ACTIVE
        world.price(BTC, 40_100)
        await looked()
        assert states(world) == ACTIVE, "4,950 of 50,000"
        world.price(BTC, 39_900)
        await looked()
        assert states(world) == (State.SOFT_STOP, State.SOFT_STOP), "5,050 of 50,000 is a tenth and more"

    world.run(main)


def test_a_deposit_hides_no_loss(world):
    account = world.accounts["USER:1"]

    async def main():
        await world.start()
        await world.trade("buy", "1.5")
        await looked()
        account.totals["ZUSD"] += 20_000
        await looked()
        world.price(BTC, 41_000)
        await looked()
        assert states(world)[0] is State.SOFT_STOP, "13,500 of 120,000"

    world.run(main)


def test_a_withdrawal_while_an_order_is_on_its_way_is_taken_in_afterwards(world):
    account = world.accounts["USER:1"]

    async def main():
        await world.start()
        await looked()
        held = asyncio.Event()
        account.fates.append(Fate(held=held))
        world.copier.on_fills([world.fill("buy", "0.1")])
        await asyncio.sleep(1)
        account.totals["ZUSD"] -= 5_000
        held.set()
        await world.copier.idle()
        await looked()
        assert states(world) == ACTIVE
        standing = world.copier.standing("USER:1")
        assert (standing.peak_equity, standing.day_equity) == (95_000, 95_000)

    world.run(main)


def test_what_copies_buy_and_sell_is_no_transfer(world):
    async def main():
        await world.start()
        for _ in range(3):
            await world.trade("buy", "0.2")
            await world.trade("sell", "0.1")
            await looked()
        standing = world.copier.standing("USER:1")
        assert (standing.peak_equity, standing.day_equity) == (100_000, 100_000)

    world.run(main)


def test_withdrawals_that_nobody_notices_are_found_out(world, monkeypatch):
    """Positive control."""
    monkeypatch.setattr(Purse, "unexplained", lambda _: {})
    with pytest.raises(AssertionError):
        test_a_withdrawal_stops_nobody_and_a_loss_of_what_is_left_does(world)
