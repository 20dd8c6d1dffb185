"""Users come, go and change keys while everybody else is copied on; and accounts that are not what the journal says."""

import asyncio
from decimal import Decimal

import pytest

from krakenonce.copytrader.engine.copier import Copier
from krakenonce.copytrader.engine.setting import Setting
from krakenonce.copytrader.journal import CopyJournal, State
from krakenonce.copytrader.policy import Guards, Joining, Leaving, UserPolicy
from krakenonce.errors import ConfigError
from tests.copytrader.engine.world import BTC, ETH, RULES, Fate, Life, ToyAccount, World


@pytest.fixture
def world():
    return World()


@pytest.mark.parametrize(
    ("joining", "price", "held"),
    [(Joining.NEW_ONLY, 50_000, 0), (Joining.SYNC_NOW, 51_000, 1), (Joining.SYNC_IF_NOT_WORSE, 51_000, 0),
     (Joining.SYNC_IF_NOT_WORSE, 49_000, 1)],
)  # fmt: skip
def test_a47_who_joins_while_the_master_holds_something_does_what_he_has_chosen(world, joining, price, held):
    world.user(1)

    async def main():
        await world.start()
        await world.trade("buy", "1")
        world.price(BTC, price)
        world.user(2, UserPolicy(joining=joining))
        await world.copier.join(world.seat("USER:2"))
        await world.copier.idle()
        assert world.held("USER:2") == held
        world.die()
        await world.start()
        await world.copier.idle()
        assert world.held("USER:2") == held, "joining is done once"
        await world.trade("sell", "0.5")
        assert world.held("USER:2") == Decimal(held) / 2
        await world.trade("buy", "1")
        assert world.held("USER:2") == Decimal(held) / 2 + 1

    world.run(main)
    assert world.rows("SELECT count(*) FROM copy_fills WHERE exec_id LIKE 'join%'") == [(0,)]
    assert len(world.reasons("USER:2")) == 3


@pytest.mark.parametrize("leaving", list(Leaving))
def test_a48_who_leaves_keeps_closes_or_closes_with_the_master(world, leaving):
    world.users(2)

    async def main():
        await world.start()
        await world.trade("buy", "1")
        departed = await world.copier.leave("USER:1", leaving)
        await world.trade("buy", "1")
        if leaving is Leaving.CLOSE_WITH_MASTER:
            assert not departed.done()
            assert world.accounts["USER:1"].totals["XXBT"] == 1
            world.die()
            await world.start()
            await world.trade("sell", "1")
            assert world.accounts["USER:1"].totals["XXBT"] == Decimal("0.5")
            await world.trade("sell", "1")
            await asyncio.sleep(1)
            assert world.copier.users == ("USER:2",)
        else:
            await departed
        assert world.accounts["USER:1"].totals["XXBT"] == (1 if leaving is Leaving.KEEP else 0)
        await world.trade("sell", "0.5")
        assert world.accounts["USER:1"].totals["XXBT"] == (1 if leaving is Leaving.KEEP else 0), "they are his own now"

    world.run(main)
    assert world.rows("SELECT state FROM copy_standings WHERE user_name = 'USER:1'") == [(State.LEFT.value,)]


def test_a48_who_leaves_while_his_order_is_on_its_way_leaves_when_its_end_is_known(world):
    account = world.user()

    async def main():
        await world.start()
        held = asyncio.Event()
        account.fates.append(Fate(held=held))
        world.copier.on_fills([world.fill("buy", "1")])
        await asyncio.sleep(1)
        departed = await world.copier.leave("USER:1", Leaving.CLOSE)
        await asyncio.sleep(1)
        assert not departed.done()
        held.set()
        await departed
        assert account.totals["XXBT"] == 0

    world.run(main)


def test_who_has_left_may_join_again_and_begins_anew(world):
    account = world.user()

    async def main():
        await world.start()
        await world.trade("buy", "1")
        await (await world.copier.leave("USER:1", Leaving.KEEP))
        await world.trade("buy", "1")
        await world.copier.join(world.seat("USER:1"))
        await world.trade("sell", "1")
        assert account.totals["XXBT"] == 1, "what he kept is his own"
        await world.trade("buy", "1")
        assert account.totals["XXBT"] == 2

    world.run(main)


def test_a59_a_key_is_exchanged_while_the_order_on_the_old_one_comes_to_its_end(world):
    old = world.user()

    async def main():
        await world.start()
        held = asyncio.Event()
        old.fates.append(Fate(held=held))
        world.copier.on_fills([world.fill("buy", "1")])
        await asyncio.sleep(1)
        new = ToyAccount(world.market, "USER:1", key="another key")
        new.totals = old.totals
        rotating = asyncio.ensure_future(world.copier.rotate("USER:1", new))
        await asyncio.sleep(1)
        assert not rotating.done()
        world.copier.on_fills([world.fill("buy", "1", pair=ETH)])
        await asyncio.sleep(1)
        assert [order.line.pair for order in new.sent] == [ETH]
        held.set()
        await rotating
        await world.trade("sell", "1")
        assert [order.line.pair for order in old.sent] == [BTC]
        assert [order.side for order in new.sent] == ["buy", "sell"]
        assert world.held("USER:1") == 0

    world.run(main)


def test_a56_one_key_for_two_users_is_refused(world):
    world.user(1, key="one key")

    async def main():
        await world.start()
        world.user(2, key="one key")
        with pytest.raises(ConfigError, match="USER:1"):
            await world.copier.join(world.seat("USER:2"))
        with pytest.raises(ConfigError, match="already"):
            await world.copier.join(world.seat("USER:1"))

    world.run(main)


def test_another_policy_counts_from_the_next_fill_on(world):
    world.user()

    async def main():
        await world.start()
        await world.trade("buy", "1")
        await world.copier.change("USER:1", UserPolicy(guards=Guards(pairs=frozenset({ETH}))))
        await world.trade("buy", "1")
        assert world.held("USER:1") == 1
        await world.trade("sell", "2")
        assert world.held("USER:1") == 0

    world.run(main)


def test_a46_the_users_own_coins_are_never_sold_and_what_he_sold_himself_is_gone(world):
    account = world.user()
    account.totals["XXBT"] = Decimal(5)

    async def main():
        await world.start()
        await world.trade("buy", "1")
        await asyncio.sleep(60)
        account.totals["XXBT"] = Decimal("0.5")
        await asyncio.sleep(120)
        assert [drift.missing for drift in await world.copier.reconcile()] == [Decimal("0.5")]
        await world.trade("sell", "0.37")
        assert account.totals["XXBT"] == Decimal("0.5") * Decimal("0.63")
        assert await world.copier.reconcile() == []

    world.run(main)


def test_reconciling_shows_to_the_lot_who_is_not_where_he_should_be_and_mends_only_when_told(world):
    first, second = world.users(2)

    async def main():
        await world.start()
        await world.trade("buy", "1")
        assert await world.copier.reconcile() == []
        await asyncio.sleep(60)
        first.totals["XXBT"] = Decimal("0.25")
        (drift,) = await world.copier.reconcile()
        assert (drift.line.user, drift.wanted, drift.held, drift.missing) == ("USER:1", 1, 1, Decimal("0.75"))
        await world.copier.reconcile(mend=True)
        assert await world.copier.reconcile() == []
        assert world.held("USER:1") == Decimal("0.25")
        assert (len(first.sent), len(second.sent)) == (1, 1)

    world.run(main)


def test_an_exit_for_which_the_coins_are_bound_waits_and_goes_out_when_they_are_free(world):
    account = world.user()

    async def main():
        await world.start()
        await world.trade("buy", "1")
        account.totals["XXBT"] = Decimal(0)
        account.fates.append(Fate(error="EOrder:Insufficient funds"))
        world.copier.on_fills([world.fill("sell", "1")])
        await asyncio.sleep(30)
        account.totals["XXBT"] = Decimal(1)
        await world.copier.idle()
        assert world.held("USER:1") == 0

    world.run(main)


def test_what_another_worker_has_decided_is_not_decided_again_when_it_is_heard_of_here(world):
    world.user(1)

    async def main():
        setting = Setting(clock=world.clock, exchange_ns=world.clock.wall_ns, rules=RULES, quotes=world.quotes)
        here = Copier(CopyJournal(world.backend, clock=world.clock), setting)
        await here.start([])
        await world.start()
        fill = await world.trade("buy", "1")
        await world.copier.close()
        world.life = Life()
        await here.join(world.seat("USER:1"))
        for _ in range(2):
            here.on_fills([fill])
            await here.idle()
        assert [line.wanted for line in here.lines("USER:1")] == [1]
        here.on_fills([world.fill("buy", "2")])
        await here.idle()
        assert [line.held for line in here.lines("USER:1")] == [3]
        await here.close()

    world.run(main)
    assert len(world.reasons()) == 2


def test_decisions_take_no_memory_once_they_are_written(world):
    world.users(2)

    async def main():
        await world.start()
        for _ in range(30):
            await world.trade("buy", "0.01")
        world.die()
        await world.start()
        for _ in range(30):
            await world.trade("sell", "0.01")
        for member in world.copier._board.roster:
            assert not member.decided
        assert [world.held(f"USER:{number}") for number in (1, 2)] == [0, 0]

    world.run(main)


def test_who_comes_again_does_not_get_what_the_master_bought_while_he_was_away(world):
    world.user(1, UserPolicy(guards=Guards(max_age_s=3600)))

    async def main():
        await world.start()
        await world.trade("buy", "1")
        await (await world.copier.leave("USER:1", Leaving.CLOSE))
        world.copier.on_fills([world.fill("buy", "2")])
        await asyncio.sleep(5)
        await world.copier.join(world.seat("USER:1"))
        await world.copier.idle()
        assert world.held("USER:1") == 0
        await world.trade("buy", "3")
        assert world.held("USER:1") == 3

    world.run(main)
    decided = world.rows("SELECT exec_id FROM copy_decisions WHERE exec_id NOT LIKE 'join%' ORDER BY exec_id")
    assert decided == [("T000001",), ("T000003",)], "he is not even asked about it"


def test_entries_are_counted_for_a_minute_and_remembered_no_longer(world):
    world.users(1)

    async def main():
        await world.start()
        for _ in range(30):
            await world.trade("buy", "0.01")
            await asyncio.sleep(10)
        board = world.copier._board
        for entries in (board.entries, *(member.entries for member in board.roster)):
            assert len(entries._planned) <= 7

    world.run(main)
