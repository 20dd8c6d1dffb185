"""G8: first come, first served between processes; nobody starves; who waits does nothing."""

import os
import signal
from pathlib import Path

from krakenonce.stores.file import FileStore
from krakenonce.testing.waiting import Waiting, take
from tests.file.guarantees import g8_order
from tests.processes.hammering import end, forked
from tests.processes.lines import in_line, until

KEY = "00000000000000aa:00000000000000bb"


def test_processes_take_turns(tmp_path):
    """Everybody is always in line, so nobody is ever passed over."""
    assert g8_order(tmp_path) == []


def test_the_order_is_that_of_asking(tmp_path):
    url = f"file://{tmp_path}/store"
    stores = [FileStore(url) for _ in range(6)]
    grant = take(stores[0], KEY)
    line = [Waiting(store, KEY) for store in stores[1:]]
    holder = stores[0]
    for store, waiting in zip(stores[1:], line, strict=True):
        holder.release(grant, grant.low)
        holder, grant = store, waiting.grant()
        assert [other.is_woken for other in line].count(True) == stores.index(store)
    for store in stores:
        store.close()


def test_a_waiter_sleeps_until_it_is_its_turn(tmp_path):
    """No polling: a process that waits for a turn is not scheduled once while nothing happens."""
    url = f"file://{tmp_path}/store"
    store = FileStore(url)
    grant = take(store, KEY)
    child = forked(lambda: take(FileStore(url), KEY))
    until(lambda: in_line(url) >= 2)
    until(lambda: _wakes(child) == _after(0.1, lambda: _wakes(child)))
    before = _wakes(child)
    assert _after(1.5, lambda: _wakes(child)) - before <= 1
    store.release(grant, grant.low)
    assert os.waitpid(child, 0)[1] == 0
    store.close()


def test_a_dead_holder_frees_its_key_at_once(tmp_path):
    url = f"file://{tmp_path}/store"
    reader, writer = os.pipe()

    def hold():
        take(FileStore(url), KEY)
        os.write(writer, b"held")
        signal.pause()

    child = forked(hold)
    os.read(reader, 4)
    store = FileStore(url)
    waiting = Waiting(store, KEY)
    assert not waiting.is_woken
    end(child)
    assert waiting.grant().key == KEY
    store.close()


def test_a_process_that_dies_in_line_is_passed_over(tmp_path):
    url = f"file://{tmp_path}/store"
    store, behind = FileStore(url), FileStore(url)
    grant = take(store, KEY)
    child = forked(lambda: take(FileStore(url), KEY))
    until(lambda: in_line(url) >= 2)
    waiting = Waiting(behind, KEY)
    end(child)
    assert not waiting.is_woken
    store.release(grant, grant.low)
    assert waiting.grant().low > grant.low
    store.close()
    behind.close()


def _wakes(pid):
    """Return how often the threads of a process went to sleep so far: each system call that waits is one."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        total += sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)
    return total


def _after(seconds, look):
    import threading

    threading.Event().wait(seconds)
    return look()
