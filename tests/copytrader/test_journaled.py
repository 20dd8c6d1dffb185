"""A copy trader with a journal: stopped in the middle, started again, and nothing is bought twice."""

import asyncio
from decimal import Decimal

from krakenonce.clock import SystemClock
from krakenonce.copytrader import CopyPolicy, CopyTrader, FillFeed, Follower, ReceiptBook
from krakenonce.copytrader.follower import order_name
from krakenonce.orders import Executed, open_journal
from tests.leap import Leap
from tests.orders.traders import market, misfortune, orders_of, sent, trader


def followers_of(brokers, rules, receipts):
    return [Follower(broker, CopyPolicy(Decimal(1)), rules, receipts, SystemClock()) for broker in brokers]


async def test_a_copy_that_was_under_way_when_the_program_stopped_is_found_by_the_next_run(kraken_sim, tmp_path):
    journal = open_journal(f"sqlite://{tmp_path}/orders.db")
    receipts = ReceiptBook()
    async with (
        trader(kraken_sim, 0, journal=journal) as master,
        trader(kraken_sim, 1, journal=journal) as anna,
    ):
        rules = await master.pairs()
        misfortune(kraken_sim, kind="hang", phase="after", ms=3_600_000, endpoint="AddOrder", account="USER:1", times=1)
        async with CopyTrader(FillFeed(master, every_s=0.01), followers_of([anna], rules, receipts), SystemClock()):
            await master.place(market("master1", volume="0.01"))
            while not orders_of(kraken_sim, 1):
                await asyncio.sleep(0.005)
        (receipt,) = receipts
        assert "stopped before" in receipt.reason
        Leap()()  # its request times out now; while it may still be answered, the broker does not close
    async with trader(kraken_sim, 1, journal=journal) as anna:
        (found,) = await anna.recover()
        assert isinstance(found.verdict, Executed)
        assert found.intent.name == receipt.cl_ord_id == order_name("USER:1", receipt.fills[-1])
        (order,) = orders_of(kraken_sim, 1)
        assert found.verdict.state.txid == order.txid
    await journal.close()


async def test_several_accounts_share_one_journal(kraken_sim, tmp_path):
    journal = open_journal(f"sqlite://{tmp_path}/orders.db")
    async with trader(kraken_sim, 1, journal=journal) as anna, trader(kraken_sim, 2, journal=journal) as bert:
        placed = await asyncio.gather(anna.place(market("same")), bert.place(market("same")))
        assert placed[0].txid != placed[1].txid, "names are each account's own"
    assert len(sent(kraken_sim)) == 2
    await journal.close()
