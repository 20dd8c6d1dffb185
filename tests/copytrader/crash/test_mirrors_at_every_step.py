"""A31 for mirrored orders: wherever the engine dies, each of the master's orders has one of the user's."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from krakenonce.copytrader.journal import CopyJournal
from krakenonce.copytrader.policy import CopyMode
from tests.copytrader.engine.world import STEPS, Life, MortalAccount, MortalBackend
from tests.copytrader.trading import HALF, VirtualTrading, bought_and_sold, doubles

MIRROR = replace(HALF, mode=CopyMode.ORDERS)


class DyingTrading(VirtualTrading):
    """Trading whose engine dies when its life is over, and is begun anew."""

    def __init__(self, life):
        super().__init__([MIRROR], latency_ms=20, jitter_ms=15)
        self.life, self.lives = life, 1

    def wrapped(self, account):
        return MortalAccount(account, self.life)

    async def begin(self):
        kraken = self.kraken
        journal = CopyJournal(MortalBackend(self.backend, self.life), clock=kraken.clock)
        opening = asyncio.ensure_future(
            self.open([kraken.broker(0), kraken.broker(1)], kraken.dialing, journal, kraken.clock, chance=kraken.chance)
        )
        while not opening.done() and not self.life.is_over:
            await asyncio.wait([opening], timeout=0.25)
        if not self.life.is_over:
            return await opening
        opening.cancel()
        await asyncio.wait([opening])
        return await self.live_again()

    async def live_again(self):
        await self.copier.close()
        await self.close()
        self.life, self.lives = Life(), self.lives + 1
        await self.begin()

    async def quiet(self):
        """Wait until nothing happens any more, and live again if need be."""
        await asyncio.sleep(40)
        if self.life.is_over:
            await self.live_again()
            await asyncio.sleep(40)


def play(life):
    trading = DyingTrading(life)

    async def story():
        await trading.begin()
        await trading.quiet()
        txid = trading.hand.place("buy", "0.2", "limit", price="49000")
        await trading.quiet()
        trading.hand.call("AmendOrder", txid=txid, order_qty="0.3", limit_price="48500")
        await trading.quiet()
        trading.kraken.move(48_000)
        await trading.quiet()
        trading.hand.place("sell", "0.1", "limit", price="49000")
        unwanted = trading.hand.place("buy", "0.5", "limit", price="40000")
        await trading.quiet()
        trading.kraken.move(49_500)
        await trading.quiet()
        trading.hand.call("CancelOrder", txid=unwanted)
        await trading.quiet()

    trading.run(story)
    return trading


def findings(trading):
    account = trading.kraken.exchange.accounts[1]
    wrong = [f"{name} twice" for name in doubles(account)]
    wrong += [f"{order.txid} is open still" for order in account.orders.values() if order.is_open]
    if bought_and_sold(account) != (Decimal("0.15"), Decimal("0.05")):
        wrong.append(str(bought_and_sold(account)))
    return wrong


@pytest.mark.parametrize("step", [*STEPS, "changed"])
def test_whenever_it_dies_the_masters_orders_are_followed_once(step):
    died = 0
    for after in range(12):
        trading = play(Life(step, after))
        assert findings(trading) == [], f"died at {step!r} after {after}"
        died += trading.lives - 1
    assert died > 1


def test_the_positive_control_without_the_journal_it_is_seen(monkeypatch):
    monkeypatch.setattr(
        "krakenonce.copytrader.journal.sqlite.SqliteBackend.write", lambda self, batch: [frozenset()] * len(batch)
    )
    assert any(findings(play(Life("answered", after))) for after in range(3))
