"""Taking stock: target, journal and account of every position, to the lot, and what is done where they differ."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from krakenonce.copytrader.engine import reconciliation
from krakenonce.copytrader.notify import Event
from krakenonce.copytrader.policy import Guards, Sizing, UserPolicy
from tests.copytrader.engine.world import ETH, Fate, World

D = Decimal


@pytest.fixture
def world():
    return World()


async def stock_of(world, user="USER:1"):
    (stock,) = await world.copier.take_stock([user])
    return stock


async def settled():
    """Wait until balances were looked at after the last order."""
    await asyncio.sleep(60)


def drifts(world):
    return [(notice.user, notice.text) for notice in world.notices if notice.event is Event.DRIFT]


def test_on_target_own_coins_are_left_aside(world):
    world.user().totals["XXBT"] = D(7)

    async def main():
        await world.start()
        assert await world.copier.take_stock() == []
        await world.trade("buy", "0.5")
        await world.trade("buy", "1", pair=ETH)
        await settled()
        stocks = await world.copier.take_stock()
        assert [(one.target, one.held, one.there, one.drift, one.is_adrift, one.step) for one in stocks] == [
            (1, 1, 1, 0, False, ""), (D("0.5"), D("0.5"), D("0.5"), 0, False, ""),
        ]  # fmt: skip

    world.run(main)


def test_coins_that_are_gone_are_adrift_to_the_lot_and_shared_over_the_lines_of_the_asset(world):
    account = world.user(policy=UserPolicy(masters=("MASTER", "MASTER:b")))
    world.masters = ("MASTER", "MASTER:b")

    async def main():
        await world.start()
        await world.trade("buy", "1")
        await world.trade("buy", "2", master="MASTER:b")
        await settled()
        account.totals["XXBT"] = D("1.5")
        stocks = await world.copier.take_stock()
        assert [(one.line.master, one.there, one.drift, one.is_adrift) for one in stocks] == [
            ("MASTER", D("0.5"), D("-0.5"), True), ("MASTER:b", 1, -1, True),
        ]  # fmt: skip
        assert "0.5 are gone" in stocks[0].step
        await world.copier.reconcile(mend=True)
        assert [one.is_adrift for one in await world.copier.take_stock()] == [False, False]
        assert len(account.sent) == 2, "giving up is no order"

    world.run(main)


def test_what_waits_for_more_is_shown_and_is_not_adrift(world):
    world.user(policy=UserPolicy(sizing=Sizing(amount=D("0.0001"))))

    async def main():
        await world.start()
        await world.trade("buy", "0.5")
        stock = await stock_of(world)
        assert (stock.wanted, stock.held, stock.drift) == (D("0.00005"), 0, D("-0.00005"))
        assert not stock.is_adrift
        assert stock.step.startswith("carried: 0.00005 is below")

    world.run(main)


@pytest.mark.parametrize("more", ["0.0000000067", "0.0000000000000000000067"])
def test_a_surplus_of_a_lot_is_told_with_its_amount(world, more):
    """Held is a whole lot more than the target in lots, and less than a lot more than the target itself."""
    amount = {"0.0000000067": "0.0000000067"}.get(more, "less than 0.0000000001")
    world.user()

    async def main():
        await world.start()
        await world.trade("buy", "1")
        await settled()
        track = next(iter(world.copier._board.roster.members["USER:1"].tracks.values()))
        track.line = replace(track.line, wanted=1 - D(more))
        (drift,) = await world.copier.reconcile(mend=True)
        stock = await stock_of(world)
        assert (drift.wanted, drift.held, stock.drift) == (D("0.99999999"), 1, D("1E-8"))
        assert not stock.is_adrift
        assert stock.step == f"carried: {amount} is less than a lot of 0.00000001, and waits for more"
        assert (await world.copier.reconcile())[0].reason == stock.step

    world.run(main)


def test_what_a_pause_holds_back_is_adrift_with_the_reason_and_not_mended_by_looking(world):
    account = world.user(policy=UserPolicy(guards=Guards(max_age_s=10**6)))

    async def main():
        await world.start()
        account.fates.append(Fate(unsent=True))
        world.copier.on_fills([world.fill("buy", "1")])
        await asyncio.sleep(0.1)
        await world.copier.pause("lunch")
        await settled()
        stock = await stock_of(world)
        assert (stock.drift, stock.is_adrift) == (-1, True)
        assert stock.step == "paused: no entries are made: paused, lunch"
        assert world.held("USER:1") == 0
        await world.copier.resume()
        await world.copier.idle()
        assert not (await stock_of(world)).is_adrift

    world.run(main)


def test_an_order_on_its_way_explains_the_difference(world):
    account = world.user()

    async def main():
        await world.start()
        held = asyncio.Event()
        account.fates.append(Fate(held=held))
        world.copier.on_fills([world.fill("buy", "1")])
        await asyncio.sleep(0.1)
        stock = await stock_of(world)
        assert (stock.drift, stock.on_the_way, stock.is_adrift, stock.step) == (-1, 1, False, "buy 1: sent")
        held.set()
        await world.copier.idle()

    world.run(main)


def test_an_account_that_does_not_answer_is_not_known(world):
    account = world.user()

    async def main():
        await world.start()
        await world.trade("buy", "1")
        await settled()
        account.blind = True
        stock = await stock_of(world)
        assert (stock.there, stock.is_adrift) == (None, True)
        assert "not known" in stock.step

    world.run(main)


def test_every_start_takes_stock_says_what_is_adrift_and_has_it_remembered(world):
    first, _ = world.users(2)

    async def main():
        await world.start()
        assert drifts(world) == []
        await world.trade("buy", "1")
        await settled()
        first.totals["XXBT"] = D("0.25")
        world.die()
        at_ns = world.clock.wall_ns()
        await world.start()
        ((user, text),) = drifts(world)
        assert user == "USER:1"
        assert text.startswith("XBTUSD: the target is 1, 1 by the journal, 0.25 on the exchange; 0.75 are gone")
        facts = dict(world.rows("SELECT name, value FROM copy_meta WHERE name LIKE 'reconciled:%'"))
        counted = {name: value.split()[1:] for name, value in facts.items()}
        assert counted == {"reconciled:USER:1": ["1", "1"], "reconciled:USER:2": ["1", "0"]}
        assert all(int(value.split()[0]) >= at_ns for value in facts.values())
        await settled()
        assert world.held("USER:1") == 1, "a start mends nothing but what policy says"

    world.run(main)


def test_a_start_on_which_nobody_looks_at_the_accounts_is_found_out(world, monkeypatch):
    """Positive control."""
    monkeypatch.setattr(reconciliation, "missing", lambda *_: D(0))
    with pytest.raises((AssertionError, ValueError)):
        test_every_start_takes_stock_says_what_is_adrift_and_has_it_remembered(world)
