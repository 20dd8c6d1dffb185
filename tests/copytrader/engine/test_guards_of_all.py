"""The limits of all users together: what is lost, held, sent and refused is summed, and no exit is held back by it."""

import asyncio
from decimal import Decimal

import pytest

from krakenonce.clock import ManualClock
from krakenonce.copytrader.config import parse_settings
from krakenonce.copytrader.engine.figures import Figures
from krakenonce.copytrader.guards.reasons import Reason, code_of
from krakenonce.copytrader.guards.together import Losses
from krakenonce.copytrader.journal import Changes, State, open_copy_journal
from krakenonce.copytrader.journal.records import EVERYBODY, Standing
from krakenonce.copytrader.notify import Event
from krakenonce.copytrader.policy import Guards, Stop, UserPolicy
from krakenonce.copytrader.service.offline import restate, standings
from tests.copytrader.engine.world import BTC, ETH, Fate, World

D = Decimal
PATIENT = UserPolicy(guards=Guards(max_age_s=600))


def made(guards, users=2, policy=None):
    world = World()
    world.settings = {"guards": guards}
    for number in range(1, users + 1):
        world.user(number, policy, money=D(100_000)).totals["ZEUR"] = D(0)
    return world


def together(world):
    return world.copier.everybody.state


async def looked():
    """Wait until everybody's balances were looked at again."""
    await asyncio.sleep(120)


LOST_EACH = 10_000
"""What each of the users below loses: 1 BTC, bought for 50,000, is worth 40,000 now."""


async def lose(world):
    await world.trade("buy", "1")
    world.price(BTC, 40_000)
    await looked()


@pytest.mark.parametrize("limit", [{"daily_loss": D(20_000)}, {"drawdown": D("0.1")}], ids=str)
def test_what_all_have_lost_together_stops_everybody_until_it_is_re_armed(limit):
    world = made(Guards(**limit))

    async def main():
        await world.start()
        await lose(world)
        assert together(world) is State.SOFT_STOP
        assert "all users together" in world.copier.everybody.reason
        world.die()
        await world.start()
        assert together(world) is State.SOFT_STOP
        await world.trade("buy", "0.1")
        await world.copier.resume()
        assert together(world) is State.SOFT_STOP, "a stop is ended by re-arming only"
        await world.trade("sell", "1.1")
        assert (world.held("USER:1"), world.held("USER:2")) == (0, 0)
        await world.copier.rearm()
        await looked()
        assert together(world) is State.ACTIVE, "losses are counted anew"
        await world.trade("buy", "0.1")
        assert world.held("USER:2") == D("0.1")

    world.run(main)
    assert [code_of(reason) for reason in world.reasons()] == [None, Reason.STOPPED, None, None]
    assert [notice.event for notice in world.notices if notice.user == "*"] == [Event.STOP, Event.RESUME]


def test_re_armed_while_nothing_runs_losses_count_anew_as_well(tmp_path):
    path = tmp_path / "copies.db"
    text = f'run = "dry"\njournal = "{path}"\n[master]\nkey = "env:M"\n[users.a]\nkey = "env:A"\n'
    settings, clock = parse_settings(text, tmp_path / "copy.toml", {}), ManualClock(wall_ns=10**18)

    async def main():
        journal = open_copy_journal(settings.journal)
        lost = Standing("USER:a", peak_equity=D(900), day="2026-11-23", day_equity=D(800))
        await journal.commit(Changes(standings=(lost, Standing(EVERYBODY, State.SOFT_STOP, "losses"))))
        await journal.close()
        await restate(settings, EVERYBODY, "rearm", "", clock)
        known = await standings(settings, clock)
        assert known[EVERYBODY].state is State.ACTIVE
        assert (known["USER:a"].peak_equity, known["USER:a"].day_equity) == (None, None)

    asyncio.run(main())


@pytest.mark.parametrize("limit", [{"daily_loss": D(20_001)}, {"drawdown": D("0.101")}], ids=str)
def test_a_little_less_stops_nobody(limit):
    world = made(Guards(**limit))

    async def main():
        await world.start()
        await lose(world)
        assert together(world) is State.ACTIVE

    world.run(main)


def test_what_one_has_gained_and_another_has_lost_is_set_off():
    world = made(Guards(daily_loss=D(5_000)))
    world.accounts["USER:2"].totals["XETH"] = D(10)

    async def main():
        await world.start()
        await world.copier.pause(user="USER:2")
        await world.trade("buy", "1")
        world.price(ETH, 3_400)
        await looked()
        world.price(BTC, 41_000)
        await looked()
        assert together(world) is State.ACTIVE
        world.price(BTC, 35_000)
        await looked()
        assert together(world) is State.SOFT_STOP

    world.run(main)


def test_a_hard_stop_sells_what_was_copied_for_all_also_for_who_was_not_there():
    world = made(Guards(drawdown=D("0.09"), stop=Stop.HARD))
    absent = world.user(3, money=D(100_000))
    absent.totals["ZEUR"] = D(0)

    async def main():
        await world.start()
        await world.trade("buy", "1")
        await looked()
        world.die()
        del world.accounts["USER:3"]
        await world.start()
        world.price(BTC, 40_000)
        await looked()
        await world.copier.idle()
        assert together(world) is State.HARD_STOP
        assert (world.held("USER:1"), world.held("USER:2")) == (0, 0)
        world.accounts["USER:3"] = absent
        await world.copier.join(world.seat("USER:3"))
        await world.copier.idle()
        assert world.held("USER:3") == 0

    world.run(main)
    assert {row[0] for row in world.rows("SELECT purpose FROM copy_orders WHERE side = 'sell'")} == {"close"}


def test_who_leaves_takes_his_losses_with_him_and_who_comes_brings_none():
    world = made(Guards(drawdown=D("0.1")))

    async def main():
        await world.start()
        await world.trade("buy", "0.1")
        await looked()
        await (await world.copier.leave("USER:1"))
        await looked()
        assert together(world) is State.ACTIVE, "100,000 less are no loss"
        world.user(9, money=D(1_000))
        await world.copier.join(world.seat("USER:9"))
        await looked()
        assert together(world) is State.ACTIVE

    world.run(main)


def test_entries_of_all_are_counted_and_those_above_wait_also_over_a_restart():
    world = made(Guards(orders_per_minute=3), users=5, policy=PATIENT)

    async def main():
        await world.start()
        world.copier.on_fills([world.fill("buy", "0.1")])
        await asyncio.sleep(5)
        assert sum(world.held(name) > 0 for name in world.accounts) == 3
        world.die()
        await world.start()
        await asyncio.sleep(5)
        assert sum(world.held(name) > 0 for name in world.accounts) == 3
        world.copier.on_fills([world.fill("sell", "0.05")])
        await asyncio.sleep(5)
        assert sum(len(account.sent) for account in world.accounts.values()) == 6, "exits are not counted"
        await asyncio.sleep(120)
        await world.copier.idle()
        assert {world.held(name) for name in world.accounts} == {D("0.05")}

    world.run(main)
    entries = sorted(order.planned_ns for one in world.accounts.values() for order in one.sent if order.side == "buy")
    assert all(late - early >= 60 * 10**9 for early, late in zip(entries, entries[3:], strict=False))


def test_an_entry_that_waits_too_long_is_dropped_with_a_reason():
    world = made(Guards(orders_per_minute=1), users=2)

    async def main():
        await world.start()
        await world.trade("buy", "0.1")
        assert sum(world.held(name) > 0 for name in world.accounts) == 1

    world.run(main)
    ((reason,),) = world.rows("SELECT reason FROM copy_orders WHERE phase = 'refused'")
    assert code_of(reason) is Reason.TOO_OLD


def test_failures_in_a_row_whoevers_pause_everybody_and_exits_go_out():
    world = made(Guards(max_failures=3), users=4)

    async def main():
        await world.start()
        await world.trade("buy", "0.1")
        for account in list(world.accounts.values())[:3]:
            account.fates.append(Fate(error="EGeneral:Permission denied"))
        world.accounts["USER:4"].rtt_s *= 10
        world.copier.on_fills([world.fill("buy", "0.1")])
        await world.copier.idle()
        assert together(world) is State.PAUSED
        assert "3 copies in a row have failed" in world.copier.everybody.reason
        assert all(world.copier._board.roster.members[name].standing.state is State.ACTIVE for name in world.accounts)
        world.die()
        await world.start()
        await world.trade("buy", "0.1")
        await world.trade("sell", "0.3")
        assert {world.held(name) for name in world.accounts} == {0}
        await world.copier.resume()
        await world.trade("buy", "0.1")
        assert {world.held(name) for name in world.accounts} == {D("0.1")}

    world.run(main)


def test_one_users_exit_that_is_refused_again_and_again_pauses_him_and_nobody_else():
    world = made(Guards(max_failures=3), users=2)

    async def main():
        await world.start()
        await world.trade("buy", "0.1")
        world.accounts["USER:1"].fates.extend([Fate(error="EGeneral:Permission denied")] * 6)
        world.accounts["USER:2"].fates.append(Fate(error="EGeneral:Permission denied"))
        await world.trade("sell", "0.1")
        assert together(world) is State.ACTIVE
        assert world.copier.standing("USER:1").state is State.PAUSED
        assert {world.held(name) for name in world.accounts} == {0}

    world.run(main)


def test_a_copy_that_succeeds_begins_the_count_anew():
    world = made(Guards(max_failures=2), users=2)

    async def main():
        await world.start()
        for _ in range(4):
            world.accounts["USER:1"].fates.append(Fate(error="EGeneral:Permission denied"))
            await world.trade("buy", "0.1")
        assert together(world) is State.ACTIVE

    world.run(main)


def test_a_fan_out_stays_within_the_exposure_of_all_and_adds_it_up_only_once(monkeypatch):
    world = made(Guards(max_exposure=D(26_000)), users=20)
    looks = []
    whole = Figures._exposure
    monkeypatch.setattr(Figures, "_exposure", lambda self, member: looks.append(member.name) or whole(self, member))

    async def main():
        await world.start()
        looks.clear()
        await world.trade("buy", "0.1")
        assert len(looks) == len(world.accounts)
        assert sorted({world.held(name) for name in world.accounts}) == [0, D("0.02"), D("0.1")]
        assert sum(world.held(name) for name in world.accounts) * 50_000 == 26_000
        await world.trade("sell", "0.1")
        await world.trade("buy", "0.1")
        assert sum(world.held(name) for name in world.accounts) * 50_000 == 26_000

    world.run(main)


def test_other_limits_count_from_the_next_fill_on():
    world = made(None)

    async def main():
        await world.start()
        await world.trade("buy", "0.1")
        world.copier.change_guards(Guards(max_exposure=D(10_000)))
        await world.trade("buy", "0.1")
        assert {world.held(name) for name in world.accounts} == {D("0.1")}
        world.copier.change_guards(None)
        await world.trade("buy", "0.1")
        assert {world.held(name) for name in world.accounts} == {D("0.2")}

    world.run(main)


def test_no_more_pairs_than_all_may_hold():
    world = made(Guards(max_positions=1))

    async def main():
        await world.start()
        world.copier.on_fills([world.fill("buy", "0.1"), world.fill("buy", "1", pair=ETH)])
        await world.copier.idle()
        assert {world.held(name) for name in world.accounts} == {D("0.1")}
        assert {world.held(name, ETH) for name in world.accounts} == {0}

    world.run(main)


def test_losses_that_are_not_summed_are_found_out(monkeypatch):
    """Positive control: with the limit of all held against each alone, nobody is stopped."""
    look = Losses.look

    def only_one(self, standing, equity):
        self.keep_only(())
        look(self, standing, equity)

    monkeypatch.setattr(Losses, "look", only_one)
    with pytest.raises(AssertionError):
        test_what_all_have_lost_together_stops_everybody_until_it_is_re_armed({"daily_loss": D(20_000)})
