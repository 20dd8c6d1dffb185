"""Kill, pause, stops by losses, failures in a row: what is sent then and what is not, and what a restart changes."""

import asyncio
from decimal import Decimal

import pytest

from krakenonce.copytrader.journal import State
from krakenonce.copytrader.notify import Event
from krakenonce.copytrader.policy import Guards, Stop, UserPolicy
from krakenonce.errors import ConfigError
from tests.copytrader.engine.world import ETH, Fate, World


@pytest.fixture
def world():
    return World()


def test_a50_after_a_kill_no_order_leaves_open_ones_are_cancelled_and_a_restart_changes_nothing(world):
    slow, other = world.users(2)

    async def main():
        await world.start()
        held = asyncio.Event()
        slow.fates.append(Fate(held=held))
        world.copier.on_fills([world.fill("buy", "1")])
        await asyncio.sleep(1)
        world.copier.on_fills([world.fill("buy", "1", pair=ETH)])
        killing = asyncio.ensure_future(world.copier.kill("enough"))
        await asyncio.sleep(0)
        pressed_ns, sent = world.clock.wall_ns(), len(slow.sent) + len(other.sent)
        await killing
        assert slow.cancelled == [slow.sent[0].cl_ord_id]
        held.set()
        await world.copier.idle()
        await world.trade("buy", "1", pair=ETH)
        await world.trade("sell", "1")
        assert len(slow.sent) + len(other.sent) == sent
        assert max(slow.sent_ns + other.sent_ns) <= pressed_ns
        world.die()
        await world.start()
        assert world.copier.everybody.state is State.KILLED
        await world.trade("sell", "1", pair=ETH)
        assert len(slow.sent) + len(other.sent) == sent
        await world.copier.resume()
        assert world.copier.everybody.state is State.KILLED, "a kill is ended by re-arming only"
        await world.copier.rearm()
        await world.copier.idle()
        assert (world.held("USER:1"), world.held("USER:2")) == (0, 0), "what was to be sold meanwhile is sold now"

    world.run(main)
    assert [notice.event for notice in world.notices if notice.user == "*"] == [Event.KILL, Event.RESUME]


def test_a50_what_was_planned_and_not_sent_when_the_kill_came_is_never_sent(world):
    account = world.user()

    async def main():
        await world.start()
        world.copier.on_fills([world.fill("buy", "1")])
        await world.copier.kill("enough")
        await world.copier.idle()
        assert account.sent == []
        await asyncio.sleep(60)
        await world.copier.rearm()
        await world.copier.idle()

    world.run(main)
    assert account.sent == []
    (line,) = world.rows("SELECT wanted, written_off FROM copy_lines")
    assert tuple(map(Decimal, line)) == (0, 1)


def test_one_user_can_be_killed_alone(world):
    world.users(2)

    async def main():
        await world.start()
        await world.copier.kill("his wish", user="USER:1")
        await world.trade("buy", "1")
        assert (world.held("USER:1"), world.held("USER:2")) == (0, 1)
        await world.copier.rearm(user="USER:1")
        await world.trade("buy", "1")
        assert (world.held("USER:1"), world.held("USER:2")) == (1, 2)
        with pytest.raises(ConfigError, match="nobody"):
            await world.copier.pause(user="USER:nobody")

    world.run(main)


def test_while_paused_nothing_is_entered_and_everything_is_left(world):
    world.users(2)

    async def main():
        await world.start()
        await world.trade("buy", "1")
        await world.copier.pause("lunch", user="USER:1")
        await world.trade("buy", "1")
        assert (world.held("USER:1"), world.held("USER:2")) == (1, 2)
        world.die()
        await world.start()
        assert world.copier.standing("USER:1").state is State.PAUSED
        await world.trade("sell", "1")
        assert (world.held("USER:1"), world.held("USER:2")) == (Decimal("0.5"), 1)
        await world.copier.resume(user="USER:1")
        await world.trade("buy", "1")
        assert (world.held("USER:1"), world.held("USER:2")) == (Decimal("1.5"), 2)

    world.run(main)
    assert any("paused" in reason for reason in world.reasons())


def test_a51_failures_in_a_row_pause_a_user_and_only_him(world):
    bad, _ = world.users(2, UserPolicy(guards=Guards(max_failures=3)))

    async def main():
        await world.start()
        await world.trade("buy", "1")
        bad.fates.extend([Fate(error="EGeneral:Permission denied")] * 3)
        for _ in range(5):
            await world.trade("buy", "1")
        assert world.copier.standing("USER:1").state is State.PAUSED
        assert world.copier.standing("USER:2").state is State.ACTIVE
        await world.trade("sell", "3")
        assert (world.held("USER:1"), world.held("USER:2")) == (Decimal("0.5"), 3)

    world.run(main)
    assert len([order for order in bad.sent if order.side == "buy"]) == 4
    assert Event.PAUSE in {notice.event for notice in world.notices if notice.user == "USER:1"}


def test_failures_do_not_count_if_something_went_well_in_between(world):
    account = world.user(policy=UserPolicy(guards=Guards(max_failures=2)))

    async def main():
        await world.start()
        for _ in range(4):
            account.fates.append(Fate(error="EOrder:Insufficient funds"))
            await world.trade("buy", "0.1")
            await world.trade("buy", "0.1")
        assert world.copier.standing("USER:1").state is State.ACTIVE

    world.run(main)


@pytest.mark.parametrize("stop", list(Stop))
def test_a49_losses_stop_a_user_and_survive_a_restart_until_they_are_re_armed(world, stop):
    guards = Guards(drawdown=Decimal("0.1"), stop=stop)
    account = world.user(policy=UserPolicy(guards=guards), money=Decimal(100_000))

    async def main():
        await world.start()
        await world.trade("buy", "1.5")
        world.price("XXBTZUSD", 30_000)
        await asyncio.sleep(120)
        await world.copier.idle()
        expected = State.SOFT_STOP if stop is Stop.SOFT else State.HARD_STOP
        assert world.copier.standing("USER:1").state is expected
        assert world.held("USER:1") == (Decimal("1.5") if stop is Stop.SOFT else 0)
        world.die()
        await world.start()
        assert world.copier.standing("USER:1").state is expected
        sent = len(account.sent)
        await world.trade("buy", "0.1")
        await world.copier.resume(user="USER:1")
        await world.trade("buy", "0.1")
        assert len(account.sent) == sent
        await world.copier.rearm(user="USER:1")
        await world.trade("buy", "0.1")
        await asyncio.sleep(120)
        assert len(account.sent) == sent + 1
        assert world.copier.standing("USER:1").state is State.ACTIVE

    world.run(main)


def test_an_account_that_cannot_be_looked_at_keeps_nobody_from_starting(world):
    blind, _ = world.users(2)
    blind.blind = True

    async def main():
        await world.start()
        world.copier.on_fills([world.fill("buy", "1")])
        await asyncio.sleep(30)
        assert (world.held("USER:1"), world.held("USER:2")) == (0, 1)
        blind.blind = False
        await world.copier.idle()
        assert (world.held("USER:1"), world.held("USER:2")) == (0, 1), "by now it is too old to be bought"

    world.run(main)
    ((reason,),) = world.rows("SELECT reason FROM copy_orders WHERE user_name = 'USER:1'")
    assert reason.startswith("too_old")
