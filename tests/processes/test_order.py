"""G8: first come, first served between processes; nobody starves; who waits does nothing."""

import os
import signal
import threading
from pathlib import Path
from typing import NamedTuple

import pytest

from krakenonce.stores.file import FileStore
from krakenonce.testing.waiting import Waiting, take
from tests.file.guarantees import g8_order
from tests.processes import hammering
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


@pytest.mark.parametrize("sleeping", [False, True], ids=["woken", "sleeping"])
def test_a_waiter_makes_at_most_one_system_call_a_second(tmp_path, sleeping):
    """No polling. Counted without tracing: who sleeps at both ends and never ran in between has made no system call.

    The one that is allowed is the look of the thread that moves the mark, every three seconds.
    """
    url = f"file://{tmp_path}/store"
    store = FileStore(url)
    grant = take(store, KEY)
    child = forked(lambda: hammering.take(FileStore(url), KEY, sleeping=sleeping))
    until(lambda: in_line(url) == 2)
    until(lambda: threads_of(child) == _after(0.2, lambda: threads_of(child)))
    before, after = threads_of(child), _after(2, lambda: threads_of(child))
    print(before, after)
    scheduled = sum(task.times for task in after.values()) - sum(task.times for task in before.values())
    assert {task.state for task in (*before.values(), *after.values())} == {"S"}
    assert scheduled <= 2
    store.release(grant, grant.low)
    assert os.waitpid(child, 0)[1] == 0
    store.close()


def test_the_count_sees_a_waiter_that_polls():
    """Positive control."""
    child = forked(poll)
    until(lambda: threads_of(child))
    before, after = threads_of(child), _after(2, lambda: threads_of(child))
    end(child)
    assert sum(task.times for task in after.values()) - sum(task.times for task in before.values()) > 2


def poll():
    """Look every 50 ms, as other locks do."""
    pause = threading.Event()
    while not pause.wait(0.05):
        pass


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


class Task(NamedTuple):
    """A thread: its state, S for asleep in a system call, and how often it was taken off its processor so far."""

    state: str
    times: int


def threads_of(pid):
    """Return every thread of a process."""
    tasks = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        status = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
        times = sum(int(count) for name, count in status.items() if name.endswith("ctxt_switches"))
        tasks[task.name] = Task(status["State"].split()[0], times)
    return tasks


def _after(seconds, look):
    threading.Event().wait(seconds)
    return look()
