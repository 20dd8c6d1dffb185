"""A31: engines killed with -9 at every step, and every fill is copied exactly once, by the exchange's own count."""

import random
from collections import Counter
from decimal import Decimal

import pytest

from krakenonce.simulator import serve_in_thread
from tests.copytrader.crash import crew as crash_crew
from tests.copytrader.crash.crew import STEPS
from tests.copytrader.trading import bought_and_sold, doubles
from tests.orders.crew import Crew

SEED = 31
STORY = [("buy", "0.02"), ("buy", "0.01"), ("sell", "0.015"), ("buy", "0.03"), ("sell", "0.025"), ("buy", "0.02")]


@pytest.fixture(scope="module")
def crew():
    with Crew(crash_crew.__file__) as crew:
        yield crew


@pytest.fixture
def journals(tmp_path):
    return {"journal": f"sqlite://{tmp_path}/copies.db", "orders": f"sqlite://{tmp_path}/orders.db"}


def weather(crew, sim, journals, deaths, *, policy="limit", closing=False, paced=True, mutants=(), story=STORY):
    """Copy *story* with engines that die by *deaths*, one after the other; the last one may live. Count who died."""
    accounts = [{"name": one.name, "key": one.key, "secret": one.secret} for one in sim.accounts]
    job = {
        "url": sim.url, "accounts": accounts, "policy": policy, "story": story, "closing": closing,
        "paced": paced, "price": "50000", "wrong": bool(mutants), **journals,
    }  # fmt: skip
    died = Counter()
    for death in [*deaths, None]:
        status, _ = crew.run(**job, death=death, mutants=mutants if death else ())
        assert status in (0, -9), f"the process ended by itself with {status}"
        died[death[0] if death and status == -9 else "lived"] += 1
    assert status == 0
    return died


def expected(story):
    """Return what half of *story* comes to: bought and sold."""
    position, bought, sold = Decimal(0), Decimal(0), Decimal(0)
    for side, whole in story:
        volume = Decimal(whole) / 2
        if side == "buy":
            position, bought = position + volume, bought + volume
        else:
            position, sold = position - volume, sold + volume
    return bought, sold


def findings(sim, story=STORY, *, closing=False, paced=True):
    """Return what is wrong, by the exchange's own books.

    If the master waits for every copy (*paced*), each fill has to have its own; else a buy and a sell that come while
    an earlier order is being found out may be one order, for the difference.
    """
    wrong = []
    for number, account in enumerate(sim.accounts[1:], 1):
        bought, sold = expected(story)
        if closing and number == len(sim.accounts) - 1:
            sold = bought
        has_bought, has_sold = bought_and_sold(account)
        if has_bought - has_sold != bought - sold or has_bought > bought or (paced and has_bought != bought):
            wrong.append(f"{account.name}: {has_bought}, {has_sold} instead of {bought}, {sold}")
        wrong += [f"{account.name}: {name} twice" for name in doubles(account)]
    return wrong + sim.audit()


def every_step(seed, rounds):
    dice = random.Random(seed)
    print(f"seed {seed}")
    return [(step, dice.randrange(6)) for _ in range(rounds) for step in STEPS]


@pytest.mark.parametrize(("policy", "paced"), [("limit", True), ("limit", False), ("market", True)])
def test_whenever_it_is_killed_every_fill_is_copied_exactly_once(crew, journals, policy, paced):
    with serve_in_thread(accounts=4, seed=SEED, volatility=0) as sim:
        died = weather(crew, sim, journals, every_step(SEED, 1), policy=policy, closing=True, paced=paced)
        assert findings(sim, closing=True, paced=paced) == []
        kinds = {order.ticket.ordertype for account in sim.accounts[1:] for order in account.orders.values()}
        assert sum(died[step] for step in STEPS) >= 3
        assert "market" in kinds or policy == "limit"


@pytest.mark.proof
@pytest.mark.parametrize("latency_ms", [0, 20])
@pytest.mark.parametrize("policy", ["limit", "market"])
@pytest.mark.parametrize("seed", range(5))
def test_whenever_it_is_killed_in_the_long_form(crew, journals, policy, seed, latency_ms):
    paced = seed % 2 == 0
    dice = random.Random(seed)
    story = [("buy", f"0.0{dice.randint(2, 9)}") for _ in range(12)]
    story[3::4] = [("sell", "0.03")] * 3
    # Each step at its first chance to begin with: a master who waits for nobody leaves later engines little to do.
    deaths = [(step, 0) for step in STEPS] + every_step(seed, 5)
    with serve_in_thread(accounts=6, seed=seed, volatility=0, latency_ms=latency_ms, jitter_ms=latency_ms / 2) as sim:
        died = weather(crew, sim, journals, deaths, policy=policy, closing=True, paced=paced, story=story)
        assert findings(sim, story, closing=True, paced=paced) == []
        print(dict(died))
        assert all(died[step] for step in STEPS)


@pytest.mark.parametrize("mutant", ["no journal", "random names"])
def test_the_positive_control_without_the_journal_or_with_random_names_it_is_seen(crew, journals, mutant):
    with serve_in_thread(accounts=3, seed=SEED, volatility=0) as sim:
        weather(crew, sim, journals, [("sent", 1), ("answered", 0)], mutants=(mutant,), story=STORY[:2])
        assert findings(sim, STORY[:2]) != []
