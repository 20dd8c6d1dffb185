"""Who waits: first come, first served, threads and tasks, also when somebody leaves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial

from krakenonce.errors import StoreUnavailable
from krakenonce.stores.base import Grant, Store
from krakenonce.testing.stage import KEY, NOW, Stage
from krakenonce.testing.waiting import PATIENCE, Waiting, take


class Queueing(Stage):
    """The store's own queue."""

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

    def test_closing_wakes_those_who_wait_with_an_error(self) -> None:
        take(self.store, KEY)
        waiting = Waiting(self.store, KEY)
        self.store.close()
        try:
            waiting.grant()
        except StoreUnavailable:
            return
        raise AssertionError("a waiter got a grant from a closed store")

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
