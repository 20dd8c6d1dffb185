"""A05, A06, A08, A09, A11, A12, A14, A20, A22 on one host: crash, freeze, wrong clocks, damaged state.

Judged by the exchange's own arithmetic: a number passes if it is above every one that passed before.
"""

import os
import shutil
import signal

import pytest

from krakenonce.clock import NS_PER_SECOND, ManualClock
from krakenonce.errors import ConfigError, StoreUnavailable
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.lanes import LaneRegistry
from krakenonce.nonce import MAX_FORWARD_STEP
from krakenonce.simulator.nonces import NonceRecord
from krakenonce.simulator.refusals import Refusal
from krakenonce.stores.file.layout import VERSION, checksum

NOW = 1_790_000_000 * NS_PER_SECOND
HOUR = 3600 * NS_PER_SECOND
YEAR = 8766 * HOUR


class Key:
    """One API key at the exchange, and how many of its requests were refused for their nonce."""

    def __init__(self):
        self.record, self.invalid = NonceRecord(), 0

    def send(self, nonce):
        try:
            self.record.accept(self.record.check(str(nonce)))
        except Refusal:
            self.invalid += 1


@pytest.fixture
def key():
    return Key()


@pytest.fixture
def room(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def start(room):
    """Start the product, as a process of its own would; everything is shut down in order at the end."""
    managers = []

    def start(now=NOW, **options):
        clock = options.pop("clock", None) or ManualClock(wall_ns=now)
        manager = GlobalKrakenNonceManager(f"file://{room}", clock=clock, registry=LaneRegistry(), **options)
        managers.append(manager)
        return manager

    yield start
    for manager in managers:
        manager.store.close()


def trade(manager, key, calls=20):
    for _ in range(calls):
        with manager.lane("key").turn(timeout=20) as turn:
            key.send(turn.nonce)


def stop(manager):
    manager.store.close()


def test_a05_the_successor_of_a_killed_owner_is_above_all_it_could_have_sent(start, key):
    reader, writer = os.pipe()
    successor = start()
    child = os.fork()
    if child == 0:
        with successor.lane("key").turn() as turn:
            os.write(writer, str(turn.nonce).encode())
            signal.pause()
    in_flight = int(os.read(reader, 32))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with successor.lane("key").turn(timeout=20) as turn:
        # Whichever of the two arrives first: the dead one's is lower.
        assert turn.nonce > in_flight
    key.send(in_flight)
    trade(successor, key)
    assert key.invalid == 0


def test_a06_a_frozen_owner_is_not_robbed_so_its_request_still_counts(start, key):
    """On one host there is no lease to run out: the kernel knows that the owner lives."""
    reader, writer = os.pipe()
    successor = start()
    child = os.fork()
    if child == 0:
        with successor.lane("key").turn() as turn:
            os.kill(os.getpid(), signal.SIGSTOP)
            os.write(writer, str(turn.nonce).encode())
        os._exit(0)
    os.waitpid(child, os.WUNTRACED)
    with pytest.raises(TimeoutError, match=f"Process {child} has held it"):
        successor.lane("key").turn(timeout=0.2).__enter__()
    os.kill(child, signal.SIGCONT)
    key.send(int(os.read(reader, 32)))
    trade(successor, key)
    os.waitpid(child, 0)
    assert key.invalid == 0


def test_a08_the_clock_steps_back_while_stopped(start, key):
    manager = start(NOW)
    trade(manager, key)
    stop(manager)
    trade(start(NOW - HOUR), key)
    assert key.invalid == 0


def test_a09_the_state_is_deleted_and_the_clock_is_right(start, key, room):
    manager = start(NOW)
    trade(manager, key)
    stop(manager)
    shutil.rmtree(room)
    trade(start(NOW + NS_PER_SECOND), key)
    assert key.invalid == 0


def test_a11_yesterdays_backup_is_restored(start, key, room, tmp_path):
    manager = start(NOW)
    trade(manager, key)
    stop(manager)
    shutil.copytree(room, tmp_path / "backup")
    manager = start(NOW + 24 * HOUR)
    trade(manager, key)
    stop(manager)
    shutil.rmtree(room)
    shutil.copytree(tmp_path / "backup", room)
    trade(start(NOW + 25 * HOUR), key)
    assert key.invalid == 0


@pytest.mark.parametrize("damage", ["torn", "cut", "garbage"])
def test_a12_a_damaged_state_is_set_aside(start, key, room, damage, caplog):
    manager = start(NOW)
    trade(manager, key)
    stop(manager)
    content = bytearray((room / "state").read_bytes())
    if damage == "torn":
        content[16:32] = bytes(16)
    content = {"torn": content, "cut": content[:5000], "garbage": os.urandom(len(content))}[damage]
    (room / "state").write_bytes(content)
    trade(start(NOW + NS_PER_SECOND), key)
    assert key.invalid == 0
    assert "set aside" in caplog.text
    assert len([name for name in os.listdir(room) if name.startswith("state.")]) == 1


def test_a14_the_clock_was_ten_years_ahead_for_one_call(start, key, caplog):
    clock = ManualClock(wall_ns=NOW)
    manager = start(clock=clock)
    trade(manager, key)
    clock.step(10 * YEAR)
    trade(start(clock=clock), key, calls=1)
    clock.step(-10 * YEAR)
    trade(manager, key, calls=10_000)
    assert key.invalid == 0
    assert key.record.highest <= NOW + MAX_FORWARD_STEP
    assert "stepped forward" in caplog.text


def test_a20_a_store_that_cannot_be_opened_is_an_error_and_no_lesser_source(start, room):
    room.write_text("a file where the directory should be")
    with pytest.raises(StoreUnavailable):
        start()
    assert start(fallback=("memory://",)).fallback_reason


def test_a22_an_older_build_refuses_a_newer_state(start, key, room):
    manager = start(NOW)
    trade(manager, key)
    stop(manager)
    content = bytearray((room / "state").read_bytes())
    fixed = [int.from_bytes(content[place : place + 8], "little") for place in range(0, 48, 8)]
    fixed[1] = VERSION + 1
    content[:56] = b"".join(word.to_bytes(8, "little") for word in (*fixed, checksum(*fixed)))
    with (room / "state").open("r+b") as file:
        file.write(content)
    with pytest.raises(ConfigError, match="Upgrade krakenonce"):
        start()
