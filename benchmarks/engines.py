"""The stores for many hosts beside redis-py's Lock, on servers started here. Run: python -m benchmarks.engines"""

from __future__ import annotations

import asyncio
import statistics
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import redis

from benchmarks import handing_over
from krakenonce.clock import SystemClock
from krakenonce.stores import Store, open_store
from krakenonce.testing.waiting import Waiting, take
from tests.engines.proxy import Proxy
from tests.engines.servers import PostgresServer, RedisServer

HOLD = 0.005
SECONDS = 4.0


def opened(server: Any) -> Store:
    return open_store(server.url, SystemClock())


def begin(server: Any) -> None:
    """Use the server once: one that has no data yet is quiet for some seconds, as after a loss."""
    store = opened(server)
    take(store, "first")
    store.close()


def sticky(server: Any) -> str:
    """Acquire and release of a key that is here already, and what the engine hears of it."""
    proxy = Proxy(server.port)
    store = open_store(server.url.replace(f":{server.port}/", f":{proxy.port}/"), SystemClock())
    grant = take(store, "key")
    store.release(grant, grant.low)
    before, began = proxy.sent, time.perf_counter()
    for _ in range(50_000):
        grant = take(store, "key")
        store.release(grant, grant.low)
    rate, asked = 50_000 / (time.perf_counter() - began), proxy.sent - before
    store.close()
    proxy.close()
    return f"{rate:,.0f}/s, {asked} requests to the engine"


async def first_uses(store: Store, count: int) -> tuple[float, list[float]]:
    """First use of many keys at once: each is granted by the engine. Seconds, and the waits of each."""
    waits: list[float] = []

    async def use(name: str) -> None:
        began = time.perf_counter()
        grant = store.acquire(name, 0)
        if grant is None:
            loop, woken = asyncio.get_running_loop(), asyncio.Event()
            pending = store.queue(name, 0, lambda: loop.call_soon_threadsafe(woken.set))
            await woken.wait()
            grant = pending.result()
        waits.append(time.perf_counter() - began)
        store.release(grant, grant.low)

    began = time.perf_counter()
    for start in range(0, count, 32):
        await asyncio.gather(*(use(f"many:{start + place}") for place in range(min(32, count - start))))
    return time.perf_counter() - began, waits


def engine_grants(server: Any, count: int = 10_000) -> str:
    store = opened(server)
    seconds, waits = asyncio.run(first_uses(store, count))
    began = time.perf_counter()
    store.close()  # releases every key
    total = seconds + time.perf_counter() - began
    p99 = statistics.quantiles(waits, n=100)[98] * 1000
    return f"acquire + release {count / total:,.0f}/s, p99 of an acquire {p99:.1f} ms (32 at a time)"


def hand_over(server: Any) -> str:
    """A key that goes to and fro between two stores in this process; see `handing_over` for two processes."""
    stores = [opened(server), opened(server)]
    grant, gaps = take(stores[0], "hand"), []
    for step in range(1, 300):
        waiting = Waiting(stores[step % 2], "hand")
        time.sleep(HOLD)
        began = time.perf_counter()
        stores[(step - 1) % 2].release(grant, grant.low)
        grant = waiting.grant()
        gaps.append((time.perf_counter() - began) * 1000)
    for store in stores:
        store.close()
    return f"median {statistics.median(gaps):.2f} ms, p99 {statistics.quantiles(gaps, n=100)[98]:.2f} ms"


def contend(turn: Callable[[int], None], count: int = 8) -> str:
    """Eight contenders that hold for 5 ms: how many turns the luckiest and the unluckiest get."""
    turns, stop = [0] * count, threading.Event()

    def work(place: int) -> None:
        while not stop.is_set():
            turn(place)
            turns[place] += 1

    threads = [threading.Thread(target=work, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    time.sleep(SECONDS)
    stop.set()
    for thread in threads:
        thread.join()
    return f"min/max {min(turns)}/{max(turns)} = {max(turns) / max(1, min(turns)):.2f}, together {sum(turns)}"


def fairness(server: Any) -> str:
    stores = [opened(server) for _ in range(8)]

    def turn(place: int) -> None:
        grant = take(stores[place], "fair")
        time.sleep(HOLD)
        stores[place].release(grant, grant.low)

    said = contend(turn)
    for store in stores:
        store.close()
    return said


def fairness_of_redis_lock(server: RedisServer) -> str:
    clients = [redis.Redis(port=server.port) for _ in range(8)]

    def turn(place: int) -> None:
        with clients[place].lock("lock", timeout=10):
            time.sleep(HOLD)

    return contend(turn)


def many_keys(server: Any, keys: int) -> str:
    """One process that holds many keys at once: how long each takes, and how much room the engine needs for it."""
    before, store = room(server), opened(server)
    seconds, waits = asyncio.run(first_uses(store, keys))
    held = (room(server) - before) / keys
    store.close()
    p99 = statistics.quantiles(waits, n=100)[98] * 1000
    return f"{keys:,} keys: {keys / seconds:,.0f} acquired/s, p99 {p99:.1f} ms, {held:.0f} bytes a key while held"


def room(server: Any) -> int:
    if isinstance(server, RedisServer):
        return int(server.client.info("memory")["used_memory"])
    return int(server.do("select pg_total_relation_size('krakenonce.lane')")[0][0])


def main(keys: int = 20_000) -> None:
    """Print one line for each figure."""
    for server in (RedisServer(), PostgresServer()):
        name = server.url.partition(":")[0]
        try:
            begin(server)
            for measure in (sticky, engine_grants, hand_over, fairness):
                print(f"{name:<11} {measure.__name__:<14} {measure(server)}", flush=True)
            print(f"{name:<11} {'two processes':<14} {handing_over.hand_over(server.url)}", flush=True)
            print(f"{name:<11} {'many_keys':<14} {many_keys(server, keys)}", flush=True)
            if isinstance(server, RedisServer):
                print(f"{name:<11} {'redis-py Lock':<14} {fairness_of_redis_lock(server)}", flush=True)
        finally:
            server.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
