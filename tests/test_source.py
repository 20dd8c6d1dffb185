"""Numbers are strictly increasing and unique, whatever clocks, threads, signals, finalizers and forks do."""

import gc
import itertools
import os
import random
import signal
import sys
import threading

import pytest

from krakenonce.clock import NS_PER_SECOND, ManualClock, SystemClock
from krakenonce.errors import ForkedProcess, NonceOutOfRange
from krakenonce.nonce import EARLIEST, MAX_NONCE
from krakenonce.source import NonceSource
from tests.forking import in_forked_child

HOUR = 3600 * NS_PER_SECOND
YEAR = 365 * 24 * HOUR


class CoarseClock:
    """A wall clock that shows whole seconds only, as some virtual machines' do."""

    def wall_ns(self):
        return SystemClock().wall_ns() // NS_PER_SECOND * NS_PER_SECOND

    def boot_ns(self):
        return SystemClock().boot_ns()


def strictly_increasing(numbers):
    return all(a < b for a, b in itertools.pairwise(numbers))


def test_nineteen_digits_that_do_not_lag_behind_the_clock():
    clock = ManualClock()
    source = NonceSource(clock)
    assert source.next() == clock.wall_ns()
    clock.advance(1000)
    assert source.next() == clock.wall_ns()
    assert len(str(source.next())) == 19


def issue_from_threads(source, threads, each):
    """Return what each thread was given. A tiny switch interval makes threads interrupt one another inside the rule."""
    results = [[] for _ in range(threads)]
    barrier = threading.Barrier(threads)

    def work(mine):
        barrier.wait()
        for _ in range(each):
            mine.append(source.next())

    workers = [threading.Thread(target=work, args=(mine,)) for mine in results]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        sys.setswitchinterval(before)
    return results


@pytest.mark.parametrize("clock", [ManualClock(), CoarseClock(), SystemClock()], ids=["frozen", "coarse", "ns"])
def test_g1_threads_never_share_a_number_and_each_sees_them_rise(clock):
    results = issue_from_threads(NonceSource(clock), threads=8, each=20_000)
    assert all(strictly_increasing(mine) for mine in results)
    assert len({number for mine in results for number in mine}) == 8 * 20_000


def test_g1_the_check_above_can_fail():
    """Positive control: the rule without a lock repeats numbers under the same load."""
    clock = ManualClock()

    class Unlocked:
        last = 0

        def next(self):
            number = max(self.last + 1, clock.wall_ns())
            self.last = number
            return number

    results = issue_from_threads(Unlocked(), threads=8, each=20_000)
    assert len({number for mine in results for number in mine}) < 8 * 20_000


@pytest.mark.parametrize("step", [-NS_PER_SECOND, -HOUR, -10 * YEAR, -60 * YEAR])
def test_a_backward_step_neither_lowers_nor_delays(step):
    clock = ManualClock()
    source = NonceSource(clock)
    before = source.next()
    clock.step(step)
    assert [source.next() for _ in range(3)] == [before + 1, before + 2, before + 3]


def test_g2_a_thousand_random_steps():
    seed = 20_261_123
    print("seed", seed)
    dice, clock = random.Random(seed), ManualClock()
    source = NonceSource(clock)
    numbers = []
    for _ in range(1000):
        clock.step(dice.choice([-1, 1]) * dice.randrange(HOUR))
        clock.advance(dice.randrange(5 * NS_PER_SECOND))
        numbers += [source.next(), source.next()]
    assert strictly_increasing(numbers)


@pytest.mark.parametrize("step", [61 * NS_PER_SECOND, HOUR, 10 * YEAR])
def test_g3_a_forward_step_is_held_and_reported(step, caplog):
    clock = ManualClock()
    source = NonceSource(clock)
    source.next()
    true_time = clock.wall_ns()
    clock.step(step)
    numbers = []
    for _ in range(300):
        clock.advance(NS_PER_SECOND)
        numbers.append(source.next())
    assert numbers[-1] <= true_time + 360 * NS_PER_SECOND
    assert strictly_increasing(numbers)
    status = source.clock_status()
    assert status.held
    assert status.steps_held == 1
    assert status.clock_ahead == step
    assert [record.message for record in caplog.records if "stepped forward" in record.message] != []

    clock.step(-step)
    clock.advance(61 * NS_PER_SECOND)
    assert source.next() == clock.wall_ns()
    assert not source.clock_status().held


def test_a_small_forward_step_is_followed():
    clock = ManualClock()
    source = NonceSource(clock)
    source.next()
    clock.step(60 * NS_PER_SECOND)
    assert source.next() == clock.wall_ns()


def test_waking_up_after_a_day_of_suspend_is_no_step():
    clock = ManualClock()
    source = NonceSource(clock)
    source.next()
    clock.advance(24 * HOUR)
    assert source.next() == clock.wall_ns()
    assert not source.clock_status().held


def test_an_operator_can_confirm_a_forward_step():
    clock = ManualClock()
    source = NonceSource(clock)
    source.next()
    clock.step(HOUR)
    assert source.next() < clock.wall_ns()
    source.confirm_clock()
    assert source.next() == clock.wall_ns()


def test_a_correction_forward_after_a_step_back_is_followed():
    clock = ManualClock()
    source = NonceSource(clock)
    source.next()
    clock.step(-HOUR)
    clock.advance(2 * HOUR)
    source.next()
    clock.step(HOUR)
    clock.advance(2 * HOUR)
    assert source.next() == clock.wall_ns()


def test_a_machine_that_starts_in_1970_keeps_nineteen_digits_and_follows_the_correction():
    clock = ManualClock(wall_ns=5)
    source = NonceSource(clock)
    assert source.next() == EARLIEST
    clock.step(1_795_000_000 * NS_PER_SECOND)
    assert source.next() == clock.wall_ns()


def test_nothing_above_the_largest_number_is_ever_issued():
    source = NonceSource(ManualClock())
    source.raise_floor(MAX_NONCE)
    assert source.next() == MAX_NONCE
    with pytest.raises(NonceOutOfRange):
        source.next()
    with pytest.raises(NonceOutOfRange):
        source.raise_floor(MAX_NONCE + 1)


def test_a_clock_beyond_the_largest_number_is_not_followed():
    with pytest.raises(NonceOutOfRange, match="2262"):
        NonceSource(ManualClock(wall_ns=MAX_NONCE + 1)).next()


def test_the_floor_only_rises():
    source = NonceSource(ManualClock())
    number = source.next()
    source.raise_floor(number + 100)
    source.raise_floor(5)
    assert source.next() == number + 100


def test_g4_a_signal_handler_that_asks_for_numbers_neither_deadlocks_nor_repeats():
    source = NonceSource(ManualClock())  # frozen: every number is last + 1, so an overlap would repeat one
    mine, handlers = [], []

    def handle(*_):
        handlers.append(source.next())

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.000_05, 0.000_05)
    try:
        while len(handlers) < 2000:
            mine.extend(source.next() for _ in range(100))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert strictly_increasing(mine)  # a handler may interrupt a handler, so theirs are unique but not noted in order
    assert len(set(mine) | set(handlers)) == len(mine) + len(handlers)


def test_g4_a_finalizer_that_asks_for_numbers_neither_deadlocks_nor_repeats():
    source = NonceSource(ManualClock())
    mine, finalizers = [], []

    class Cycle:
        def __init__(self):
            self.me = self

        def __del__(self):
            finalizers.append(source.next())

    before = gc.get_threshold()
    gc.set_threshold(5)
    try:
        while len(finalizers) < 2000:
            Cycle()
            mine.append(source.next())
    finally:
        gc.set_threshold(*before)
        gc.collect()
    assert len(set(mine) | set(finalizers)) == len(mine) + len(finalizers)


def test_g4_a_forked_child_is_refused_with_a_clear_error():
    source = NonceSource(ManualClock())
    source.next()
    answer = in_forked_child(source.next)
    assert answer.startswith(ForkedProcess.__name__)
    assert "KRAKENONCE_STORE" in answer
    assert str(os.getpid()) in answer


def test_a_source_nobody_has_used_belongs_to_whoever_uses_it_first():
    source = NonceSource(SystemClock())
    assert len(in_forked_child(source.next)) == 19
    assert len(str(source.next())) == 19


def test_g4_forking_amid_eight_busy_threads_never_deadlocks_the_child():
    source = NonceSource(ManualClock())
    source.next()
    stop = threading.Event()

    def work():
        while not stop.is_set():
            source.next()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        answers = {in_forked_child(source.next).partition(":")[0] for _ in range(50)}
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert answers == {"ForkedProcess"}
