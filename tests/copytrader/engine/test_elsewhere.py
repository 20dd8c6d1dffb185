"""Several workers and the limits of all together: what other workers' users hold, have lost and failed at counts."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from krakenonce.copytrader.engine.elsewhere import Elsewhere, told
from krakenonce.copytrader.engine.entrance import Entrance
from krakenonce.copytrader.journal.records import Changes, LineRow, Standing, State
from krakenonce.copytrader.policy import Guards, Sizing, UserPolicy
from krakenonce.copytrader.records import Line, LineKey
from tests.copytrader.engine.world import BTC, ETH, World

D = Decimal
FAR = "USER:far"
WHOLE = UserPolicy(sizing=Sizing(amount=D(1)), guards=Guards(max_age_s=3600))


def made(guards, users=1):
    world = World()
    world.settings = {"guards": guards}
    world.users(users, WHOLE)
    return world


def far(world, *, pair=BTC, held="0", lost=None, state=State.ACTIVE):
    """Write into the journal what another worker has copied for one more user."""
    line = LineRow(Line(LineKey(FAR, "MASTER", pair), D(held), D(held)), reference=world.market.prices[pair])
    day = Standing(FAR, state, peak_equity=D(1000), day="2999-01-01", day_equity=D(1000))
    facts = {} if lost is None else told({FAR: D(1000) - D(lost)})
    world.backend.write([Changes(lines=(line,), standings=(day,), meta=facts)])


@pytest.mark.parametrize("limit", [1, 7, 100])
@pytest.mark.parametrize("split", [(1, 1), (3, 4), (1, 2, 9)])
def test_the_parts_of_a_limit_never_make_more_than_the_whole(split, limit):
    whole = sum(split)
    parts = [Elsewhere(own=own, whole=whole) for own in split]
    assert sum(one.part(limit) for one in parts) <= limit
    assert sum(limit - one.exposure(D(limit), lambda _: D(0)) for one in parts) <= limit
    assert Elsewhere(own=5, whole=5).part(limit) == limit


def test_a_worker_s_part_of_the_exposure_is_all_it_may_use_and_less_if_others_hold_more():
    def bought(held):
        world = made(Guards(max_exposure=4 * D(50_000)))

        async def main():
            await world.start()
            far(world, held=held)
            await world.copier.look_elsewhere(2)
            await world.trade("buy", "10")

        world.run(main)
        return world.held("USER:1")

    price = World().market.prices[BTC]
    most = 4 * D(50_000) / price
    assert most / 3 < bought("0") <= most / 2
    assert 0 < bought(str(most * 3 / 4)) <= most / 4


def test_a_pair_that_is_held_elsewhere_is_one_of_all_positions():
    world = made(Guards(max_positions=1))

    async def main():
        await world.start()
        far(world, pair=ETH, held="1")
        await world.copier.look_elsewhere(2)
        await world.trade("buy", "1")
        assert world.held("USER:1") == 0
        await world.trade("buy", "1", pair=ETH)
        assert world.held("USER:1", ETH) > 0

    world.run(main)


@pytest.mark.parametrize(("lost", "state"), [("499", State.ACTIVE), ("500", State.SOFT_STOP)])
def test_what_is_lost_elsewhere_stops_everybody_here(lost, state):
    world = made(Guards(daily_loss=D(500)))

    async def main():
        await world.start()
        far(world, lost=lost)
        await world.copier.look_elsewhere(2)
        assert world.copier.everybody.state is state

    world.run(main)


def test_who_has_left_elsewhere_counts_no_more():
    world = made(Guards(daily_loss=D(500)))

    async def main():
        await world.start()
        far(world, lost="900", state=State.LEFT)
        await world.copier.look_elsewhere(2)
        assert world.copier.everybody.state is State.ACTIVE

    world.run(main)


def test_failures_in_a_row_are_counted_together():
    world = made(Guards(max_failures=3))

    async def main():
        await world.start()
        known = world.copier.everybody
        await world.copier.follow([replace(known, failures=2)])
        assert (world.copier.everybody.failures, world.copier.everybody.state) == (2, State.ACTIVE)

    world.run(main)


def test_users_who_come_at_the_same_time_come_in_together():
    groups, door = [], asyncio.Event()

    async def let_in(seats):
        groups.append(list(seats))
        await door.wait()

    async def main():
        entrance = Entrance(let_in)
        first = asyncio.create_task(entrance.come_in("a"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        others = [asyncio.create_task(entrance.come_in(name)) for name in "bcd"]
        await asyncio.sleep(0)
        assert groups == [["a"]]
        door.set()
        await asyncio.gather(first, *others)
        assert groups == [["a"], ["b", "c", "d"]]

    asyncio.run(main())
