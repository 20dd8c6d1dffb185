"""What every store promises, as tests. Make a subclass and say how your store is opened::

    class TestMyStore(StoreConformance):
        def open(self, clock):
            return MyStore("my://place", clock)

Run it with pytest. Overriding `open_again` too, for a second object on the same state, tests what processes share.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable
from functools import partial

from krakenonce.clock import NS_PER_SECOND, ManualClock
from krakenonce.errors import StoreUnavailable
from krakenonce.nonce import MAX_NONCE
from krakenonce.stores.base import Grant, Store
from krakenonce.testing.waiting import PATIENCE, Waiting, take

KEY, OTHER = "00000000000000aa:00000000000000bb", "00000000000000aa:00000000000000cc"
NOW = 1_790_000_000 * NS_PER_SECOND


class CoarseClock(ManualClock):
    """A clock that shows whole seconds only, as some do."""

    def wall_ns(self) -> int:
        return super().wall_ns() // NS_PER_SECOND * NS_PER_SECOND

    def boot_ns(self) -> int:
        return super().boot_ns() // NS_PER_SECOND * NS_PER_SECOND


class StoreConformance:
    """The suite. Every test opens its own store, with a clock that stands still unless the test moves it."""

    def open(self, clock: ManualClock) -> Store:
        """Return the store under test, on state that no other test uses."""
        raise NotImplementedError

    def open_again(self, store: Store, clock: ManualClock) -> Store:
        """Return a second object on the state of *store*, as another process would open it."""
        return store

    def make_clock(self) -> ManualClock:
        """Return the clock that the stores are opened with; see `CoarseClock`."""
        return ManualClock(wall_ns=NOW)

    def setup_method(self) -> None:
        """Open the store."""
        self.clock = self.make_clock()
        self.store = self.open(self.clock)
        self.second = self.open_again(self.store, self.clock)

    def teardown_method(self) -> None:
        """Close what was opened. Closing twice is allowed."""
        for store in (self.second, self.store, self.second):
            store.close()

    def test_a_grant_is_an_interval_of_numbers(self) -> None:
        grant = take(self.store, KEY)
        assert grant.key == KEY
        assert 0 <= grant.low < grant.high <= MAX_NONCE + 1

    def test_a_grant_covers_the_present(self) -> None:
        grant = take(self.store, KEY)
        assert grant.low <= self._present(grant) + self._gap(grant)
        assert self._present(grant) < grant.high

    def test_a_grant_begins_where_the_last_one_ended(self) -> None:
        grant = take(self.store, KEY)
        for turn in range(4):
            last = grant.low
            self.store.release(grant, last) if turn % 2 == 0 else self.second.release(grant, last)
            grant = take((self.second, self.store)[turn % 2], KEY)
            assert last < grant.low <= max(last + 1, self._present(grant))
            assert self._present(grant) < grant.high

    def test_a_held_key_is_not_granted_again(self) -> None:
        take(self.store, KEY)
        assert self.store.acquire(KEY, 0) is None
        assert self.second.acquire(KEY, 0) is None

    def test_keys_are_independent(self) -> None:
        take(self.store, KEY)
        assert take(self.second, OTHER).key == OTHER

    def test_the_floor_of_the_caller_is_respected(self) -> None:
        assert take(self.store, KEY, NOW + 77).low >= NOW + 77

    def test_a_floor_far_ahead_of_the_clock_is_respected(self) -> None:
        ahead = NOW + 86_400 * NS_PER_SECOND
        grant = take(self.store, KEY, ahead)
        assert grant.low >= ahead
        self.store.release(grant, ahead + 5)
        assert take(self.second, KEY).low > ahead + 5

    def test_what_was_used_is_never_granted_again(self) -> None:
        grant = take(self.store, KEY)
        self.store.release(grant, NOW + 10)
        assert take(self.second, KEY).low > NOW + 10

    def test_a_grant_that_was_not_used_costs_no_numbers_it_needs(self) -> None:
        first = take(self.store, KEY, NOW)
        self.store.release(first, first.low - 1)
        again = take(self.store, KEY, NOW)
        assert again.low >= first.low

    def test_intervals_only_rise_whatever_the_clock_does(self) -> None:
        dice = random.Random(4)
        last = -1
        for turn in range(200):
            store = (self.store, self.second)[turn % 2]
            grant = take(store, KEY)
            assert grant.low > last
            last = max(grant.low, min(self.clock.wall_ns(), grant.high - 1)) + dice.randrange(3)
            last = min(last, grant.high - 1)
            store.release(grant, last)
            self.clock.step(dice.randrange(-30 * NS_PER_SECOND, 30 * NS_PER_SECOND))

    def test_generations_rise(self) -> None:
        generations = []
        for _ in range(5):
            grant = take(self.store, KEY)
            generations.append(grant.generation)
            self.store.release(grant, grant.low)
        assert generations == sorted(set(generations))

    def test_renewing_reaches_further_and_keeps_the_floor(self) -> None:
        grant = take(self.store, KEY)
        until = grant.until_boot_ns
        self.clock.advance(30 * NS_PER_SECOND if until is None else max(0, until - self.clock.boot_ns()))
        renewed = self.store.renew(grant, grant.low)
        last = max(self._present(renewed), renewed.low)
        assert renewed.low >= grant.low
        assert renewed.high > last
        self.store.release(renewed, last)
        assert take(self.second, KEY).low > last

    def test_the_next_in_line_is_woken_once(self) -> None:
        grant = take(self.store, KEY)
        waiting = Waiting(self.second, KEY)
        assert not waiting.is_woken
        self.store.release(grant, NOW)
        assert waiting.grant().low > NOW
        assert waiting.wakes == 1

    def test_queueing_for_a_free_key_grants(self) -> None:
        assert Waiting(self.store, KEY).grant().key == KEY

    def test_first_come_first_served(self) -> None:
        grant = take(self.store, KEY)
        line = [Waiting((self.store, self.second)[place // 4], KEY) for place in range(8)]
        served: list[int] = []
        for _ in line:
            self._give_back(grant)
            place, grant = self._next_served(line, served)
            served.append(place)
        # Each object has one place in the queue that all share; behind it, its own waiters queue in their own order.
        for own in (range(4), range(4, 8)):
            assert [place for place in served if place in own] == list(own)

    def test_tasks_wait_without_blocking_their_event_loop(self) -> None:
        used = asyncio.run(self._tasks())
        assert len(used) == 60
        assert used == sorted(set(used))

    def test_a_waiter_who_left_is_passed_over(self) -> None:
        grant = take(self.store, KEY)
        leaver, stayer = Waiting(self.store, KEY), Waiting(self.second, KEY)
        leaver.pending.cancel()
        leaver.pending.cancel()
        self.store.release(grant, NOW)
        assert stayer.grant().low > NOW
        assert not leaver.is_woken

    def test_leaving_with_a_grant_gives_it_back(self) -> None:
        grant = take(self.store, KEY)
        leaver, stayer = Waiting(self.second, KEY), Waiting(self.second, KEY)
        self.store.release(grant, NOW)
        leaver.grant()
        leaver.pending.cancel()
        assert stayer.grant().low > NOW

    def test_releasing_twice_frees_nobody_elses_grant(self) -> None:
        grant = take(self.store, KEY)
        self.store.release(grant, NOW)
        take(self.store, KEY)
        self.store.release(grant, NOW)
        assert self.store.acquire(KEY, 0) is None

    def test_closing_wakes_those_who_wait_with_an_error(self) -> None:
        take(self.store, KEY)
        waiting = Waiting(self.store, KEY)
        self.store.close()
        try:
            waiting.grant()
        except StoreUnavailable:
            return
        raise AssertionError("a waiter got a grant from a closed store")

    def test_what_is_remembered_of_a_key_is_found_again_in_order(self) -> None:
        for number in range(5):
            store = (self.store, self.second)[number % 2]
            grant = take(store, KEY)
            store.remember(KEY, f"event {number}")
            store.release(grant, grant.low)
        released = take(self.store, KEY)
        self.store.release(released, released.low)
        again = take(self.second, KEY)
        found = self.second.remembered(KEY)
        assert found[-1] == ("event 4" if self.second is self.store or len(found) == 5 else "event 3")
        assert list(found) == sorted(found)
        assert self.second.remembered(KEY) is found, "nothing new: the very same object"
        assert self.second.remembered(OTHER) == ()
        self.second.release(again, again.low)

    def test_at_least_the_last_thirty_two_events_are_kept(self) -> None:
        grant = take(self.store, KEY)
        for number in range(1000):
            self.store.remember(KEY, f"event {number:04}")
        self.store.release(grant, grant.low)
        found = self.store.remembered(KEY)
        assert found[-32:] == tuple(f"event {number:04}" for number in range(968, 1000))
        assert len(found) < 1000

    def test_threads_never_hold_a_key_together(self) -> None:
        self.inside = self.worst = 0
        self.used: list[int] = []
        self.start = threading.Barrier(6)
        threads = [threading.Thread(target=self._hammer, args=(place,)) for place in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert self.worst == 1
        assert len(self.used) == 6 * 40
        assert self.used == sorted(set(self.used))

    def test_events_are_kept_in_order_for_everybody(self) -> None:
        grant = take(self.store, KEY)
        assert self.store.remembered(KEY) == ()
        for number in range(40):
            self.store.remember(KEY, f"event {number}")
        self.store.release(grant, NOW)
        take(self.second, KEY)
        kept = self.second.remembered(KEY)
        assert kept[-32:] == tuple(f"event {number}" for number in range(8, 40))
        assert self.second.remembered(KEY) is kept
        assert self.second.remembered(OTHER) == ()

    def test_the_address_shows_no_password(self) -> None:
        assert "://" in self.store.url
        assert "@" not in self.store.url

    def _present(self, grant: Grant) -> int:
        """Return what the clock shows that numbers follow: the store's own, if it has one, else this host's."""
        return self.clock.wall_ns() if grant.offset is None else self.clock.boot_ns() + grant.offset

    def _gap(self, grant: Grant) -> int:
        """A store with a clock of its own may leave a gap before the first numbers of a key it has never seen."""
        return 0 if grant.offset is None else 60 * NS_PER_SECOND

    async def _tasks(self) -> list[int]:
        used: list[int] = []

        async def work(store: Store) -> None:
            loop = asyncio.get_running_loop()
            for _ in range(10):
                woken = asyncio.Event()
                pending = store.queue(KEY, 0, partial(_call, loop, woken.set))
                await asyncio.wait_for(woken.wait(), PATIENCE)
                grant = pending.result()
                used.append(grant.low)
                await asyncio.sleep(0)
                store.release(grant, grant.low)

        await asyncio.gather(*(work((self.store, self.second)[place % 2]) for place in range(6)))
        return used

    def _hammer(self, place: int) -> None:
        store = (self.store, self.second)[place % 2]
        self.start.wait()
        for _ in range(40):
            grant = take(store, KEY)
            self.inside += 1
            threading.Event().wait(0.001)  # gives the others every chance to come in as well, if they can
            self.worst = max(self.worst, self.inside)
            self.used.append(grant.low)
            self.inside -= 1
            store.release(grant, grant.low)

    def _give_back(self, grant: Grant) -> None:
        # Which of the two objects granted it is not known here; the other one ignores it.
        for store in {id(self.store): self.store, id(self.second): self.second}.values():
            store.release(grant, grant.low)

    def _next_served(self, line: list[Waiting], served: list[int]) -> tuple[int, Grant]:
        for _ in range(2000):
            for place, waiting in enumerate(line):
                if place not in served and waiting.is_woken:
                    return place, waiting.pending.result()
            threading.Event().wait(0.005)
        raise AssertionError("nobody was served")


def _call(loop: asyncio.AbstractEventLoop, function: Callable[[], object]) -> None:
    loop.call_soon_threadsafe(function)
