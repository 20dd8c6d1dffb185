"""Processes that fight for one key of a file store, and the log by which they are judged.

A process writes one record into a file opened for appending while it holds the key: so the order in the file is the
order in which an exchange would have received the requests.
"""

import os
import random
import signal
import struct
import threading

from krakenonce.clock import SystemClock
from krakenonce.nonce import next_nonce

RECORD = struct.Struct("<QQQ8x")
"""32 bytes, so that none crosses a page: a write that does may be cut in two by a kill."""


def take(store, key, floor=0, *, sleeping=False):
    """Return a grant, waiting for it as a lane does: *sleeping* in the queue itself, or woken by the store."""
    grant = store.acquire(key, floor)
    if grant is not None:
        return grant
    place = store.line_up(key, floor) if sleeping else None
    if place is not None:
        place.sleep()
        return place.result()
    gate = threading.Lock()
    gate.acquire()
    pending = store.queue(key, floor, gate.release)
    gate.acquire()
    return pending.result()


def hammer(store, key, log, turns=None):
    """Use numbers of *key* until killed, or *turns* times; wait now in the one way, now in the other."""
    done = 0
    while turns is None or done < turns:
        grant = take(store, key, sleeping=bool(done % 3))
        number = min(next_nonce(grant.low - 1, SystemClock.wall_ns()), grant.high - 1)
        os.write(log, RECORD.pack(number, os.getpid(), 0))
        os.write(log, RECORD.pack(number, os.getpid(), 1))
        store.release(grant, number)
        done += 1


def forked(action):
    """Run *action* in a forked child and return its process id."""
    child = os.fork()
    if child:
        return child
    try:
        action()
        os._exit(0)
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        os._exit(1)


def open_log(path):
    """Return a file to append to."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)


def records(path):
    """Return every record: number, process, and 0 for the first half of a turn or 1 for the second."""
    with open(path, "rb") as file:
        return list(RECORD.iter_unpack(file.read()))


def problems(entries):
    """Return what is wrong with a log: numbers that do not rise, turns that overlap."""
    found = []
    last = holder = 0
    for number, pid, half in entries:
        if half == 0:
            if number <= last:
                found.append(f"{number} by {pid} after {last}")
            last, holder = number, pid
        elif pid != holder or number != last:
            found.append(f"{pid} still inside with {number} after {holder} came in with {last}")
    return found


def kill_at_random(start, kills, processes, dice, log, longest=0.02):
    """Keep *processes* children running by `start`, and kill one after the other at random moments.

    However slow the machine is, two turns and more are begun between one kill and the next on an average.
    """
    pause = threading.Event()
    children = [start() for _ in range(processes)]
    for turn in range(kills):
        pause.wait(dice.uniform(0, longest))
        while os.fstat(log).st_size < 5 * turn * RECORD.size:
            pause.wait(0.001)
        victim = turn % processes
        end(children[victim])
        children[victim] = start()
    for child in children:
        end(child)


def end(child):
    """Kill *child* and wait until it is gone."""
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def seeded(seed):
    """Return dice, and print the seed so that a failure can be replayed."""
    print(f"seed {seed}")
    return random.Random(seed)
