"""A thread without a time-out sleeps in the host's queue itself: what wakes it, and what it leaves behind."""

import os
import signal
import threading

import pytest

from krakenonce import GlobalKrakenNonceManager
from krakenonce.errors import StoreUnavailable
from krakenonce.lanes import LaneRegistry
from krakenonce.stores.file import FileStore
from krakenonce.testing.waiting import Waiting, take
from tests.forking import in_forked_child
from tests.processes.lines import in_line, until

KEY = "00000000000000aa:00000000000000bb"


@pytest.fixture
def url(tmp_path):
    return f"file://{tmp_path}/store"


@pytest.fixture
def holder(url):
    """Another process, as far as the store can tell."""
    store = FileStore(url)
    yield store
    store.close()


@pytest.fixture
def store(url):
    store = FileStore(url)
    store.release(grant := take(store, KEY), grant.low)
    yield store
    store.close()


class Sleeper:
    """A thread that sleeps in the queue, and what came of it."""

    def __init__(self, store):
        self.place = store.line_up(KEY, 0)
        self.outcome = None
        self._thread = threading.Thread(target=self._sleep)
        self._thread.start()
        self.name = self._thread.name

    def _sleep(self):
        try:
            self.place.sleep()
            self.outcome = self.place.result()
        except StoreUnavailable as error:
            self.outcome = error

    def join(self):
        self._thread.join()
        return self.outcome


def test_a_sleeper_gets_the_turn_without_another_thread(holder, store, url):
    grant, before = take(holder, KEY), set(threading.enumerate())
    sleeper = Sleeper(store)
    until(lambda: in_line(url) == 2)
    assert {thread.name for thread in set(threading.enumerate()) - before} == {sleeper.name}
    holder.release(grant, grant.low + 7)
    assert sleeper.join().low > grant.low + 7
    assert holder.acquire(KEY, 0) is None


def test_the_order_is_that_of_asking_whatever_the_way_of_waiting(holder, url):
    grant, served = take(holder, KEY), []
    stores = [FileStore(url) for _ in range(6)]
    for store in stores:
        store._find_seat(KEY, wait=True)

    def serve(store, wait):
        granted = wait()
        served.append(stores.index(store))
        store.release(granted, granted.low)

    threads = []
    for number, store in enumerate(stores):
        wait = Sleeper(store).join if number % 2 else Waiting(store, KEY).grant
        threads.append(threading.Thread(target=serve, args=(store, wait)))
        until(lambda count=number + 2: in_line(url) == count)
    for thread in threads:
        thread.start()
    holder.release(grant, grant.low)
    for thread in threads:
        thread.join()
    assert served == list(range(6))
    for store in stores:
        store.close()


def test_one_thread_of_a_process_at_a_time_sleeps_there(holder, store, url):
    grant = take(holder, KEY)
    sleeper = Sleeper(store)
    assert store.line_up(KEY, 0) is None
    second = Waiting(store, KEY)
    holder.release(grant, grant.low)
    first = sleeper.join()
    assert not second.is_woken
    store.release(first, first.low)
    assert second.grant().low > first.low


def test_an_interrupted_sleeper_leaves_the_queue(holder, url):
    """As Ctrl-C does it: the handler raises in the main thread."""
    lane = GlobalKrakenNonceManager(url, registry=LaneRegistry()).lane("key")
    grant, over = take(holder, lane.key), threading.Event()

    def interrupt():
        until(lambda: in_line(url) == 2)
        while not over.wait(0.05):  # again and again: the first may come just before the sleep
            signal.pthread_kill(threading.main_thread().ident, signal.SIGALRM)

    def sleep():
        signal.signal(signal.SIGALRM, raise_once())
        threading.Thread(target=interrupt, daemon=True).start()
        try:
            lane.turn().__enter__()
        except KeyboardInterrupt:
            over.set()
        stats = lane.stats()
        return in_line(url), stats.in_flight, stats.waiting

    assert in_forked_child(sleep) == "(1, 0, 0)"
    holder.release(grant, grant.low)
    assert take(holder, lane.key).low > grant.low
    lane.store.close()


def raise_once():
    """Return a handler that raises at the first signal."""
    left = [KeyboardInterrupt]

    def handle(*_):
        if left:
            raise left.pop()

    return handle


def test_closing_under_a_sleeper_frees_the_key(holder, store):
    grant = take(holder, KEY)
    sleeper = Sleeper(store)
    store.close()
    holder.release(grant, grant.low)
    assert "closed" in str(sleeper.join())
    assert take(holder, KEY).low > grant.low


def test_a_sleeper_that_gave_up_before_sleeping_holds_nobody_up(holder, store):
    grant = take(holder, KEY)
    place = store.line_up(KEY, 0)
    behind = Waiting(FileStore(store.url), KEY)
    place.cancel()
    place.cancel()
    with pytest.raises(StoreUnavailable, match="given up"):
        place.result()
    holder.release(grant, grant.low)
    assert behind.grant().low > grant.low


def test_a_late_cancel_frees_nobody_elses_turn(holder, store):
    grant = take(holder, KEY)
    sleeper = Sleeper(store)
    holder.release(grant, grant.low)
    own = sleeper.join()
    store.release(own, own.low)
    take(store, KEY)
    sleeper.place.cancel()
    assert holder.acquire(KEY, 0) is None


def test_a_child_forked_beside_a_sleeper_goes_its_own_way(holder, store):
    grant = take(holder, KEY)
    sleeper = Sleeper(store)
    assert in_forked_child(lambda: store.acquire(KEY, 0)) == "None"
    holder.release(grant, grant.low)
    own = sleeper.join()
    assert in_forked_child(lambda: store.acquire(KEY, 0)) == "None"
    store.release(own, own.low)
    assert str(KEY) in in_forked_child(lambda: take(store, KEY))


def test_a_holder_that_dies_wakes_the_sleeper(store, url):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        take(FileStore(url), KEY)
        os.write(writer, b".")
        signal.pause()
        os._exit(0)
    os.read(reader, 1)
    sleeper = Sleeper(store)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert sleeper.join().key == KEY
