"""One request in flight per key; first come, first served within a priority; threads and tasks in one queue."""

import asyncio
import contextlib
import threading

import pytest

from krakenonce.clock import NS_PER_SECOND, ManualClock, SystemClock
from krakenonce.errors import ConfigError, GrantEnded, LaneTimeout, NonceOutOfRange, ReentrantUse, StoreUnavailable
from krakenonce.kraken.replies import Accepted, Unknown, judge_reply
from krakenonce.lanes import Lane, LaneRegistry, Priority
from krakenonce.nonce import MAX_NONCE
from krakenonce.refusals.events import Event
from krakenonce.source import NonceSource
from krakenonce.stores.base import Grant
from krakenonce.stores.memory import MemoryStore
from tests.ending_store import EndingStore

REFUSED = judge_reply(200, b'{"error":["EAPI:Invalid nonce"]}')


@pytest.fixture
def lane():
    return make_lane()


def make_lane(clock=None, store=None):
    clock = clock or SystemClock()
    return Lane("key", store or MemoryStore(), NonceSource(clock), clock)


def wait_until(condition):
    """Wait for another thread to get somewhere: without a sleep, and without an end but pytest's own."""
    pause = threading.Event()
    while not condition():
        pause.wait(0.001)


def in_thread(action, *args):
    thread = threading.Thread(target=action, args=args)
    thread.start()
    return thread


def test_a_turn_issues_its_nonce_at_the_first_look_and_keeps_it():
    clock = ManualClock()
    lane = make_lane(clock)
    with lane.turn() as turn:
        clock.advance(1000)
        assert turn.nonce == clock.wall_ns()
        clock.advance(1000)
        assert turn.nonce == clock.wall_ns() - 1000
        assert turn.reissue() == turn.nonce == clock.wall_ns()
    assert lane.stats().issued == 2


def test_a_turn_without_a_look_burns_no_number(lane):
    with lane.turn():
        pass
    assert lane.stats().issued == 0


def test_outcomes_are_counted(lane):
    for outcome in (Accepted({}), REFUSED, Unknown("reset")):
        with lane.turn() as turn:
            turn.report(outcome)
    with pytest.raises(KeyError), lane.turn() as turn:
        raise KeyError
    assert turn.outcome == Unknown("KeyError")
    stats = lane.stats()
    assert (stats.turns, stats.accepted, stats.refused, stats.unknown, stats.in_flight) == (4, 1, 1, 2, 0)


def test_a_nonce_is_to_be_had_inside_the_block_only(lane):
    turn = lane.turn()
    with pytest.raises(ReentrantUse):
        _ = turn.nonce
    with turn:
        pass
    with pytest.raises(ReentrantUse):
        turn.reissue()


def test_one_at_a_time_and_first_come_first_served(lane):
    order, threads = [], []

    def work(number):
        with lane.turn() as turn:
            order.append((number, turn.nonce))

    with lane.turn():
        for number in range(8):
            threads.append(in_thread(work, number))
            wait_until(lambda: lane.stats().waiting == number + 1)
        assert order == []
    for thread in threads:
        thread.join()
    assert [number for number, _ in order] == list(range(8))
    assert order == sorted(order, key=lambda entry: entry[1])


def test_priorities_go_first_and_stay_first_come_first_served_within(lane):
    wanted = [Priority.READ, Priority.ENTRY, Priority.CANCEL, Priority.EXIT, Priority.READ, Priority.CANCEL]
    order, threads = [], []

    def work(number, priority):
        with lane.turn(priority):
            order.append(number)

    with lane.turn():
        for number, priority in enumerate(wanted):
            threads.append(in_thread(work, number, priority))
            wait_until(lambda: lane.stats().waiting == number + 1)
    for thread in threads:
        thread.join()
    assert order == [2, 5, 3, 1, 0, 4]


async def test_threads_and_tasks_share_one_queue_in_order(lane):
    order, waiting = [], []

    def in_a_thread(number):
        with lane.turn() as turn:
            order.append((number, turn.nonce))

    async def in_a_task(number):
        async with lane.turn() as turn:
            order.append((number, turn.nonce))

    async with lane.turn():
        for number in range(10):
            if number % 2:
                waiting.append(asyncio.create_task(asyncio.to_thread(in_a_thread, number)))
            else:
                waiting.append(asyncio.create_task(in_a_task(number)))
            while lane.stats().waiting < number + 1:
                await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    assert [number for number, _ in order] == list(range(10))
    assert order == sorted(order, key=lambda entry: entry[1])


def test_several_event_loops_share_one_queue(lane):
    nonces = []

    async def work():
        for _ in range(50):
            async with lane.turn() as turn:
                nonces.append(turn.nonce)
                await asyncio.sleep(0)

    async def four():
        await asyncio.gather(*(work() for _ in range(4)))

    threads = [in_thread(asyncio.run, four()) for _ in range(4)]
    for thread in threads:
        thread.join()
    assert len(nonces) == 800
    assert nonces == sorted(set(nonces))


async def test_the_order_check_above_can_fail():
    """Positive control: numbers from the same source without a lane are noted out of order."""
    source, nonces = NonceSource(SystemClock()), []

    async def work(pauses):
        number = source.next()
        for _ in range(pauses):  # the one that came first is on its way for longest
            await asyncio.sleep(0)
        nonces.append(number)

    await asyncio.gather(*(work(8 - place) for place in range(8)))
    assert nonces != sorted(nonces)


def test_a_thread_that_runs_out_of_time_leaves_the_queue(lane):
    with lane.turn():
        caught = []

        def work():
            with pytest.raises(LaneTimeout) as error, lane.turn(timeout=0.01):
                pass
            caught.append(error.value)

        in_thread(work).join()
        assert "nothing was sent" in str(caught[0])
        assert lane.stats().waiting == 0
    with lane.turn(timeout=0.01) as turn:
        assert turn.nonce


async def test_a_task_that_runs_out_of_time_leaves_the_queue(lane):
    async with lane.turn():
        task = asyncio.create_task(self_contained_turn(lane, timeout=0.01))
        with pytest.raises(LaneTimeout):
            await task
        assert lane.stats().waiting == 0
    async with lane.turn(timeout=0.01) as turn:
        assert turn.nonce


async def self_contained_turn(lane, *, timeout=None):
    async with lane.turn(timeout=timeout) as turn:
        return turn.nonce


async def test_a_cancelled_waiter_leaves_the_queue(lane):
    async with lane.turn():
        first, second, third = (asyncio.create_task(self_contained_turn(lane)) for _ in range(3))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.sleep(0)
        assert lane.stats().waiting == 2
    assert await first < await third
    assert second.cancelled()
    assert lane.stats().in_flight == 0


async def test_a_waiter_cancelled_at_the_moment_of_the_hand_over_passes_the_place_on(lane):
    async with lane.turn():
        first, second = (asyncio.create_task(self_contained_turn(lane)) for _ in range(2))
        await asyncio.sleep(0)
    # The place is first's now, but its task has not run since.
    assert lane.stats().in_flight == 1
    first.cancel()
    assert await second
    assert first.cancelled()
    assert lane.stats().in_flight == 0


async def test_many_cancelled_waiters_neither_pile_up_nor_block(lane):
    async with lane.turn():
        tasks = [asyncio.create_task(self_contained_turn(lane)) for _ in range(2000)]
        await asyncio.sleep(0)
        for task in tasks[:-1]:
            task.cancel()
        await asyncio.gather(*tasks[:-1], return_exceptions=True)
        assert lane.stats().waiting == 1
        assert len(lane._queue._entries) <= 2
    assert await tasks[-1]


@contextlib.contextmanager
def held_by_a_thread(lane):
    """Have another thread hold a turn of *lane* for the time of the block."""
    release = threading.Event()

    def hold():
        with lane.turn():
            release.wait()

    holder = in_thread(hold)
    wait_until(lambda: lane.stats().in_flight == 1)
    yield
    release.set()
    holder.join()


def test_a_waiter_whose_loop_was_closed_is_skipped(lane):
    loop = asyncio.new_event_loop()
    with held_by_a_thread(lane):
        coroutine = self_contained_turn(lane)
        task = loop.create_task(coroutine)
        loop.run_until_complete(asyncio.sleep(0))
        # What a program does that is torn down in a hurry: the loop goes, its task stays in the queue.
        loop.close()
        other = in_thread(lambda: lane.turn().__enter__().__exit__(None, None, None))
        wait_until(lambda: lane.stats().waiting == 2)
    other.join()
    assert lane.stats().in_flight == 0
    task._log_destroy_pending = False
    coroutine.close()


def test_the_same_thread_cannot_wait_for_itself(lane):
    with lane.turn(), pytest.raises(ReentrantUse, match="already holds"), lane.turn():
        pass
    with lane.turn() as turn:
        assert turn.nonce


async def test_the_same_task_cannot_wait_for_itself(lane):
    async with lane.turn():
        with pytest.raises(ReentrantUse, match="already holds"):
            await self_contained_turn(lane)


async def test_a_synchronous_call_cannot_block_the_loop_that_must_go_on(lane):
    async with lane.turn():
        with pytest.raises(ReentrantUse, match="event loop"), lane.turn():
            pass

    with held_by_a_thread(lane):
        task = asyncio.create_task(self_contained_turn(lane))
        await asyncio.sleep(0)
        with pytest.raises(ReentrantUse, match="event loop"), lane.turn():
            pass
    assert await task


def test_a_task_cannot_wait_for_the_turn_its_own_thread_holds(lane):
    with lane.turn(), pytest.raises(ReentrantUse, match="already holds"):
        asyncio.run(self_contained_turn(lane))


def test_a_lane_whose_numbers_end_says_so():
    lane = make_lane(ManualClock())
    lane._source.raise_floor(MAX_NONCE)
    with lane.turn() as turn:
        assert turn.nonce == MAX_NONCE
    with pytest.raises(NonceOutOfRange), lane.turn() as turn:
        _ = turn.nonce
    assert lane.stats().in_flight == 0


class TenNumbers(MemoryStore):
    """A store whose grants hold ten numbers each."""

    renewals = 0

    def _grant(self, key, slot, floor):
        return self._short(super()._grant(key, slot, floor))

    def renew(self, grant, last):
        self.renewals += 1
        return self._short(Grant(grant.key, last + 1, 0, None, grant.generation))

    def _short(self, grant):
        low = max(grant.low, 1_790_000_000_000_000_000)
        return Grant(grant.key, low, low + 10, None, grant.generation)


def test_a_grant_that_is_used_up_is_renewed():
    store = TenNumbers()
    lane = make_lane(ManualClock(), store)
    with lane.turn() as turn:
        numbers = [turn.reissue() for _ in range(25)]
    assert numbers == sorted(set(numbers))
    assert store.renewals == 2


def test_a_nonce_outside_its_grant_is_never_used():
    clock = ManualClock()
    lane = make_lane(clock, TenNumbers())
    with lane.turn() as turn:
        clock.advance(1_000_000)  # the numbers a renewal brings end long before this moment
        with pytest.raises(StoreUnavailable, match="nothing was sent"):
            _ = turn.nonce


def test_the_alarm_is_raised_once_when_nonces_run_ahead_of_the_clock(caplog):
    clock = ManualClock()
    lane = make_lane(clock)
    for step in (0, -120 * 10**9, 0):
        clock.step(step)
        with lane.turn() as turn:
            _ = turn.nonce
    assert sum("ahead of the clock" in record.message for record in caplog.records) == 1


class TestRegistry:
    def lane(self, registry, key="key", url="https://api.kraken.com", store=None):
        clock = SystemClock()
        return registry.lane(key, url, store or MemoryStore(), lambda: NonceSource(clock), clock)

    def test_the_same_key_has_one_lane(self):
        registry = LaneRegistry()
        assert self.lane(registry) is self.lane(registry, url="https://api.kraken.com/")
        assert self.lane(registry) is not self.lane(registry, key="other")
        assert self.lane(registry) is not self.lane(registry, url="http://127.0.0.1:8080")
        assert len(registry) == 3

    def test_neither_key_nor_url_is_kept(self):
        registry = LaneRegistry()
        assert "my-key" not in self.lane(registry, key="my-key").key

    def test_one_key_cannot_be_on_two_stores(self):
        class Other(MemoryStore):
            url = "other://"

        registry = LaneRegistry()
        self.lane(registry)
        with pytest.raises(ConfigError, match="other://"):
            self.lane(registry, store=Other())

    @pytest.mark.parametrize("key", ["", " ", "key "])
    def test_a_malformed_key_is_refused(self, key):
        with pytest.raises(ConfigError, match="api_key"):
            self.lane(LaneRegistry(), key=key)


def test_a_thread_that_stood_still_after_its_grants_waits_for_another():
    clock = ManualClock()
    store = EndingStore(clock, 2, 2)
    lane = make_lane(clock, store)
    with lane.turn() as turn:
        assert turn.nonce >= clock.wall_ns()
        clock.advance(2 * NS_PER_SECOND)
        store._stops[:] = [2, 2]
        assert turn.reissue() >= clock.wall_ns()
    assert store.grants == 6


async def test_a_task_that_stood_still_after_its_grants_enters_its_turn_with_one_that_lasts():
    """Whatever asks for the nonce inside the turn can't wait: it would block the loop."""
    clock = ManualClock()
    store = EndingStore(clock, 2, 2)
    lane = make_lane(clock, store)
    async with lane.turn() as turn:
        assert turn.nonce == clock.wall_ns()
        clock.advance(2 * NS_PER_SECOND)
        with pytest.raises(GrantEnded):
            turn.confirm()
        with pytest.raises(GrantEnded):
            turn.reissue()
        store._stops[:] = [2, 2]
        assert await turn.areissue() >= clock.wall_ns()
    assert store.grants == 6


async def test_a_task_that_gets_no_lasting_grant_leaves_the_lane_free():
    clock = ManualClock()
    store = EndingStore(clock, 2)
    lane = make_lane(clock, store)
    whole = store.queue
    store.queue = lambda *asked: whole(*asked) if not store.grants else pytest.fail("the engine is away")
    with pytest.raises(pytest.fail.Exception):
        async with lane.turn():
            pass
    store.queue = whole
    async with lane.turn() as turn:
        assert turn.nonce


async def test_a_task_that_waits_for_another_grant_hears_what_became_of_the_key_meanwhile():
    clock = ManualClock()
    store = EndingStore(clock, 2)
    lane, whole = make_lane(clock, store), store.queue

    def queue(*asked):
        if store.grants:
            store.remember("key", Event("opened", clock.wall_ns() - 2, until_ns=clock.wall_ns() - 1).line())
        return whole(*asked)

    store.queue = queue
    async with lane.turn() as turn:
        assert turn.on_trial
