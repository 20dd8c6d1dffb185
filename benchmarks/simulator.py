"""How much the simulated exchange carries on one core: signed calls, connections, and how fast it tells what happens.

The clients here do next to nothing (requests signed beforehand, replies counted and not parsed), so that the figures
are the exchange's. On a machine with two cores it has one and the clients have the other.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import statistics
import time
import urllib.request
from collections.abc import Generator
from urllib.parse import urlsplit

import psutil

from benchmarks.exchange import Account, Exchange, exchange
from benchmarks.table import Row
from krakenonce.kraken.signing import sign

CALLERS, CALLS = 8, 2500  # connections, each with a key of its own, and calls on each
CALLS_BAR = 1500.0  # a second
ACCOUNTS, CONNECTIONS, SUBSCRIBERS, EXECUTIONS = 1000, 300, 100, 300
MEMORY_BAR, TELLING_BAR = 300.0, 10.0  # MB, ms


def simulator_rows() -> list[Row]:
    """Measure the exchange. Takes about half a minute."""
    with exchange(CALLERS, 0, 0) as running, apart(running.pid):
        rate = asyncio.run(_call_all(running))
        accepted = sum(running.figures(account.name)["accepted"] for account in running.accounts)
    with exchange(ACCOUNTS, 0, 0) as running, apart(running.pid):
        empty = _megabytes(running.pid)
        delays, work, full = asyncio.run(_tell(running))
    p99, told = statistics.quantiles(delays, n=100)[98], SUBSCRIBERS * EXECUTIONS
    crowd = f"... and {CONNECTIONS} WebSocket connections, {SUBSCRIBERS} to executions, the others to tickers, deflated"
    return [
        Row("signed REST calls", f"{rate:,.0f}/s", f">= {CALLS_BAR:,.0f}/s", rate >= CALLS_BAR),
        _count("... of which accepted", accepted, CALLERS * CALLS),
        Row(f"memory with {ACCOUNTS:,} accounts", f"{empty:.0f} MB"),
        Row(crowd, f"{full:.0f} MB", f"<= {MEMORY_BAR:.0f} MB", full <= MEMORY_BAR),
        Row(f"order sent to its fill at {SUBSCRIBERS} subscribers, median", f"{statistics.median(delays):.2f} ms"),
        Row("... p99", f"{p99:.2f} ms", f"<= {TELLING_BAR:.0f} ms", p99 <= TELLING_BAR),
        Row("... of which the exchange itself works, all reports to all subscribers", f"{work:.2f} ms"),
        _count("... fills told", len(delays), told),
    ]


def _count(what: str, counted: int, expected: int) -> Row:
    return Row(what, str(counted), str(expected), counted == expected, is_correctness=True)


@contextlib.contextmanager
def apart(pid: int) -> Generator[None, None, None]:
    """Give the process *pid* one core and this one the others, where there is more than one."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(pid, {cores[0]})
        os.sched_setaffinity(0, set(cores[1:]))
    try:
        yield
    finally:
        os.sched_setaffinity(0, set(cores))


def _megabytes(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss / 1e6)


def _worked(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


class Caller(asyncio.Protocol):
    """Sends one prepared request after the other, each once the one before has been answered."""

    def __init__(self, requests: list[bytes]) -> None:
        self._requests = iter(requests)
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def begin(self) -> None:
        self.data_received(b"}")

    def data_received(self, data: bytes) -> None:
        if not data.endswith(b"}"):
            return
        request = next(self._requests, None)
        if request is not None:
            self._transport.write(request)
        elif not self.done.done():
            self.done.set_result(None)
            self._transport.close()


def _requests(account: Account, host: str, path: str, calls: int) -> list[bytes]:
    return [_request(account, host, path, number) for number in range(1, calls + 1)]


def _request(account: Account, host: str, path: str, nonce: int) -> bytes:
    body = f"nonce={nonce}".encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"API-Key: {account.key}\r\nAPI-Sign: {sign(path, str(nonce), body, account.secret)}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _call_all(running: Exchange) -> float:
    """Return how many calls a second are answered, all callers together."""
    address = urlsplit(running.url)
    loop, path = asyncio.get_running_loop(), "/0/private/Balance"
    callers = []
    for account in running.accounts:
        requests = _requests(account, address.netloc, path, CALLS)
        _, caller = await loop.create_connection(lambda rows=requests: Caller(rows), address.hostname, address.port)
        callers.append(caller)
    began = time.perf_counter()
    for caller in callers:
        caller.begin()
    await asyncio.gather(*(caller.done for caller in callers))
    return CALLERS * CALLS / (time.perf_counter() - began)


class Listener(asyncio.Protocol):
    """A WebSocket connection that notes when a fill comes.

    Parameters:
        began: when each order was sent; delays: where to note how long its fill took, in ms.
        deflate: whether to offer permessage-deflate, after which this listener can't read what comes.
    """

    def __init__(self, host: str, began: list[float], delays: list[float], *, deflate: bool) -> None:
        self._host, self._began, self._delays = host, began, delays
        self._offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" if deflate else ""
        self._seen = 0
        self._key = base64.b64encode(os.urandom(16)).decode()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        transport.write(
            f"GET /v2 HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{self._offer}"
            f"Sec-WebSocket-Key: {self._key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def send(self, document: dict[str, object]) -> None:
        """Send one text frame; the mask is all zeros, which leaves the text as it is."""
        text = json.dumps(document).encode()
        size = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2, "big")
        self._transport.write(b"\x81" + size + bytes(4) + text)

    def data_received(self, data: bytes) -> None:
        for _ in range(data.count(b'"exec_type":"trade"')):
            self._delays.append((time.perf_counter() - self._began[self._seen]) * 1000)
            self._seen += 1


async def _tell(running: Exchange) -> tuple[list[float], float, float]:
    """Return how long after an order was sent each subscriber had its fill, the exchange's work per order, its memory.

    The first two in ms, the last in MB. The work is processor time, which other programs on the machine don't add to.
    """
    began: list[float] = []
    delays: list[float] = []
    token, listeners = _token(running), await _listeners(running, began, delays)
    for listener in listeners[:SUBSCRIBERS]:
        listener.send({"method": "subscribe", "params": {"channel": "executions", "token": token}})
    await asyncio.sleep(1)
    order = {"order_type": "market", "side": "buy", "order_qty": 0.0001, "symbol": "BTC/USD", "token": token}
    before = _worked(running.pid)
    for _ in range(EXECUTIONS):
        began.append(time.perf_counter())
        listeners[0].send({"method": "add_order", "params": order})
        await asyncio.sleep(0.04)
    work = (_worked(running.pid) - before) * 1000 / EXECUTIONS
    for listener in listeners[SUBSCRIBERS:]:
        listener.send({"method": "subscribe", "params": {"channel": "ticker", "symbol": ["BTC/USD"]}})
    await asyncio.sleep(3)
    return delays, work, _megabytes(running.pid)


async def _listeners(running: Exchange, began: list[float], delays: list[float]) -> list[Listener]:
    address, loop = urlsplit(running.url), asyncio.get_running_loop()
    listeners = [
        Listener(address.netloc, began, delays, deflate=number >= SUBSCRIBERS) for number in range(CONNECTIONS)
    ]
    for listener in listeners:
        await loop.create_connection(lambda one=listener: one, address.hostname, address.port)
    await asyncio.sleep(1)
    return listeners


def _token(running: Exchange) -> str:
    path, address = "/0/private/GetWebSocketsToken", urlsplit(running.url)
    head, _, body = _request(running.accounts[0], address.netloc, path, 1).partition(b"\r\n\r\n")
    lines = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
    request = urllib.request.Request(running.url + path, body, dict(lines))
    with urllib.request.urlopen(request) as reply:
        return str(json.load(reply)["result"]["token"])
