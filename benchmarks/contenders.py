"""Processes that pass one lock round, and the locks that people use for it."""

import fcntl
import mmap
import multiprocessing
import os
import struct
import threading
import time
from pathlib import Path

from krakenonce import GlobalKrakenNonceManager
from krakenonce.errors import KrakenonceError
from krakenonce.lanes import LaneRegistry
from krakenonce.stores.file import FileStore

KEY = "00000000000000aa:00000000000000bb"
SECONDS = 2.0
LAST, CHANGES, READY, GRANTS, WORST = 0, 1, 2, 64, 128


class BareKernel:
    """The least that a first-come-first-served lock needs: system calls and one shared word, no store around it."""

    request = struct.Struct("hhqqi4x").pack

    def __init__(self, room):
        self.fd = os.open(f"{room}/bare", os.O_RDWR | os.O_CREAT)
        words = os.open(f"{room}/bare.words", os.O_RDWR | os.O_CREAT)
        os.ftruncate(words, 4096)
        self.words = memoryview(mmap.mmap(words, 4096)).cast("Q")

    def ask(self, kind, start, length, *, wait):
        fcntl.fcntl(
            self.fd,
            fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK,
            self.request(kind, os.SEEK_SET, start, length, 0),
        )

    def __enter__(self):
        while True:
            ticket = self.words[0]
            self.ask(fcntl.F_WRLCK, ticket, 1, wait=True)
            if self.words[0] == ticket:
                break
            self.ask(fcntl.F_UNLCK, ticket, 1, wait=False)
        self.words[0], self.ticket = ticket + 1, ticket
        if ticket:
            self.ask(fcntl.F_RDLCK, ticket - 1, 1, wait=True)
            if self.words[1] != ticket:
                self.ask(fcntl.F_RDLCK, 0, ticket, wait=True)
        self.words[1] = ticket + 1

    def __exit__(self, *failure):
        self.ask(fcntl.F_UNLCK, 0, self.ticket + 1, wait=False)


class Queue:
    """The file store's queue, without floors: what the other locks offer."""

    def __init__(self, room):
        self.store = FileStore(f"file://{room}/store")
        self.index = self.store._register.find_or_make((1, 1), wait=True)
        self.queue = self.store._make_turnstile()

    def __enter__(self):
        self.ticket = self.queue.try_enter(self.index)
        if self.ticket is None:
            self.ticket = self.queue.wait(self.index, self.queue.line_up(self.index))

    def __exit__(self, *failure):
        self.queue.leave(self.index, self.ticket)


class Store:
    """The file store: lock, floor and number in one."""

    def __init__(self, room):
        self.store = FileStore(f"file://{room}/store")

    def __enter__(self):
        self.grant = self.store.acquire(KEY, 0) or self.wait()

    def wait(self):
        place = self.store.line_up(KEY, 0)
        if place is not None:
            place.sleep()
            return place.result()
        gate = threading.Lock()
        gate.acquire()
        pending = self.store.queue(KEY, 0, gate.release)
        gate.acquire()
        return pending.result()

    def __exit__(self, *failure):
        self.store.release(self.grant, self.grant.low)


class Turns:
    """A whole turn of a lane on the file store, as a client takes it, with its nonce."""

    def __init__(self, room):
        store = FileStore(f"file://{room}/store")
        self.lane = GlobalKrakenNonceManager(store, registry=LaneRegistry()).lane("key")

    def __enter__(self):
        self.turn = self.lane.turn().__enter__()
        return self.turn.nonce

    def __exit__(self, *failure):
        self.turn.__exit__(None, None, None)


def filelock_lock(room):
    import filelock

    return filelock.FileLock(f"{room}/filelock")


def portalocker_lock(room):
    import portalocker

    return portalocker.Lock(f"{room}/portalocker", timeout=60)


def redis_lock(room):
    import redis

    if not Path(f"{room}/redis.sock").exists():
        raise FileNotFoundError("no Redis server")
    return redis.Redis(unix_socket_path=f"{room}/redis.sock").lock("lock", timeout=60)


LOCKS = {
    "(bare kernel locks)": BareKernel,
    "krakenonce, the queue": Queue,
    "krakenonce, the store": Store,
    "krakenonce, a turn": Turns,
    "filelock": filelock_lock,
    "portalocker": portalocker_lock,
    "redis-py Lock": redis_lock,
}


def is_there(name, room):
    """True if the lock can be used here; else says why not."""
    try:
        with LOCKS[name](room):
            return True
    except (ImportError, OSError, KrakenonceError) as error:
        print(f"{name}: left out ({type(error).__name__})")
        return False


def _fight(name, room, hold, place, count, board):
    lock = LOCKS[name](room)
    words = memoryview(board).cast("Q")
    words[READY + place] = 1
    while sum(words[READY : READY + count]) < count:
        time.sleep(0.001)
    grants, worst = 0, 0.0
    end = time.perf_counter() + SECONDS
    while (asked := time.perf_counter()) < end:
        with lock:
            worst = max(worst, time.perf_counter() - asked)
            if words[LAST] != place + 1:
                words[LAST] = place + 1
                words[CHANGES] += 1
            grants += 1
            if hold:
                time.sleep(hold)
    words[GRANTS + place], words[WORST + place] = grants, int(worst * 1e6)


def contend(name, room, processes, hold):
    """Let *processes* fight for one lock, and return a row: hand-overs (the next holder is another process), grants."""
    board = mmap.mmap(-1, 4096)
    fighters = [
        multiprocessing.Process(target=_fight, args=(name, room, hold, place, processes, board))
        for place in range(processes)
    ]
    for fighter in fighters:
        fighter.start()
    for fighter in fighters:
        fighter.join()
    words = memoryview(board).cast("Q")
    grants = words[GRANTS : GRANTS + processes].tolist()
    worst = max(words[WORST : WORST + processes]) / 1e3
    rates = f"{words[CHANGES] / SECONDS:>9,.0f}/s  {sum(grants) / SECONDS:>9,.0f}/s"
    return f"{rates}  {min(grants):>7,}/{max(grants):<7,}  {worst:>7.1f} ms"
