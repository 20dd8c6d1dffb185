"""Mode orders through the whole service: the master's resting orders, followed and never orphaned."""

import asyncio
from decimal import Decimal

import pytest

from krakenonce.broker import Order
from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader.journal import Changes, open_copy_journal
from krakenonce.copytrader.service.memory import SwitchMemory
from tests.copytrader.service.stage import BTC, Stage, until

D = Decimal
DEFAULTS = 'mode = "orders"\nsizing.amount = "0.5"'


def open_orders(stage, place=1):
    account = stage.sim.accounts[place]
    return [order for order in list(account.orders.values()) if order.is_open]


async def rest(master, price="40000"):
    return await master.place(Order(BTC, "buy", D("0.1"), "limit", D(price)))


@pytest.mark.kraken_sim(volatility=0)
async def test_a45_a_resting_order_is_followed_amended_and_cancelled(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path, users=1, defaults=DEFAULTS)
    async with stage.service() as service, stage.master() as master:
        await until(lambda: not service.feeds["MASTER"].standing.is_held)
        placed = await rest(master)
        (order,) = await until(lambda: open_orders(stage))
        assert (order.volume, order.limit_price) == (D("0.05"), D(40000))
        await master.amend(txid=placed.txid, price=D(41000))
        await until(lambda: [order.limit_price for order in open_orders(stage)] == [D(41000)])
        await master.cancel(txid=placed.txid)
        await until(lambda: not open_orders(stage))


@pytest.mark.kraken_sim(volatility=0)
async def test_a45_what_was_cancelled_while_nobody_listened_leaves_no_orphan(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path, users=1, defaults=DEFAULTS)
    async with stage.master() as master:
        async with stage.service() as service:
            await until(lambda: not service.feeds["MASTER"].standing.is_held)
            kept, dropped = await rest(master), await rest(master, "39000")
            await until(lambda: len(open_orders(stage)) == 2)
        await master.cancel(txid=dropped.txid)
        async with stage.service():
            await until(lambda: [order.limit_price for order in open_orders(stage)] == [D(40000)])
            await master.cancel(txid=kept.txid)
            await until(lambda: not open_orders(stage))


@pytest.mark.kraken_sim(volatility=0)
async def test_the_journal_keeps_until_when_a_switch_is_wound_up(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path, users=1, defaults=DEFAULTS + "\ncancel_after_s = 600")

    async def kept():
        journal = open_copy_journal(stage.journal_url)
        try:
            return await SwitchMemory(journal).recall("USER:u1")
        finally:
            await journal.close()

    async with stage.service():
        while (due_ns := await kept()) is None:
            await asyncio.sleep(0.05)
    assert await kept() is None, "who ends in order disarms it"
    journal = open_copy_journal(stage.journal_url)
    await journal.commit(Changes(meta={"switch:USER:u1": str(due_ns - 1200 * NS_PER_SECOND)}))
    await journal.close()
    async with stage.service() as service:
        winder = service.guests._opened["USER:u1"].account.account._winder
        assert winder.had_fired(due_ns - 1200 * NS_PER_SECOND)
        assert not winder.had_fired(due_ns - 1200 * NS_PER_SECOND - 1)
    journal = open_copy_journal(stage.journal_url)
    await journal.commit(Changes(meta={"switch:USER:u1": str(due_ns)}))
    await journal.close()
    async with Stage(kraken_sim, tmp_path, users=1, defaults=DEFAULTS).service():
        pass
    assert await kept() is None, "who has no switch any more begins anew when he has one again"


@pytest.mark.kraken_sim(volatility=0)
async def test_a_dry_run_rests_on_paper_only(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path, run="dry", users=1, defaults=DEFAULTS)
    async with stage.service() as service, stage.master() as master:
        await until(lambda: not service.feeds["MASTER"].standing.is_held)
        placed = await rest(master)
        account = service.guests._opened["USER:u1"].account
        await until(lambda: account._orders)
        await master.cancel(txid=placed.txid)
        await until(lambda: not account._orders)
    assert stage.mutating(["USER:1"]) == []
