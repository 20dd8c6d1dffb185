"""A31 for mirrored orders, with real processes: engines killed with -9 while the master's orders come, change and go.

The master acts whether or not an engine lives, and waits after each act until it is followed; the exchange's own books
say what is followed, and in the end whether anything is left over or was done twice.
"""

import asyncio
import random
from collections import Counter
from decimal import Decimal

import pytest

from krakenonce.broker import KrakenBroker, Order
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.lanes import LaneRegistry
from krakenonce.simulator import serve_in_thread
from tests.copytrader.crash import crew as crash_crew
from tests.copytrader.crash.crew import MIRROR_STEPS
from tests.copytrader.service.stage import control
from tests.copytrader.trading import PAIR, bought_and_sold, doubles
from tests.orders.crew import Crew

SEED = 47
CHAPTERS = 3
"""In the long form: one chapter is over before half a dozen engines have met their deaths."""
SOME_STEPS = ("after journal", "sent", "ended", "changed", "canceling")


@pytest.fixture(scope="module")
def crew():
    with Crew(crash_crew.__file__) as crew:
        yield crew


class Stage:
    """An exchange, a master with a key of his own, and engines that copy him one after the other."""

    def __init__(self, sim, crew, folder):
        self.sim, self.crew, self.ready, self.stop = sim, crew, folder / "ready", folder / "stop"
        accounts = [{"name": one.name, "key": one.key, "secret": one.secret} for one in sim.accounts]
        self.job = {
            "url": sim.url, "accounts": accounts, "policy": "orders", "ready": str(self.ready), "stop": str(self.stop),
            "journal": f"sqlite://{folder}/copies.db", "orders": f"sqlite://{folder}/orders.db",
        }  # fmt: skip
        self.died = Counter()

    def begin_again(self):
        """Have another engine, and another story."""
        self.ready.unlink(), self.stop.unlink()

    async def engines(self, deaths, mutants=()):
        """Run one engine after the other, each with its death; the last ones live, until the story is told."""
        plan = iter(deaths)
        while not self.stop.exists():
            death = next(plan, None)
            job = self.job | {"death": death, "mutants": mutants if death else ()}
            status, _ = await asyncio.to_thread(self.crew.run, **job)
            assert status in (0, -9), f"the process ended by itself with {status}"
            self.died[death[0] if death and status == -9 else "lived"] += 1

    async def tell(self, story, is_enough):
        """Have the master act as *story* says, and wait after each act until *is_enough*."""
        row = control(self.sim, "keys", name="MASTER", add=True)
        manager = GlobalKrakenNonceManager("memory://", registry=LaneRegistry())
        keys = Credentials(row["key"], row["secret"])
        try:
            while not self.ready.exists():  # what was opened before anybody listened is nobody's to follow
                await asyncio.sleep(0.02)
            async with KrakenBroker("MASTER", keys, manager=manager, base_url=self.sim.url) as master:
                for act in (*story, None):
                    if act is not None:
                        await act(self.sim, master)
                    while not is_enough(self.sim):
                        await asyncio.sleep(0.02)
        finally:
            self.stop.touch()


def opens(name, side, volume, ordertype="limit", price=None):
    async def act(_, master):
        order = Order(PAIR, side, Decimal(volume), ordertype, Decimal(price), cl_ord_id=name)
        await master.place(order)

    return act


def amends(name, **changes):
    async def act(_, master):
        await master.amend(cl_ord_id=name, **{key: Decimal(value) for key, value in changes.items()})

    return act


def cancels(name):
    async def act(_, master):
        await master.cancel(cl_ord_id=name)

    return act


def moves(price):
    async def act(sim, _):
        control(sim, "price", pair="BTC/USD", price=str(price))

    return act


def chapter(number):
    """Every kind of order: filled as it rests, triggered either way, changed, and canceled. It can be told again."""
    a, b, c, d = (f"{name}{number}" for name in "abcd")
    return [
        opens(a, "buy", "0.2", price="49000"),
        amends(a, volume="0.3", price="48500"),
        moves(48_000),
        opens(b, "sell", "0.1", "stop-loss", "47000"),
        opens(c, "sell", "0.1", "take-profit", "49000"),
        opens(d, "buy", "0.5", price="40000"),
        amends(b, trigger="47500"),
        moves(47_400),
        amends(d, volume="0.4", price="41000"),
        cancels(d),
        moves(49_100),
    ]


def open_orders(account, share):
    """Return the open orders of *account*, times *share*: how they trade, what is left, at which prices."""
    orders = [order for order in list(account.orders.values()) if order.is_open]
    return Counter(
        (one.ticket.side, one.ticket.ordertype, (one.volume - one.filled) * share, one.limit_price, one.trigger_price)
        for one in orders
    )


def net(account):
    bought, sold = bought_and_sold(account)
    return bought - sold


def is_followed(sim):
    """Return whether every user has half of what the master has: positions and open orders."""
    master, *users = sim.accounts
    half, held = open_orders(master, Decimal("0.5")), net(master) / 2
    return all(open_orders(user, 1) == half and net(user) == held for user in users)


def findings(sim, chapters=1):
    """Return what is wrong in the end, after so many *chapters*, by the exchange's own books."""
    wrong = [] if is_followed(sim) else ["the users do not hold half of what the master holds"]
    for account in sim.accounts[1:]:
        wrong += [f"{account.name}: {name} twice" for name in doubles(account)]
        wrong += [f"{account.name}: {one.txid} is left over" for one in account.orders.values() if one.is_open]
        if bought_and_sold(account) != (Decimal("0.15") * chapters, Decimal("0.1") * chapters):
            wrong.append(f"{account.name}: {bought_and_sold(account)}")
    return wrong + sim.audit()


async def weather(sim, crew, folder, deaths, chapters=1):
    """Tell the story to engines that die by *deaths*, then have a last one take up whatever is left; count who died."""
    stage = Stage(sim, crew, folder)
    story = [act for number in range(chapters) for act in chapter(number)]
    await asyncio.gather(stage.engines(deaths), stage.tell(story, is_followed))
    stage.begin_again()
    await asyncio.gather(stage.engines([]), stage.tell([], is_followed))
    print(dict(stage.died))
    return stage.died


async def test_whenever_it_is_killed_the_masters_orders_are_followed_once(crew, tmp_path):
    with serve_in_thread(accounts=3, seed=SEED, volatility=0) as sim:
        died = await weather(sim, crew, tmp_path, [(step, 0) for step in SOME_STEPS])
        assert findings(sim) == []
        assert sum(died.values()) - died["lived"] >= 3


@pytest.mark.proof
@pytest.mark.parametrize("latency_ms", [0, 20])
@pytest.mark.parametrize("seed", range(10))
async def test_whenever_it_is_killed_in_the_long_form(crew, tmp_path, seed, latency_ms):
    dice = random.Random(seed)
    deaths = [(step, dice.randrange(3)) for _ in range(3) for step in dice.sample(MIRROR_STEPS, len(MIRROR_STEPS))]
    with serve_in_thread(accounts=5, seed=seed, volatility=0, latency_ms=latency_ms, jitter_ms=latency_ms / 2) as sim:
        died = await weather(sim, crew, tmp_path, deaths, CHAPTERS)
        assert findings(sim, CHAPTERS) == []
        assert sum(died[step] for step in MIRROR_STEPS) >= 6


async def test_the_positive_control_without_the_journal_it_is_seen(crew, tmp_path):
    def is_left_alone(sim):
        return stage.died["answered"] and any(one.is_open for one in list(sim.accounts[1].orders.values()))

    with serve_in_thread(accounts=2, seed=SEED, volatility=0) as sim:
        stage = Stage(sim, crew, tmp_path)
        acts = [opens("a", "buy", "0.2", price="49000"), cancels("a")]
        deaths = [("answered", 0), None]
        await asyncio.gather(stage.engines(deaths, mutants=("no journal",)), stage.tell(acts, is_left_alone))
        assert [one for one in findings(sim) if "is left over" in one]
