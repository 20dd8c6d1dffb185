"""Acceptance scenarios of the nonce core, by number. The exchange's rule is applied by a judge of the test's own."""

import threading

import pytest

from krakenonce.clock import NS_PER_SECOND, ManualClock, SystemClock
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.lanes import LaneRegistry
from krakenonce.nonce import UNITS
from krakenonce.stores.memory import MemoryStore

HOUR = 3600 * NS_PER_SECOND


class Judge:
    """The exchange's rule for one key: a nonce must be above the highest one accepted. Counts what it refuses."""

    def __init__(self, seen=0):
        self.highest = seen
        self.accepted = 0
        self.invalid = 0
        self._lock = threading.Lock()

    def receive(self, nonce):
        with self._lock:
            if nonce > self.highest:
                self.highest = nonce
                self.accepted += 1
            else:
                self.invalid += 1


def manager(clock=None):
    return GlobalKrakenNonceManager("memory://", clock=clock or SystemClock(), registry=LaneRegistry())


def run_threads(count, work):
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    ("keys", "threads", "calls"),
    [(10, 32, 20), pytest.param(100, 32, 200, marks=pytest.mark.proof)],
)
def test_a01_many_threads_on_many_keys(keys, threads, calls):
    source = manager()
    lanes = [source.lane(f"key {number}") for number in range(keys)]
    judges = [Judge() for _ in range(keys)]

    def work(number):
        lane, judge = lanes[number % keys], judges[number % keys]
        for _ in range(calls):
            with lane.turn() as turn:
                judge.receive(turn.nonce)

    run_threads(keys * threads, work)
    assert [judge.invalid for judge in judges] == [0] * keys
    assert [judge.accepted for judge in judges] == [threads * calls] * keys


def test_a01_the_judge_can_refuse():
    """Positive control: one source without lanes, with the network in between, is refused."""
    source, judge = manager(), Judge()
    turns = threading.Barrier(2)

    def work(number):
        nonce = source.get_nonce()
        turns.wait()  # both have their number; now the later one arrives first
        judge_in_reverse(nonce)

    received = []
    lock = threading.Lock()

    def judge_in_reverse(nonce):
        with lock:
            received.append(nonce)

    run_threads(2, work)
    for nonce in sorted(received, reverse=True):
        judge.receive(nonce)
    assert judge.invalid == 1


@pytest.mark.parametrize("step", [NS_PER_SECOND, HOUR, 10 * 365 * 24 * HOUR], ids=["1 s", "1 h", "10 years"])
def test_a07_the_clock_steps_back_while_running(step):
    clock, judge = ManualClock(), Judge()
    lane = manager(clock).lane("key")
    for call in range(200):
        if call == 100:
            clock.step(-step)
        clock.advance(1000)
        with lane.turn() as turn:
            judge.receive(turn.nonce)
    assert (judge.invalid, judge.accepted) == (0, 200)


PREDECESSORS = {
    **{unit.name: unit.at for unit in UNITS},
    "ticks since the year 1": lambda ns: ns // 100 + 621_355_968_000_000_000,
    "milliseconds times ten": lambda ns: ns // 100_000,
    "microseconds shifted left": lambda ns: ns // 1000 << 8,
}


@pytest.mark.parametrize("unit", PREDECESSORS)
def test_a13_a_key_used_before_in_any_unit_is_accepted_at_the_first_call(unit):
    clock = ManualClock()
    judge = Judge(seen=PREDECESSORS[unit](clock.wall_ns()))
    clock.advance(1000)
    with manager(clock).lane("key").turn() as turn:
        judge.receive(turn.nonce)
    assert (judge.invalid, judge.accepted) == (0, 1)


def test_a14_the_clock_was_ten_years_ahead_for_one_call(caplog):
    clock, judge = ManualClock(wall_ns=2_100_000_000 * NS_PER_SECOND), Judge()
    source = manager(clock)
    lane = source.lane("key")
    for call in range(10_001):
        if call == 1:
            clock.step(-310_000_000 * NS_PER_SECOND)
        clock.advance(1000)
        with lane.turn() as turn:
            judge.receive(turn.nonce)
    assert judge.invalid == 0
    assert source.clock_status().nonce_ahead > 300_000_000 * NS_PER_SECOND
    assert sum("ahead of the clock" in record.message for record in caplog.records) == 1


@pytest.mark.parametrize("count", [20_000, pytest.param(1_000_000, marks=pytest.mark.proof)])
def test_a18_numbers_beyond_2_to_the_53_are_never_rounded(count):
    lane = manager(ManualClock()).lane("key")  # frozen: consecutive numbers, which a double could not tell apart
    with lane.turn() as turn:
        numbers = [turn.reissue() for _ in range(count)]
    assert len(set(numbers)) == count
    assert {type(number) for number in numbers} == {int}
    assert numbers[-1] - numbers[0] == count - 1
    assert 2**53 < numbers[0] < 2**63


def test_a18_grants_of_the_memory_store_are_exact():
    store, floor, lows = MemoryStore(), 2**62 + 1, []
    for _ in range(10_000):
        grant = store.acquire("key", floor)
        lows.append(grant.low)
        store.release(grant, grant.low)
    assert lows == list(range(floor, floor + 10_000))
