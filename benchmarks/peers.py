"""The cost of one nonce, ours and the peers', on one thread and on eight; and what a turn adds to a client's call."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

import ccxt
import krakenex
from kraken.spot import SpotAsyncClient, SpotClient

from benchmarks.table import Row
from krakenonce.adapters import install
from krakenonce.global_nonce import GlobalKrakenNonceManager, get_global_kraken_nonce
from krakenonce.lanes import LaneRegistry
from tests.adapters.clients import SECRET

ROUNDS = 9
THREADS = 8
ONE_THREAD_BAR = 0.30  # us
TURN_BAR, FILE_BAR = 15.0, 30.0  # us


def bare_lock() -> Callable[[], int]:
    """Return the least that is correct: the rule under one lock."""
    lock, last = threading.Lock(), 0

    def issue() -> int:
        nonlocal last
        with lock:
            last = max(last + 1, time.time_ns())
            return last

    return issue


def sources() -> dict[str, Callable[[], Any]]:
    """Return every nonce function that is compared, by what it is called in the table."""
    return {
        "krakenonce get_global_kraken_nonce()": get_global_kraken_nonce,
        "threading.Lock around max(last + 1, time_ns())": bare_lock(),
        "time.time_ns(), no rule at all": time.time_ns,
        "krakenex API._nonce()": krakenex.API()._nonce,
        "python-kraken-sdk SpotClient.get_nonce()": SpotClient().get_nonce,
        "ccxt kraken.incrementing_nonce()": ccxt.kraken().incrementing_nonce,
    }


def microseconds(issue: Callable[[], Any], threads: int, calls: int) -> float:
    """Return what one call of *issue* costs: wall time over all calls of all *threads*."""
    start = threading.Barrier(threads + 1)

    def work() -> None:
        start.wait()
        for _ in itertools.repeat(None, calls):
            issue()

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    start.wait()
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    return (time.perf_counter() - began) * 1e6 / (threads * calls)


def nonce_rows() -> list[Row]:
    """Measure every source on one thread and on eight. Best of several rounds, the sources taking turns."""
    best: dict[tuple[str, int], float] = {}
    named = sources()
    for _, (name, issue), threads in itertools.product(range(ROUNDS), named.items(), (1, THREADS)):
        cost = microseconds(issue, threads, 40_000 // threads)
        best[name, threads] = min(cost, best.get((name, threads), cost))
    ours, lock, *_ = named
    rows = [Row(f"{name}, 1 thread", f"{best[name, 1]:.3f} us") for name in named]
    rows[0] = _judged(rows[0], f"<= {ONE_THREAD_BAR:.2f} us", ok=best[ours, 1] <= ONE_THREAD_BAR)
    eight = [Row(f"{name}, {THREADS} threads", f"{best[name, THREADS]:.3f} us") for name in named]
    eight[0] = _judged(eight[0], "<= the bare lock", ok=best[ours, THREADS] <= best[lock, THREADS])
    return rows + eight


def turn_rows() -> list[Row]:
    """Measure a turn by itself, and what it adds to a call that sends nothing; uncontended."""
    manager = GlobalKrakenNonceManager("memory://", registry=LaneRegistry())
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            _turn_alone("memory store", manager, TURN_BAR),
            _turn_alone("file store", GlobalKrakenNonceManager(f"file://{folder}", registry=LaneRegistry()), FILE_BAR),
        ]
    return [
        *rows,
        _overhead("krakenex", _silent_krakenex, manager),
        _overhead("python-kraken-sdk", _silent_sdk, manager),
        asyncio.run(_overhead_async(manager)),
    ]


def _turn_alone(store: str, manager: GlobalKrakenNonceManager, bar: float) -> Row:
    lane = manager.lane("a-key-for-the-benchmark")

    def turn() -> None:
        with lane.turn() as place:
            place.nonce  # noqa: B018 - looking at it issues the number

    alone = min(microseconds(turn, 1, 5_000) for _ in range(ROUNDS))
    return _judged(Row(f"a turn alone, {store}", f"{alone:.1f} us"), f"<= {bar:.0f} us", ok=alone <= bar)


def _judged(row: Row, bar: str, *, ok: bool) -> Row:
    return Row(row.what, row.measured, bar, ok)


class _SilentAPI(krakenex.API):
    def _query(self, *args: Any, **kwargs: Any) -> Any:
        return {"error": [], "result": {}}


class _SilentSpot(SpotClient):
    def request(self, method: str, uri: str, params: Any = None, **kwargs: Any) -> Any:
        self._prepare_request(method=method, uri=uri, params=params)
        return {}


class _SilentAsyncSpot(SpotAsyncClient):
    async def request(self, method: str, uri: str, params: Any = None, **kwargs: Any) -> Any:
        self._prepare_request(method=method, uri=uri, params=params)
        await asyncio.sleep(0)
        return {}


def _silent_krakenex() -> tuple[Any, Callable[[], Any]]:
    api = _SilentAPI("a-key-for-krakenex", SECRET)
    return api, lambda: api.query_private("Balance")


def _silent_sdk() -> tuple[Any, Callable[[], Any]]:
    client = _SilentSpot("a-key-for-the-sdk", SECRET)
    return client, lambda: client.request("POST", "/0/private/Balance")


def _overhead(name: str, make: Callable[[], tuple[Any, Callable[[], Any]]], manager: GlobalKrakenNonceManager) -> Row:
    bare, installed = make(), make()
    install(installed[0], manager=manager)
    costs = [(microseconds(bare[1], 1, 2_000), microseconds(installed[1], 1, 2_000)) for _ in range(ROUNDS)]
    return _added(f"install() adds to one {name} call", costs)


async def _overhead_async(manager: GlobalKrakenNonceManager) -> Row:
    async with _SilentAsyncSpot("k", SECRET) as bare, _SilentAsyncSpot("a-key-for-async", SECRET) as installed:
        install(installed, manager=manager)
        costs = [(await _seconds(bare) * 1e6, await _seconds(installed) * 1e6) for _ in range(ROUNDS)]
    return _added("install() adds to one python-kraken-sdk async call", costs)


async def _seconds(client: SpotAsyncClient, calls: int = 2_000) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        await client.request("POST", "/0/private/Balance")
    return (time.perf_counter() - began) / calls


def _added(what: str, costs: list[tuple[float, float]]) -> Row:
    added = min(with_ for _, with_ in costs) - min(without for without, _ in costs)
    return _judged(Row(what, f"{added:.1f} us"), f"<= {TURN_BAR:.0f} us", ok=added <= TURN_BAR)
