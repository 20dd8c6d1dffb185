"""Storms in simulated time: the real decisions and scripts on real engines; what fails, fails again by its seed."""

import asyncio
import itertools

import pytest

from krakenonce.stores.leases.decisions import Decisions
from krakenonce.stores.leases.engine import Acquire
from krakenonce.stores.leases.reminders import Reminders
from krakenonce.stores.leases.session import Session
from krakenonce.stores.leases.settings import LeaseSettings
from tests.engines.model.postgres_side import PostgresSide
from tests.engines.model.redis_side import RedisSide, simulate_the_scripts
from tests.engines.model.trouble import BREAKS, CLOCKS, FILES, LOSSES, Trouble
from tests.engines.model.world import World
from tests.virtual_time import run_virtually

EVERYTHING = BREAKS + LOSSES + CLOCKS + FILES
SIDES = {"redis": RedisSide, "postgresql": PostgresSide}


@pytest.fixture
def storm(server, kind, tmp_path, monkeypatch):
    """Let some of *faults* befall a world of one *seed*; return what there is to complain of."""
    simulate_the_scripts(monkeypatch)

    def storm(seed, faults=EVERYTHING, times=12, rest=1.0, **world):
        world = World(lambda: SIDES[kind](server), seed, tmp_path / str(seed), **world)
        done = run_virtually(world.clock, befall(world, faults, times, rest))
        print(f"seed {seed}: {len(world.exchange.log)} calls, {done}")
        return complaints(world)

    return storm


async def befall(world, faults, times, rest):
    await world.begin()
    try:
        await asyncio.sleep(1)
        trouble = Trouble(world)
        trouble.save_dump()
        for _ in range(times):
            await trouble.strike(faults, rest)
        await world.recovery()
    finally:
        world.end()
    return trouble.done


def complaints(world):
    """Return what must not have happened: a repeated nonce, a refusal, an error that surfaced, a host that is stuck.

    A request may be refused if its sender was frozen between issuing its nonce and sending it, past its lease.
    """
    unexpected = [entry for entry in world.exchange.refusals() if not entry.is_late]
    return [*world.exchange.twice(), *unexpected, *world.errors(), *world.stuck]


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_refused_and_all_recover(storm, seed):
    assert not storm(seed)


@pytest.mark.parametrize("seed", [20])
def test_nothing_is_refused_where_every_host_is_busy(storm, seed):
    assert not storm(seed, tasks=3, rest=0.5, pace=0.01)


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(100, 600))
def test_nothing_is_refused_in_many_storms(storm, seed):
    assert not storm(seed, times=15)


@pytest.mark.proof
@pytest.mark.parametrize("faults", [BREAKS, LOSSES, CLOCKS], ids=["breaks", "losses", "clocks"])
@pytest.mark.parametrize("seed", range(600, 650))
def test_nothing_is_refused_in_storms_of_one_kind(storm, seed, faults):
    assert not storm(seed, faults, times=15)


def without_quiet(monkeypatch):
    monkeypatch.setattr(LeaseSettings, "quiet_after_loss", 0)
    monkeypatch.setattr(LeaseSettings, "quiet_after_change", 0)


def without_patience(monkeypatch):
    """Whoever waits asks again at once, and says that it has seen no sign of life for a long time."""
    wait_for = Reminders.wait_for
    monkeypatch.setattr(Reminders, "wait_for", lambda self, key, seconds: wait_for(self, key, 0))
    monkeypatch.setattr(
        Decisions, "_wish", lambda self, key, slot: Acquire(key, slot.floor, (slot.watch or ("", 0))[0], 10**6)
    )


def without_an_end(monkeypatch):
    monkeypatch.setattr(Session, "may_send", lambda self, boot_ns: True)


@pytest.mark.parametrize(
    ("protection", "faults"),
    [(without_quiet, LOSSES), (without_patience, CLOCKS), (without_an_end, ("partition", "half_open"))],
)
def test_without_a_protection_storms_do_harm(storm, monkeypatch, protection, faults):
    protection(monkeypatch)
    assert any(storm(seed, faults, times=24) for seed in itertools.islice(itertools.count(), 20))
