"""A day of trading with everything that can go wrong, in virtual time, and what the exchange says of it afterwards."""

import asyncio
import gc
import random
import tracemalloc
from collections import Counter
from decimal import Decimal

from krakenonce.broker.streaming import StreamOptions
from krakenonce.client.websocket import Timing
from krakenonce.copytrader.feed import FeedOptions
from krakenonce.copytrader.journal import CopyJournal
from krakenonce.simulator.faults import Fault
from tests.copytrader.engine.world import Life, MortalBackend
from tests.copytrader.trading import HALF, PAIR, VirtualTrading, bought_and_sold, doubles

OURS = ("copytrader", "broker", "client", "orders", "lanes")
LOT = Decimal("0.00000001")
ORDERS, NEWS = "add_order|AddOrder", "executions"
READS = "TradesHistory|OpenOrders|ClosedOrders|QueryOrders|BalanceEx"


def everything(share):
    """Every fault there is, each for a *share* of what it can strike."""
    stream = [
        Fault(kind="ws-drop", endpoint=NEWS, rate=share),
        Fault(kind="ws-twice", endpoint=NEWS, rate=share),
        Fault(kind="ws-delay", endpoint=NEWS, rate=share, ms=2_000),
        Fault(kind="ws-disconnect", endpoint=NEWS, rate=share / 20),
    ]
    orders = [
        Fault(kind=kind, endpoint=ORDERS, phase=phase, rate=share, ms=3_000)
        for kind in ("ws-drop", "ws-delay", "drop", "http", "delay")
        for phase in ("before", "after")
    ]
    orders += [
        Fault(kind="ws-disconnect", endpoint=ORDERS, phase=phase, rate=share / 4) for phase in ("before", "after")
    ]
    reads = [
        Fault(kind="stale", endpoint=READS, rate=0.2, ms=4_000),
        Fault(kind="drop", endpoint=READS, rate=share),
        Fault(kind="http", endpoint=f"{READS}|GetWebSocketsToken", rate=share),
        Fault(kind="delay", endpoint=READS, rate=share, ms=2_000),
    ]
    return (*stream, *orders, *reads)


class Day:
    """One day. Parameters: how many users, how long, how many orders of the master's, how many deaths of the engine."""

    def __init__(self, *, users, hours, orders, deaths, seed, share=0.03):
        print(f"seed {seed}")
        self.dice, self.hours, self.orders, self.deaths = random.Random(seed), hours, orders, deaths
        # A heartbeat a second on a hundred connections is what a day consists of, if one lets it.
        timing = Timing(silence_s=300)
        self.trading = VirtualTrading(
            [HALF] * users, seed=seed, latency_ms=20, jitter_ms=15, faults=everything(share), volatility=0.01,
            options=StreamOptions(timing=timing, settle_s=10, resting_s=60), feed_options=FeedOptions(timing=timing),
        )  # fmt: skip
        self.position, self.memory = Decimal(0), []

    def play(self):
        self.trading.run(self._story)

    async def _story(self):
        await self._begin()
        moments = sorted(self.dice.uniform(60, self.hours * 3600 - 900) for _ in range(self.orders))
        deaths = sorted(self.dice.uniform(60, self.hours * 3600 - 900) for _ in range(self.deaths))
        looks = [self.hours * 3600 * part / 4 for part in (1, 2, 3)] if tracemalloc.is_tracing() else []
        begin = asyncio.get_running_loop().time()
        acts = [(one, self._trade) for one in moments] + [(one, self._die) for one in deaths]
        acts += [(one, self._measure) for one in looks]
        for moment, act in sorted(acts, key=lambda one: one[0]):
            await asyncio.sleep(max(0, begin + moment - asyncio.get_running_loop().time()))
            await act()
        await asyncio.sleep(max(0, begin + self.hours * 3600 - 900 - asyncio.get_running_loop().time()))
        self.trading.kraken.exchange.faults.rules.clear()
        await self.trading.settled()
        await asyncio.sleep(120)
        self.drifts = await self.trading.copier.reconcile()

    async def _measure(self):
        """Note how much memory our own rooms hold."""
        await self.trading.copier.idle()
        gc.collect()
        ours = [tracemalloc.Filter(True, f"*/krakenonce/{room}/*") for room in OURS]
        kept = tracemalloc.take_snapshot().filter_traces(ours)
        self.memory.append(sum(one.size for one in kept.statistics("filename")))

    async def _trade(self):
        selling = self.position > 0 and self.dice.random() < 0.45
        part = Decimal(self.dice.choice(["1", "0.5", "0.37"])) if selling else Decimal(0)
        volume = (self.position * part if selling else Decimal(self.dice.randint(2, 40)) / 1000).quantize(LOT)
        if selling and self.position - volume < Decimal("0.001"):
            volume = self.position
        self.position += -volume if selling else volume
        self.trading.hand.place("sell" if selling else "buy", str(volume))

    async def _begin(self):
        self.life = Life()
        trading, kraken = self.trading, self.trading.kraken
        brokers = [kraken.broker(place) for place in range(len(trading.policies) + 1)]
        journal = CopyJournal(MortalBackend(trading.backend, self.life), clock=kraken.clock)
        await trading.open(brokers, kraken.dialing, journal, kraken.clock, chance=kraken.chance)

    async def _die(self):
        """End the run in the middle of what it does: nothing is written any more, nothing is followed to its end."""
        self.life.is_over = True
        await self.trading.copier.close()
        await self.trading.close()
        await asyncio.sleep(self.dice.uniform(0, 20))
        await self._begin()

    def findings(self):
        """Return what is wrong, by the exchange's own books and the journal's."""
        exchange, rows = self.trading.kraken.exchange, self.trading.backend.read
        made = len(exchange.accounts[0].trades)
        decided = dict(rows("SELECT user_name, count(*) FROM copy_decisions GROUP BY user_name"))
        lines = {user: Decimal(wanted) for user, wanted in rows("SELECT user_name, wanted FROM copy_lines")}
        wrong = [f"drift: {drift}" for drift in self.drifts]
        for account in exchange.accounts[1:]:
            bought, sold = bought_and_sold(account, PAIR)
            wrong += [f"{account.name}: {name} twice" for name in doubles(account)]
            if decided.get(account.name) != made:
                wrong.append(f"{account.name}: {decided.get(account.name)} decisions on {made} fills")
            if not 0 <= lines[account.name] - (bought - sold) < LOT:
                wrong.append(f"{account.name}: has {bought - sold} and wants {lines[account.name]}")
        unexplained = rows("SELECT * FROM copy_decisions WHERE kind = 'skip' AND reason = ''")
        unexplained += rows("SELECT * FROM copy_orders WHERE executed <> volume AND phase = 'refused' AND reason = ''")
        wrong += [f"without a reason: {row}" for row in unexplained]
        wrong += [f"never ended: {row}" for row in rows("SELECT * FROM copy_orders WHERE phase IN ('planned', 'open')")]
        invalid = [row for row in exchange.evidence.log() if row["cause"].startswith("EAPI:Invalid nonce")]
        return wrong + [f"invalid nonce: {row}" for row in invalid]

    def shortfall(self):
        """Return by how much each user is away from half of what the master holds: written off, with a reason."""
        target = self.position / 2
        return [target - Decimal(wanted) for (wanted,) in self.trading.backend.read("SELECT wanted FROM copy_lines")]

    def struck(self):
        return Counter(row["fault"] for row in self.trading.kraken.exchange.evidence.log() if row["fault"])
