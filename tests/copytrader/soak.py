"""A day of trading with everything that can go wrong, in virtual time. Judged in `tests.copytrader.verdict`."""

import asyncio
import gc
import random
from collections import Counter
from decimal import Decimal
from functools import partial

from krakenonce.broker.streaming import StreamOptions
from krakenonce.client.websocket import Timing
from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader.engine.members import Seat
from krakenonce.copytrader.feed import FeedOptions
from krakenonce.copytrader.journal import CopyJournal
from krakenonce.copytrader.live import LiveAccount
from krakenonce.copytrader.policy import Leaving
from krakenonce.errors import KrakenonceError
from krakenonce.rates import Limits
from tests.copytrader.engine.world import Life, MortalBackend
from tests.copytrader.trading import HALF, PAIR, VirtualTrading, bought_and_sold
from tests.copytrader.weather import CLOSED, everything
from tests.reach import reach

LOT = Decimal("0.00000001")
SMALLEST = Decimal("0.001")
QUIET_S = 900
"""How long before the end of the day nothing is begun any more, and nothing goes wrong."""


class StormyTrading(VirtualTrading):
    """Trading whose copier may die and be started again, with those users who have not left."""

    def standing(self, user):
        """Return the state of *user* as the journal has it."""
        rows = self.backend.read("SELECT state FROM copy_standings WHERE user_name = ?", (user,))
        return rows[0][0] if rows else "active"

    def is_copied(self, name):
        return self.standing(name) != "left"

    async def begin(self, life):
        """Begin a run, as often as it takes until the exchange can be reached."""
        kraken, journal = self.kraken, CopyJournal(MortalBackend(self.backend, life), clock=self.kraken.clock)
        while True:
            # Every other account keeps Kraken's limits by itself; the others learn of them by refusals.
            limits = [Limits("starter" if place % 2 else "none") for place in range(len(self.policies) + 1)]
            brokers = [kraken.broker(place, limits=limit) for place, limit in enumerate(limits)]
            try:
                await self.open(brokers, kraken.dialing, journal, kraken.clock, chance=kraken.chance)
            except KrakenonceError:
                await self.close()
                await asyncio.sleep(5)
            else:
                return


class Day:
    """One day.

    Parameters:
        users, hours, orders: how many users, how long, how many orders of the master's.
        deaths, closures, outages: how often the copier is killed, the market is closed, the network is away.
        unlucky: how many users have orders refused for good now and then.
        restless: how many users pause, are killed, leave and come again.
        looks: at how many moments, evenly distributed, the copier's memory is measured.
        share: of everything that can be struck by a fault, how much is, by each.
    """

    def __init__(
        self, *, users, hours, orders, seed, deaths=0, closures=0, outages=0, unlucky=0, restless=0, looks=0, share=0.03
    ):
        self.dice, self.hours, self.orders = random.Random(seed), hours, orders
        self.often, self.looks = {self._die: deaths, self._close_market: closures, self._go_away: outages}, looks
        names = [f"USER:{number}" for number in range(1, users + 1)]
        self.restless, self.unlucky = names[:restless], names[restless : restless + unlucky]
        # A heartbeat a second on a hundred connections is what a day consists of, if one lets it.
        timing = Timing(silence_s=300)
        self.trading = StormyTrading(
            [HALF] * users, seed=seed, latency_ms=20, jitter_ms=15, volatility=0.01, depth_usd=Decimal(600),
            tier="starter", step_ms=2_000, faults=everything(share, "|".join(self.unlucky)),
            options=StreamOptions(timing=timing, settle_s=10, resting_s=60), feed_options=FeedOptions(timing=timing),
        )  # fmt: skip
        self.position, self.done = Decimal(0), Counter()
        self.memory, self.rings, self.tasks = [], [], []
        self.away = {user: [] for user in self.restless}
        self.kept, self.struck, self.drifts = dict.fromkeys(names, Decimal(0)), Counter(), []

    @property
    def exchange(self):
        return self.trading.kraken.exchange

    def held(self, account):
        """Return what *account* has of copies, by the exchange's books; what it has kept on leaving is its own."""
        bought, sold = bought_and_sold(account, PAIR)
        return bought - sold - self.kept.get(account.name, 0)

    def play(self):
        self.trading.run(self._story)

    async def _story(self):
        self.life = Life()
        await self.trading.begin(self.life)
        begin, end = self._now_s(), self.hours * 3600 - QUIET_S
        for moment, _, act in sorted(self._plan(end), key=lambda one: one[:2]):
            await self._until(begin + moment)
            self.done[getattr(act, "func", act).__name__.strip("_").replace("_", " ")] += 1
            await act()
        await self._until(begin + end)
        await self._calm_down()

    def _plan(self, end):
        acts = [self._trade] * self.orders
        acts += [act for act, times in self.often.items() for _ in range(times)]
        plan = [(self.dice.uniform(60, end), act) for act in acts]
        plan += [(end * (look + 1) / self.looks, self._look) for look in range(self.looks)]
        for user in self.restless:
            plan += self._unrest(user, end)
        return [(moment, number, act) for number, (moment, act) in enumerate(plan)]

    def _unrest(self, user, end):
        """Return what *user* does all day."""
        moment = self.dice.uniform(60, end / 4)
        while moment < end:
            begin, finish = self.dice.choice(
                [(self._pause, self._resume), (self._kill, self._rearm), (self._leave, self._come_again)]
            )
            span = self.dice.uniform(120, 1800)
            yield moment, partial(begin, user)
            yield min(moment + span, end), partial(finish, user)
            moment += span + self.dice.uniform(300, 5400)

    async def _calm_down(self):
        """Let everything come to its end without anything going wrong."""
        faults = self.exchange.faults
        for row in faults.report():
            self.struck[f"{row['kind']} {row['phase']}" if row["kind"] != "error" else row["error"]] += row["struck"]
        faults.replace(())
        for user in self.restless:
            await self._come_again(user)
        await self.trading.settled()
        await asyncio.sleep(180)
        await self.trading.settled()
        self.drifts = await self.trading.copier.reconcile()

    async def _trade(self):
        if self.exchange.market_state != "online":
            return
        selling = self.position > 0 and self.dice.random() < 0.45
        part = Decimal(self.dice.choice(["1", "0.5", "0.37"])) if selling else Decimal(0)
        volume = (self.position * part if selling else Decimal(self.dice.randint(2, 80)) / 1000).quantize(LOT)
        if selling and self.position - volume < SMALLEST:
            volume = self.position
        self.position += -volume if selling else volume
        self.trading.hand.place("sell" if selling else "buy", str(volume))

    async def _die(self):
        """End the run in the middle of what it does: nothing is written any more, nothing is followed to its end."""
        if self.dice.random() < 0.5:
            await self._trade()
            await asyncio.sleep(self.dice.uniform(0, 0.2))
        self.life.is_over = True
        await self.trading.copier.close()
        await self.trading.close()
        await asyncio.sleep(self.dice.uniform(0, 20))
        self.life = Life()
        await self.trading.begin(self.life)

    async def _close_market(self):
        await self._trade()
        await asyncio.sleep(self.dice.uniform(0, 0.1))
        self.exchange.set_market_state(self.dice.choice(CLOSED))
        await asyncio.sleep(self.dice.uniform(10, 300))
        self.exchange.set_market_state("online")

    async def _go_away(self):
        """Have nothing reach the exchange for a while, in which the master trades on."""
        kraken = self.trading.kraken
        kraken.is_reachable = False
        kraken.dialing.break_all()
        for _ in range(3):
            await self._trade()
            await asyncio.sleep(self.dice.uniform(1, 60))
        kraken.is_reachable = True

    async def _pause(self, user):
        self._begin_unrest(user)
        if user in self.trading.copier.users:
            await self.trading.copier.pause(user=user)

    async def _resume(self, user):
        if user in self.trading.copier.users:
            await self.trading.copier.resume(user=user)
        self._end_unrest(user)

    async def _kill(self, user):
        self._begin_unrest(user)
        if user in self.trading.copier.users:
            await self.trading.copier.kill(user=user)

    async def _rearm(self, user):
        if user in self.trading.copier.users:
            await self.trading.copier.rearm(user=user)
        self._end_unrest(user)

    async def _leave(self, user):
        self._begin_unrest(user)
        if user in self.trading.copier.users:
            await self.trading.copier.leave(user, self.dice.choice(list(Leaving)))

    async def _come_again(self, user):
        """Copy for *user* again, if he has left by now: whoever closes with the master may take a while."""
        trading = self.trading
        if user not in trading.copier.users:
            place = [account.name for account in self.exchange.accounts].index(user)
            self.kept[user] += self.held(self.exchange.accounts[place])
            await trading.copier.join(Seat(LiveAccount(trading.streams[place - 1]), HALF))
        if trading.standing(user) == "active":
            self._end_unrest(user)

    def _begin_unrest(self, user):
        if not self.away[user] or self.away[user][-1][1] is not None:
            self.away[user].append([self.exchange.now, None])

    def _end_unrest(self, user):
        if self.away[user] and self.away[user][-1][1] is None and self.trading.standing(user) == "active":
            self.away[user][-1][1] = self.exchange.now

    async def _look(self):
        """Measure how much memory hangs on the copier, when nothing is on its way."""
        trading = self.trading
        await trading.settled()
        trading.notices.clear()
        trading.kraken.rest_calls.clear()
        gc.collect()
        roots = (trading.copier, trading.feed, trading.master, trading.streams, trading.kraken.manager)
        sizes = reach((*roots, *asyncio.all_tasks()))
        # Each key's flight recorder is a ring of its last 1,000 requests, 56 KB, which takes a day to fill.
        self.rings.append(sizes.pop("array", 0))
        self.memory.append(sizes.total())
        self.tasks.append(len(asyncio.all_tasks()))

    async def _until(self, moment_s):
        await asyncio.sleep(max(0, moment_s - self._now_s()))

    @staticmethod
    def _now_s():
        return asyncio.get_running_loop().time()

    def is_away(self, user, moment_ns, grace_s=5):
        """Return whether *user* was not copied, or not like the others, within *grace_s* of that moment."""
        grace_ns = grace_s * NS_PER_SECOND
        spans = self.away.get(user, ())
        return any(
            begin - grace_ns <= moment_ns and (end is None or moment_ns <= end + grace_ns) for begin, end in spans
        )
