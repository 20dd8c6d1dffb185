"""G2, G3, G7: the mark on the disk, and the clock of the host."""

import random

import pytest

from krakenonce.clock import NS_PER_MS, NS_PER_SECOND, ManualClock
from krakenonce.errors import NonceOutOfRange
from krakenonce.nonce import MAX_FORWARD_STEP, MAX_NONCE
from krakenonce.proof.mutants import LateLedger
from krakenonce.proof.powercut import simulate
from krakenonce.stores.file import FileStore
from krakenonce.stores.file.layout import SYNCS
from krakenonce.testing.waiting import take

KEY = "00000000000000aa:00000000000000bb"
NOW = 1_790_000_000 * NS_PER_SECOND
YEAR = 365 * 86_400 * NS_PER_SECOND


@pytest.fixture
def clock():
    return ManualClock(wall_ns=NOW)


@pytest.fixture
def store(tmp_path, clock):
    store = FileStore(f"file://{tmp_path}/store", clock)
    yield store
    store.close()


def issue(store, key=KEY):
    grant = take(store, key)
    number = min(max(grant.low, store.numbers.for_lanes.next()), grant.high - 1)
    store.release(grant, number)
    return number


@pytest.mark.parametrize("seed", [1, 2])
def test_no_power_cut_lowers_a_floor(seed):
    """G6, short form."""
    result = simulate(seed, states=3000)
    print(f"seed {seed}: {result.states} disks")
    assert result.states >= 3000
    assert result.violations == []


@pytest.mark.proof
@pytest.mark.timeout(1200)
def test_no_power_cut_lowers_a_floor_on_a_hundred_thousand_disks():
    result = simulate(3, states=100_000, most=200, steps=80)
    print(f"{result.states:,} disks after {result.cuts:,} cuts, {result.complete:,} of them in every combination")
    assert result.states >= 100_000
    assert result.violations == []


def test_the_simulation_sees_a_mark_that_is_written_too_late():
    """G20."""
    assert simulate(1, states=500, ledger_class=LateLedger).violations


def test_one_sync_in_three_seconds_whatever_the_number_of_keys(store, clock):
    """G7: the scribe's work, done at the moments of the host's clock; no caller syncs once it is running."""
    keys = [f"{number:016x}:{number:016x}" for number in range(300)]
    issue(store)
    first = store._image.words[SYNCS]
    for tick in range(600):
        for key in keys[tick % 30 :: 30]:
            issue(store, key)
        clock.advance(100 * NS_PER_MS)
        store._ledger.extend()
    assert store._image.words[SYNCS] - first <= 60 / 3 + 1


def test_a_thousand_steps_of_the_clock_change_nothing(store, clock):
    dice, last = random.Random(7), 0
    for _ in range(1000):
        clock.step(dice.randrange(-3600, 3600) * NS_PER_SECOND)
        clock.advance(dice.randrange(1, 50) * NS_PER_MS)
        number = issue(store)
        assert number > last
        last = number


def test_a_clock_ten_years_ahead_is_not_followed(store, clock, caplog):
    clock.step(10 * YEAR)
    assert issue(store) <= NOW + MAX_FORWARD_STEP
    assert store.numbers.next() <= NOW + MAX_FORWARD_STEP
    assert "stepped forward by 315360000 s" in caplog.text
    assert store.numbers.clock_status().held


def test_a_process_started_after_the_step_does_not_follow_it_either(store, clock, tmp_path):
    """A14: its own clocks look right; the host knows better."""
    issue(store)
    clock.step(10 * YEAR)
    newcomer = FileStore(store.url, clock)
    assert issue(newcomer) <= NOW + MAX_FORWARD_STEP
    assert newcomer.numbers.next() <= NOW + MAX_FORWARD_STEP
    newcomer.close()
    clock.step(-10 * YEAR)
    assert all(issue(store) <= NOW + MAX_FORWARD_STEP for _ in range(100))
    assert not store.numbers.clock_status().held


def test_a_confirmed_step_is_followed_by_the_whole_host(store, clock):
    other = FileStore(store.url, clock)
    clock.step(YEAR)
    store.numbers.confirm_clock()
    assert issue(other) >= NOW + YEAR
    other.close()


def test_a_clock_behind_is_counted_on_from(store, clock):
    before = issue(store)
    clock.step(-10 * YEAR)
    assert before < issue(store) < before + 1000


def test_numbers_end_before_two_to_the_sixty_third(store):
    grant = take(store, KEY, MAX_NONCE)
    assert (grant.low, grant.high) == (MAX_NONCE, MAX_NONCE + 1)
    store.release(grant, MAX_NONCE)
    with pytest.raises(NonceOutOfRange):
        store.acquire(KEY, 0)
