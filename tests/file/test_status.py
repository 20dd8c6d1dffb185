"""`krakenonce status` on a file store: what it shows, and that it disturbs nobody."""

import json
import os
import signal

import pytest

from krakenonce.cli import main
from krakenonce.clock import SystemClock
from krakenonce.stores.file import FileStore
from krakenonce.testing.waiting import Waiting, take
from tests.processes.hammering import end, forked
from tests.processes.lines import in_line, until

KEY = "00000000000000aa:00000000000000bb"


@pytest.fixture
def url(tmp_path):
    return f"file://{tmp_path}/store"


def status(url, capsys, *words):
    assert main(["status", "--store", url, *words]) == 0
    return capsys.readouterr().out


def test_it_names_the_holder_the_waiters_and_the_refusals(url, capsys):
    store = FileStore(url)
    grant = take(store, KEY)
    store.note_refusal(KEY)
    child = forked(lambda: take(FileStore(url), KEY))
    until(lambda: in_line(url) == 2)
    lane = json.loads(status(url, capsys, "--json"))["lanes"][0]
    assert (lane["key"], lane["holder"], lane["waiting"], lane["refusals"]) == (KEY, os.getpid(), 1, 1)
    assert int(lane["floor"]) == grant.high
    assert abs(lane["refused_at_ns"] - SystemClock.wall_ns()) < 600 * 10**9
    text = status(url, capsys)
    assert f"pid {os.getpid()}" in text
    assert KEY in text
    end(child)
    store.release(grant, grant.low)
    store.close()


def test_it_changes_nothing_and_waits_for_nobody(url, capsys, tmp_path):
    """While a process is stopped in the middle of its turn, another waits, and every lock of the store is taken."""
    reader, writer = os.pipe()

    def hold():
        store = FileStore(url)
        take(store, KEY)
        for lock in range(6):
            store._locks.lock(lock)
        os.write(writer, b".")
        os.kill(os.getpid(), signal.SIGSTOP)

    child = forked(hold)
    os.read(reader, 1)
    os.waitpid(child, os.WUNTRACED)
    before = (tmp_path / "store" / "state").read_bytes()
    names = sorted(os.listdir(tmp_path / "store"))
    assert f"pid {child}" in status(url, capsys)
    assert (tmp_path / "store" / "state").read_bytes() == before
    assert sorted(os.listdir(tmp_path / "store")) == names
    end(child)


def test_a_holder_that_died_is_none(url, capsys):
    child = forked(lambda: take(FileStore(url), KEY))
    os.waitpid(child, 0)
    lane = json.loads(status(url, capsys, "--json"))["lanes"][0]
    assert (lane["holder"], lane["waiting"]) == (None, 0)


def test_an_empty_store_has_no_lanes(url, capsys):
    FileStore(url).close()
    assert status(url, capsys).startswith("0 lanes, high-water mark none yet")


@pytest.mark.parametrize(
    ("store", "complaint"),
    [("", "Name a shared store"), ("memory://", "Memory is seen by its process alone"), ("ftp://x", "shared store")],
)
def test_what_is_no_shared_store_is_refused(store, complaint, capsys):
    assert main(["status", "--store", store]) == 2
    assert complaint in capsys.readouterr().err


def test_a_store_that_is_not_there_is_named(url, capsys):
    assert main(["status", "--store", url]) == 2
    assert "No such file" in capsys.readouterr().err


def test_who_waits_in_the_same_process_is_one_place(url, capsys):
    store = FileStore(url)
    grant = take(store, KEY)
    waiting = [Waiting(store, KEY) for _ in range(3)]
    assert json.loads(status(url, capsys, "--json"))["lanes"][0]["waiting"] == 0
    for place in waiting:
        place.pending.cancel()
    store.release(grant, grant.low)
    store.close()
