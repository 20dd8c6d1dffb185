"""A51 to A53: who fails fails alone, two masters have two books, and a mapped pair is converted at a fresh rate."""

import asyncio
from decimal import Decimal
from types import MappingProxyType

import pytest

from krakenonce.copytrader.policy import Guards, UserPolicy
from tests.copytrader.engine.world import BTC, ETH, EUR, Fate, World


def test_a51_three_of_a_hundred_users_fail_each_for_a_reason_and_97_do_not_notice():
    world = World()
    accounts = world.users(100)
    world.policies["USER:3"] = UserPolicy(guards=Guards(pairs=frozenset({ETH})))
    accounts[0].totals["ZUSD"] = Decimal(0)
    accounts[1].fates.append(Fate(error="EGeneral:Permission denied"))

    async def main():
        await world.start()
        await world.trade("buy", "1")

    world.run(main)
    held = [world.held(f"USER:{number}") for number in range(1, 101)]
    assert held == [0, 0, 0] + [1] * 97
    assert world.reasons("USER:1")[0].startswith("funds:")
    assert "Permission denied" in world.rows("SELECT reason FROM copy_orders WHERE user_name = 'USER:2'")[0][0]
    assert world.reasons("USER:3")[0].startswith("pair_not_allowed:")


def test_a52_two_masters_on_one_pair_have_books_of_their_own_and_no_order_meets_another():
    world = World(masters=("MASTER:a", "MASTER:b"))
    account = world.user(policy=UserPolicy(masters=("MASTER:a", "MASTER:b")))

    async def main():
        await world.start()
        await world.trade("buy", "1", master="MASTER:a")
        await world.trade("buy", "2", master="MASTER:b")
        world.copier.on_fills([
            world.fill("sell", "1", master="MASTER:a"), world.fill("buy", "1", master="MASTER:b"),
        ])  # fmt: skip
        await world.copier.idle()
        assert world.held("USER:1", master="MASTER:a") == 0
        assert world.held("USER:1", master="MASTER:b") == 3
        await world.trade("sell", "1.5", master="MASTER:b")
        assert world.held("USER:1", master="MASTER:b") == Decimal("1.5")

    world.run(main)
    assert account.totals["XXBT"] == Decimal("1.5")
    assert not any(one.state.is_open for one in world.market.orders), "nothing rests that another order could meet"


@pytest.mark.parametrize("rate_age_s", [0, 600])
def test_a53_a_mapped_pair_is_bought_at_the_converted_price_if_the_rate_is_fresh(rate_age_s):
    world = World()
    account = world.user(policy=UserPolicy(mapping=MappingProxyType({BTC: EUR, ETH: None})))

    async def main():
        await world.start()
        await asyncio.sleep(rate_age_s)
        await world.trade("buy", "1")
        await world.trade("buy", "1", pair=ETH)
        await world.trade("sell", "1")

    world.run(main)
    if rate_age_s:
        assert account.sent == []
        assert world.reasons()[0].startswith("stale_rate:")
    else:
        assert [(order.line.pair, order.side) for order in account.sent] == [(EUR, "buy"), (EUR, "sell")]
        assert account.sent[0].limit == Decimal(40_200)
    assert any(reason.startswith("unmapped:") for reason in world.reasons())
