"""G1 to G9 and G17 on the file store, and G20: for each the mutant that breaks it, and the check that sees it.

The long forms are elsewhere: `krakenonce prove`, and the tests marked `proof`.
"""

import pytest

from krakenonce.proof.course import prove
from krakenonce.proof.mutants import FloorlessStore, LateLedger, LocklessStore
from krakenonce.proof.plan import Plan
from tests.file import guarantees, mutants
from tests.file.clients import explore


def g9_arrival(path, mutant=None):
    """Requests that arrive at an exchange, over HTTP, in another order than their nonces."""
    plan = Plan(calls=300, keys=1, processes=3, power_cuts=0, mutant=mutant)
    return [check.name for check in prove(plan, lambda calls, troubles: None).checks if not check.holds]


def g17_giving_up(path, **parts):
    """Schedules after which the way is blocked, or in which two were under way."""
    _, failure = explore(range(400), **parts)
    return [failure] if failure else []


TABLE = [
    ("G1", guarantees.g1_threads, {"store_class": mutants.UnlockedStore}),
    ("G2", guarantees.g2_clock_steps, {"store_class": FloorlessStore}),
    ("G3", guarantees.g3_clock_ahead, {"store_class": mutants.BelievingStore}),
    ("G4", guarantees.g4_fork, {"store_class": mutants.SharingStore}),
    ("G5", guarantees.g5_kill, {"store_class": mutants.ForgetfulStore}),
    ("G6", guarantees.g6_power, {"ledger_class": LateLedger}),
    ("G7", guarantees.g7_syncs, {"store_class": mutants.AnxiousStore}),
    ("G8 exclusion", guarantees.g8_exclusion, {"store_class": LocklessStore}),
    ("G8 order", guarantees.g8_order, {"options": "?locks=flock"}),
    ("G9", g9_arrival, {"mutant": "order"}),
    ("G17", g17_giving_up, {"seat_class": mutants.ForgetfulSeat}),
]
NAMES = [name for name, _, _ in TABLE]


@pytest.mark.parametrize(("check", "mutant"), [row[1:] for row in TABLE], ids=NAMES)
def test_the_guarantee_holds_and_its_mutant_is_seen(tmp_path, check, mutant):
    (tmp_path / "sound").mkdir()
    (tmp_path / "broken").mkdir()
    assert check(tmp_path / "sound") == []
    found = check(tmp_path / "broken", **mutant)
    print(found[:3])
    assert found != []
