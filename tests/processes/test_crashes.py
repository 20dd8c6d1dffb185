"""G5, G8: processes are killed at any moment; nothing repeats, nothing overtakes, nobody is left waiting."""

import os

import pytest

from krakenonce.stores.file import FileStore
from tests.file.mutants import ForgetfulStore
from tests.processes.hammering import RECORD, forked, hammer, kill_at_random, open_log, problems, records, seeded

KEY = "00000000000000aa:00000000000000bb"


def crash_run(path, kills, seed, store_class=FileStore, processes=4):
    """Kill hammering processes, then see that the key still works. Returns the log."""
    url = f"file://{path}/store"
    carried = store_class(url)
    log = open_log(path / "log")
    dice = seeded(seed)

    def start():
        # Half of them go on with the object of their parent, half open the store themselves.
        inherited = dice.random() < 0.5
        return forked(lambda: hammer(carried if inherited else store_class(url), KEY, log))

    kill_at_random(start, kills, processes, dice, log)
    hammer(carried, KEY, log, turns=3)
    carried.close()
    os.close(log)
    return records(path / "log")


def test_kills_neither_repeat_nor_reorder_nor_block(tmp_path):
    entries = crash_run(tmp_path, kills=250, seed=1)
    assert len(entries) > 1000
    assert problems(entries) == []


@pytest.mark.proof
@pytest.mark.timeout(5400)
def test_ten_thousand_kills(tmp_path):
    entries = crash_run(tmp_path, kills=10_000, seed=2, processes=6)
    print(f"{len(entries) // 2:,} turns")
    assert problems(entries) == []


def test_the_check_sees_a_floor_that_is_written_too_late(tmp_path):
    """G20: a process dies after using a number that nothing recorded; a clock standing still does not hide it."""
    first, second = (ForgetfulStore(f"file://{tmp_path}/store") for _ in range(2))
    log = open_log(tmp_path / "log")
    for store in (first, second):
        grant = store.acquire(KEY, 0) or _queued(store)
        number = grant.low + 5
        for half in (0, 1):
            os.write(log, RECORD.pack(number, os.getpid(), half))
        store._locks.close()  # as if killed: nothing is released
        store._closed = True
    os.close(log)
    assert problems(records(tmp_path / "log"))


def _queued(store):
    from krakenonce.testing.waiting import Waiting

    return Waiting(store, KEY).grant()


def test_the_check_sees_overlapping_turns():
    assert problems([(5, 1, 0), (6, 2, 0), (5, 1, 1), (6, 2, 1)])
    assert problems([(5, 1, 0), (5, 1, 1), (5, 2, 0), (5, 2, 1)])
    assert not problems([(5, 1, 0), (5, 1, 1), (6, 2, 0), (6, 2, 1)])
