"""A02, G9, G20: processes, threads and tasks share keys over real HTTP; the exchange's own log is the judge."""

import pytest

from krakenonce.proof.course import prove
from krakenonce.proof.plan import Plan

# The limits of time are for a run that hangs: fifty times what one takes on a machine with nothing else to do.


def proved(**fields):
    plan = Plan(**fields)
    print(f"seed {plan.seed}")
    return prove(plan, lambda calls, troubles: None)


def assert_holds(proof):
    assert [f"{check.name}: {check.found}" for check in proof.checks if not check.holds] == []


@pytest.mark.timeout(900)
def test_sixteen_processes_share_one_key():
    proof = proved(calls=2_000, keys=1, processes=16, threads=2, tasks=2, power_cuts=0)
    assert_holds(proof)
    assert proof.tally.accepted == 2_000


@pytest.mark.timeout(900)
def test_processes_are_killed_stopped_and_lied_to_about_the_time():
    proof = proved(calls=1_200, keys=3, processes=4, kill=6, pause=6, clock_steps=6, power_cuts=0)
    assert_holds(proof)


@pytest.mark.timeout(900)
def test_many_keys_far_away():
    assert_holds(proved(calls=4_000, keys=100, processes=4, threads=4, tasks=40, delay_ms=(5, 300), power_cuts=0))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mutant", ["lock", "floor", "order", "fsync"])
def test_each_mutant_is_caught(mutant):
    coarse = 1000 if mutant == "floor" else 0
    proof = proved(calls=600, keys=2, mutant=mutant, coarse_ms=coarse, power_cuts=300)
    assert not proof.holds


@pytest.mark.timeout(900)
def test_a_coarse_clock_alone_breaks_nothing():
    assert_holds(proved(calls=400, keys=2, coarse_ms=1000, power_cuts=0))


@pytest.mark.timeout(900)
def test_a_store_in_memory_is_no_store_for_several_processes():
    assert not proved(calls=400, keys=1, processes=3, store="memory://").holds


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_twenty_thousand_calls_on_one_key():
    assert_holds(proved(calls=20_000, keys=1, processes=16, threads=2, tasks=2))


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_a_hundred_thousand_calls_on_a_hundred_keys():
    assert_holds(proved(calls=100_000, keys=100, processes=16, threads=4, tasks=20, delay_ms=(5, 300)))
