"""G4: fork, exec, subinterpreters, raw forks, signal handlers."""

import ctypes
import os
import signal
import subprocess
import sys
import threading

import pytest

from krakenonce import GlobalKrakenNonceManager
from krakenonce.errors import ForkedProcess
from krakenonce.lanes import LaneRegistry
from krakenonce.stores.file import FileStore
from krakenonce.testing.waiting import Waiting, take
from tests.forking import in_forked_child

KEY = "00000000000000aa:00000000000000bb"


@pytest.fixture
def url(tmp_path):
    return f"file://{tmp_path}/store"


@pytest.fixture
def manager(url):
    manager = GlobalKrakenNonceManager(url, registry=LaneRegistry())
    yield manager
    manager.store.close()


def turn_of(manager):
    with manager.lane("key").turn(timeout=10) as turn:
        return turn.nonce


def test_parent_and_child_share_the_lane(manager):
    before = turn_of(manager)
    child = int(in_forked_child(lambda: turn_of(manager)))
    assert before < child < turn_of(manager)


def test_a_child_waits_for_the_turn_of_its_parent(manager):
    with manager.lane("key").turn() as turn:
        first = turn.nonce
        assert "LaneTimeout" in in_forked_child(lambda: manager.lane("key").turn(timeout=0.2).__enter__())
        assert f"Process {os.getpid()} has held it" in in_forked_child(
            lambda: manager.lane("key").turn(timeout=0.2).__enter__()
        )
    assert turn_of(manager) > first


def test_the_parents_turn_is_none_of_the_childs(manager):
    with manager.lane("key").turn() as turn:
        assert ForkedProcess.__name__ in in_forked_child(turn.reissue)
        nonce = turn.nonce

    assert nonce < turn_of(manager)


def test_a_child_that_leaves_its_parents_turn_frees_nothing(manager, url):
    other = FileStore(url)
    lane = manager.lane("key")
    with lane.turn() as turn:
        in_forked_child(lambda: turn.__exit__(None, None, None))
        assert other.acquire(lane.key, 0) is None
    other.close()


def test_numbers_go_on_rising_in_a_child(manager):
    before = manager.get_nonce()
    child = int(in_forked_child(manager.get_nonce))
    assert before < child < manager.get_nonce()


def test_a_killed_parent_frees_its_key_though_its_child_lives(url):
    """The child does not keep the parent's locks: it has opened the file anew."""
    reader, writer = os.pipe()
    parent = os.fork()
    if parent == 0:
        store = FileStore(url)
        take(store, KEY)
        if os.fork() == 0:
            os.write(writer, os.getpid().to_bytes(8, "little"))
            signal.pause()
            os._exit(0)
        signal.pause()
        os._exit(0)
    orphan = int.from_bytes(os.read(reader, 8), "little")
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    store = FileStore(url)
    assert take(store, KEY).key == KEY
    os.kill(orphan, signal.SIGKILL)
    store.close()


def test_a_raw_fork_is_noticed(url):
    """A fork from C code runs none of Python's handlers."""
    store = FileStore(url)
    grant = take(store, KEY)
    child = ctypes.PyDLL(None).fork()
    if child == 0:
        os._exit(0 if store.acquire(KEY, 0) is None else 1)
    assert os.waitpid(child, 0)[1] == 0
    store.release(grant, grant.low)
    assert store.acquire(KEY, 0) is not None
    store.close()


LISTING = """
import os
room = "/proc/self/fd"
print([os.readlink(f"{room}/{number}") for number in os.listdir(room) if os.path.exists(f"{room}/{number}")])
"""


def test_nothing_is_left_open_across_exec(url):
    store = FileStore(url)
    command = [sys.executable, "-c", LISTING]
    listing = subprocess.run(command, capture_output=True, text=True, check=True, close_fds=False).stdout
    assert "/store/" not in listing
    store.close()


def test_subinterpreters_exclude_each_other(url):
    """Each has its own modules, so it is one more process as far as the store can tell."""
    script = f"""
import _xxsubinterpreters as interpreters
from krakenonce.stores.file import FileStore
from krakenonce.testing.waiting import take
store = FileStore({url!r})
grant = take(store, {KEY!r})
other = interpreters.create()
interpreters.run_string(other, '''
from krakenonce.stores.file import FileStore
store = FileStore({url!r})
print(store.acquire({KEY!r}, 0))
store.close()
''')
interpreters.destroy(other)
store.release(grant, grant.low)
"""
    if sys.version_info >= (3, 13):
        script = script.replace("_xxsubinterpreters", "_interpreters")
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (result.stdout.split(), result.stderr) == (["None"], "")


def test_a_signal_handler_gets_no_number_twice(manager):
    numbers = [manager.get_nonce()]
    former = signal.signal(signal.SIGALRM, lambda *_: numbers.append(manager.get_nonce()))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
        own = [manager.get_nonce() for _ in range(20_000)]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
    assert len(numbers) > 1
    assert own == sorted(own)
    assert len({*own, *numbers}) == len(own) + len(numbers)


def test_a_stopped_holder_is_named_and_not_robbed(url, manager):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with manager.lane("key").turn() as turn:
            os.write(writer, str(turn.nonce).encode())
            os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(0)
    held = int(os.read(reader, 32))
    os.waitpid(child, os.WUNTRACED)
    with pytest.raises(Exception, match=rf"Process {child} has held it for \d+\.\d s"):
        manager.lane("key").turn(timeout=0.3).__enter__()
    os.kill(child, signal.SIGCONT)
    assert turn_of(manager) > held
    os.waitpid(child, 0)


def test_closing_wakes_who_waits_behind_a_stopped_process(url):
    holder, store = FileStore(url), FileStore(url)
    take(holder, KEY)
    waiting = Waiting(store, KEY)
    store.close()
    with pytest.raises(Exception, match="closed"):
        waiting.grant()
    holder.close()


def test_a_child_forked_amid_busy_threads_gets_its_numbers(manager):
    """Another thread of the parent may be inside at the moment of the fork, and holds its lock for ever there."""
    stop, interval = threading.Event(), sys.getswitchinterval()
    threads = [threading.Thread(target=_until_set, args=(stop, manager.get_nonce)) for _ in range(4)]
    sys.setswitchinterval(1e-6)
    for thread in threads:
        thread.start()
    try:
        numbers = [int(in_forked_child(manager.get_nonce)) for _ in range(50)]
    finally:
        stop.set()
        sys.setswitchinterval(interval)
        for thread in threads:
            thread.join()
    assert numbers == sorted(set(numbers))


def _until_set(stop, action):
    while not stop.is_set():
        action()
