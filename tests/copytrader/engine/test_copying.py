"""From a master's fill to every follower's order, in virtual time."""

import asyncio
from decimal import Decimal

import pytest

from krakenonce.copytrader.policy import Guards, Rest, Sizing, SizingMode, UserPolicy
from tests.copytrader.engine.world import BTC, ETH, Fate, World


@pytest.fixture
def world():
    return World()


def half():
    return UserPolicy(sizing=Sizing(SizingMode.MULTIPLIER, Decimal("0.5")))


def test_a_buy_is_copied_and_a_sell_closes_the_same_fraction(world):
    account = world.user(policy=half())

    async def main():
        await world.start()
        await world.trade("buy", "1")
        assert world.held("USER:1") == Decimal("0.5")
        await world.trade("sell", "0.25")
        assert world.held("USER:1") == Decimal("0.375")
        await world.trade("sell", "0.75")
        assert world.held("USER:1") == 0

    world.run(main)
    assert [(one.order.side, one.state.executed) for one in world.market.orders] == [
        ("buy", Decimal("0.5")),
        ("sell", Decimal("0.125")),
        ("sell", Decimal("0.375")),
    ]
    assert account.sent[0].limit == Decimal(50250)


def test_the_same_fill_a_hundred_times_is_one_order(world):
    world.user()

    async def main():
        await world.start()
        fill = world.fill("buy", "1")
        world.copier.on_fills([fill] * 50)
        for _ in range(50):
            world.copier.on_fills([fill])
        await world.copier.idle()

    world.run(main)
    assert len(world.market.orders) == 1
    assert world.rows("SELECT count(*) FROM copy_decisions") == [(1,)]


def test_every_decision_names_the_order_that_carries_it_out_however_long_it_has_waited(world):
    account = world.user()

    async def main():
        await world.start()
        for volume in ("0.00004", "0.00004", "0.00004", "1", "0.00006", "0.00006"):
            await world.trade("buy", volume)

    world.run(main)
    first, second, third = (order.cl_ord_id for order in account.sent)
    decided = world.rows("SELECT cl_ord_id FROM copy_decisions ORDER BY decided_ns, exec_id")
    assert decided == [(first,)] * 3 + [(second,)] + [(third,)] * 2


def test_nothing_is_sent_before_it_is_written(world):
    world.users(3)
    seen = []
    write = world.backend.write

    def watched(batch):
        seen.append((len(batch), sum(len(one.sent) for one in world.accounts.values())))
        return write(batch)

    async def main():
        world.backend.write = watched
        await world.start()
        seen.clear()
        world.copier.on_fills([world.fill("buy", "1"), world.fill("buy", "1", pair=ETH)])
        assert not any(one.sent for one in world.accounts.values())
        await world.copier.idle()

    world.run(main)
    assert seen[0] == (1, 0), "one transaction for all, before anything is sent"
    assert len(world.market.orders) == 6


def test_of_many_users_another_one_is_first_each_time(world):
    world.users(4)
    firsts = []

    async def main():
        await world.start()
        for _ in range(8):
            before = len(world.market.orders)
            await world.trade("buy", "0.01")
            firsts.append(world.market.orders[before].user)

    world.run(main)
    assert {firsts.count(f"USER:{number}") for number in range(1, 5)} == {2}


def test_a_user_whose_order_hangs_holds_up_nobody_and_his_other_pairs_neither(world):
    slow, quick = world.users(2)

    async def main():
        await world.start()
        held = asyncio.Event()
        slow.fates.append(Fate(held=held))
        world.copier.on_fills([world.fill("buy", "1")])
        await asyncio.sleep(1)
        world.copier.on_fills([world.fill("buy", "1"), world.fill("buy", "1", pair=ETH)])
        await asyncio.sleep(1)
        assert [order.line.pair for order in quick.sent] == [BTC, BTC, ETH]
        assert [order.line.pair for order in slow.sent] == [BTC, ETH]
        held.set()
        await world.copier.idle()

    world.run(main)
    assert world.held("USER:1") == 2


@pytest.mark.parametrize("fate", [Fate(lost=True), Fate(dropped=True), Fate(unsent=True)])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_an_order_whose_answer_is_lost_is_found_out_and_never_doubled(world, fate, side):
    account = world.user(policy=UserPolicy(guards=Guards(max_age_s=60)))

    async def main():
        await world.start()
        await world.trade("buy", "1")
        account.fates.append(fate)
        await world.trade(side, "1")
        assert world.held("USER:1") == (2 if side == "buy" else 0)

    world.run(main)
    executed = [one for one in world.market.orders if one.state.executed]
    assert len(executed) == 2


def test_an_entry_that_came_too_late_is_written_off_with_a_reason(world):
    account = world.user()

    async def main():
        await world.start()
        account.fates.extend([Fate(dropped=True)] * 9)
        await world.trade("buy", "1")
        assert world.held("USER:1") == 0
        (line,) = world.copier.lines("USER:1")
        assert line.wanted == 0
        assert line.written_off == 1

    world.run(main)
    reasons = world.rows("SELECT reason FROM copy_orders")
    assert all("never reached the exchange" in reason for (reason,) in reasons), reasons


@pytest.mark.parametrize(("rest", "held"), [(Rest.SKIP, "0.4"), (Rest.RETRY, "1"), (Rest.MARKET, "1")])
def test_what_finds_no_counterpart_is_skipped_or_tried_again_as_the_policy_says(world, rest, held):
    account = world.user(policy=UserPolicy(rest=rest))
    account.fates.append(Fate(part=Decimal("0.4")))

    async def main():
        await world.start()
        await world.trade("buy", "1")
        assert world.held("USER:1") == Decimal(held)

    world.run(main)
    limits = [order.limit for order in account.sent]
    assert (None in limits) == (rest is Rest.MARKET)


def test_an_exit_is_tried_until_it_is_done(world):
    account = world.user()

    async def main():
        await world.start()
        await world.trade("buy", "1")
        account.fates.extend([Fate(part=Decimal(0)), Fate(error="EService:Market in cancel_only mode")])
        account.fates.extend([Fate(error="EOrder:Insufficient funds"), Fate(dropped=True)])
        await world.trade("sell", "1")
        assert world.held("USER:1") == 0

    world.run(main)
    assert len(account.sent) == 6
    assert account.sent[2].limit is None, "the second attempt is at market"


NOT_SENT = {
    "held back": Fate(unsent=True),
    "lost on the way": Fate(dropped=True),
    "too late": Fate(error="EGeneral:Invalid arguments:deadline"),
    "refused": Fate(error="EOrder:Insufficient funds"),
}


@pytest.mark.parametrize("fates", [[one] for one in NOT_SENT.values()] + [list(NOT_SENT.values())])
@pytest.mark.parametrize("rest", Rest)
def test_an_exit_that_did_not_get_out_is_sent_again_whatever_becomes_of_a_rest(world, rest, fates):
    account = world.user(policy=UserPolicy(exit_rest=rest))

    async def main():
        await world.start()
        await world.trade("buy", "1")
        account.fates.extend(fates)
        await world.trade("sell", "1")
        assert world.held("USER:1") == 0

    world.run(main)
    assert [one.limit is None for one in account.sent] == [False] * (2 + len(fates)), (
        "what the market left goes at market"
    )
    assert [one.state.executed for one in world.market.of("USER:1", "sell")] == [1]


def test_what_the_market_left_of_an_exit_that_did_not_get_out_at_first_is_skipped(world):
    account = world.user(policy=UserPolicy(exit_rest=Rest.SKIP))

    async def main():
        await world.start()
        await world.trade("buy", "1")
        account.fates.extend([NOT_SENT["held back"], Fate(part=Decimal("0.4"))])
        await world.trade("sell", "1")
        assert world.held("USER:1") == Decimal("0.6")

    world.run(main)
    assert len(account.sent) == 3


def test_an_exit_that_comes_while_the_entry_is_on_its_way_goes_out_right_after_it(world):
    account = world.user()

    async def main():
        await world.start()
        held = asyncio.Event()
        account.fates.append(Fate(held=held))
        world.copier.on_fills([world.fill("buy", "1")])
        await asyncio.sleep(1)
        world.copier.on_fills([world.fill("sell", "1")])
        held.set()
        await world.copier.idle()
        assert world.held("USER:1") == 0

    world.run(main)
    assert [order.side for order in account.sent] == ["buy", "sell"]


def test_an_entry_that_was_never_sent_is_still_young_after_a_restart_though_the_master_has_sold_since(world):
    """Its age is that of the newest entry, and must not be guessed from whatever was decided last."""
    account = world.user()

    async def main():
        await world.start()
        underway = asyncio.Event()
        account.fates.append(Fate(held=underway, dropped=True))
        world.copier.on_fills([world.fill("buy", "1")])
        await asyncio.sleep(1)
        world.copier.on_fills([world.fill("sell", "0.25")])
        await asyncio.sleep(1)
        world.die()
        await world.start()
        await world.copier.idle()
        assert world.held("USER:1") == Decimal("0.75")
        underway.set()

    world.run(main)


def test_two_lines_of_a_user_do_not_spend_the_same_money(world):
    account = world.user(money=Decimal(60_000))

    async def main():
        await world.start()
        world.copier.on_fills([world.fill("buy", "1"), world.fill("buy", "20", pair=ETH)])
        await world.copier.idle()

    world.run(main)
    spent = [one.state.cost for one in world.market.orders]
    assert spent[0] == 50_000
    assert 0 < spent[1] < 10_000
    assert account.totals["ZUSD"] >= 0
    assert all(one.state.executed == one.state.volume for one in world.market.orders)


def test_small_amounts_wait_until_they_are_worth_an_order(world):
    world.user(policy=half())

    async def main():
        await world.start()
        for _ in range(5):
            await world.trade("buy", "0.00015")
        assert world.held("USER:1") == Decimal("0.0003")

    world.run(main)
    assert [one.order.volume for one in world.market.orders] == [Decimal("0.00015"), Decimal("0.00015")]
    names = world.rows("SELECT cl_ord_id FROM copy_decisions ORDER BY exec_id")
    assert [bool(name) for (name,) in names] == [True] * 4 + [False], "each knows the order that took it in"


def test_what_was_filled_before_the_very_first_start_does_not_count(world):
    world.user()

    async def main():
        await world.start()
        world.copier.on_fills([world.fill("buy", "1", age_s=60) for _ in range(50)])
        await world.copier.idle()

    world.run(main)
    assert world.market.orders == []
    assert world.rows("SELECT count(*) FROM copy_fills") == [(0,)]


def test_an_order_that_arrives_too_late_for_its_deadline_is_wanted_again(world):
    account = world.user()
    account.fates.append(Fate(error="EGeneral:Invalid arguments:deadline"))

    async def main():
        await world.start()
        await world.trade("buy", "1")
        assert world.held("USER:1") == 1

    world.run(main)
    assert len(account.sent) == 2


def test_a_fill_is_copied_although_the_account_can_not_be_looked_at_yet():
    world = World()
    account = world.user(1)
    account.blind = True

    async def main():
        await world.start()
        world.copier.on_fills([world.fill("buy", "1")])
        await asyncio.sleep(5)
        assert not account.sent, "nobody knows yet whether there is money for it"
        account.blind = False
        await world.copier.idle()
        assert world.held("USER:1") == 1

    world.run(main)
    assert world.reasons() == [""]
