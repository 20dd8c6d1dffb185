"""From the master's fill to the last of a hundred users' orders, beside a sequential copier and one with a global lock.

The exchange runs in a process of its own; feed, engine, journal (on disk) and accounts are the real ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from benchmarks.copying_stage import PAIR, Company, on_stage
from benchmarks.exchange import Exchange, exchange
from benchmarks.table import Row
from krakenonce.client import KrakenClient
from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader.engine.copier import CLOCKS_APART_NS
from krakenonce.kraken.credentials import Credentials
from krakenonce.kraken.replies import Accepted

USERS, MANY = 100, 1000
WARM_UP, ROUNDS, MANY_ROUNDS, REST_ROUNDS, PEER_ROUNDS = 5, 100, 10, 40, 3
QUIET = ("--volatility", "0", "--set", "depth_usd=1000000000", "--set", "ws_message_rate=0")
ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.001"}
NS_PER_MS = 1e6


@dataclass
class Measured:
    """Milliseconds of every round, from the receipt of the fill; *used* is processor time of the loop's thread."""

    handed: list[float] = field(default_factory=list)
    acknowledged: list[float] = field(default_factory=list)
    used: list[float] = field(default_factory=list)
    cpu_ms: float = 0.0
    kilobytes: float = 0.0
    copies: int = 0
    wanted: int = 0


def copy_rows() -> list[Row]:
    """Measure 100 users over WebSocket and REST, the peers, and 1,000 users over WebSocket."""
    with exchange(USERS + 1, options=QUIET) as running:
        streamed = asyncio.run(_copied(running, USERS, ROUNDS, websocket=True))
        rested = asyncio.run(_copied(running, USERS, REST_ROUNDS, websocket=False))
        sequential = asyncio.run(_peer(running, _one_after_the_other))
        locked = asyncio.run(_peer(running, _behind_one_lock))
    with exchange(MANY + 1, options=QUIET) as running:
        many = asyncio.run(_copied(running, MANY, MANY_ROUNDS, websocket=True))
    return [
        *_rows(f"{USERS} users, WebSocket", streamed, handed=(10, 25), acknowledged=80),
        *_rows(f"{USERS} users, REST", rested),
        *_rows(f"{USERS} users, one after the other", sequential),
        *_rows(f"{USERS} users, one global lock", locked),
        *_rows(f"{MANY} users, WebSocket", many, handed=(250, 250)),
    ]


def _rows(
    what: str,
    measured: Measured,
    *,
    handed: tuple[float | None, float | None] = (None, None),
    acknowledged: float | None = None,
) -> list[Row]:
    rows = []
    for name, values, bars in (
        ("fill -> last order handed over", measured.handed, handed),
        ("fill -> last acknowledgement", measured.acknowledged, (None, acknowledged)),
    ):
        for share, bar in zip((50, 99), bars, strict=True):
            value = percentile(values, share)
            text, ok = ("", None) if bar is None else (f"<= {bar:.0f} ms", value <= bar)
            rows.append(Row(f"{what}: {name}, p{share}", f"{value:.1f} ms", text, ok))
    if measured.wanted:
        is_whole = measured.copies == measured.wanted
        rows.append(Row(f"{what}: copies", f"{measured.copies}", f"{measured.wanted}", is_whole, is_correctness=True))
        used = statistics.median(measured.used)
        rows.append(Row(f"{what}: processor time of the loop from fill to last order, median", f"{used:.1f} ms"))
        rows.append(Row(f"{what}: CPU per user and fill", f"{measured.cpu_ms:.2f} ms"))
        rows.append(Row(f"{what}: memory per user", f"{measured.kilobytes:.0f} kB"))
    return rows


def percentile(values: list[float], share: int) -> float:
    """Return what *share* per cent of *values* do not exceed."""
    if len(values) < 2:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1]


async def _copied(running: Exchange, users: int, rounds: int, *, websocket: bool) -> Measured:
    # A first start also copies what was filled a moment before it: that must not be the round before this one.
    await asyncio.sleep(2 * CLOCKS_APART_NS / NS_PER_SECOND)
    measured, before, before_kb = Measured(), copies_of(running, users), _resident_kb()
    with tempfile.TemporaryDirectory() as folder:
        journal = f"sqlite://{Path(folder) / 'copies.db'}"
        async with on_stage(running, users, journal, websocket=websocket) as company:
            measured.kilobytes = (_resident_kb() - before_kb) / users
            for _ in range(WARM_UP):
                await _round(running, company, Measured())
            used_before = _cpu_s()
            for _ in range(rounds):
                await _round(running, company, measured)
            measured.cpu_ms = (_cpu_s() - used_before) / rounds / users * 1000
    measured.copies = copies_of(running, users) - before
    measured.wanted = users * (rounds + WARM_UP)
    return measured


async def _round(running: Exchange, company: Company, measured: Measured) -> None:
    """Have the master trade once, and wait until everybody has copied it."""
    for account in company.accounts:
        account.begin()
    outcome = await company.master.call("AddOrder", ORDER)
    assert isinstance(outcome, Accepted), outcome
    await asyncio.gather(*(account.done.wait() for account in company.accounts))
    received_ns = company.received_ns[-1]
    handed = max(account.handed_ns for account in company.accounts)
    acknowledged = max(account.acknowledged_ns for account in company.accounts)
    measured.handed.append((handed - received_ns) / NS_PER_MS)
    measured.used.append(company.used_s * 1000)
    measured.acknowledged.append((acknowledged - received_ns) / NS_PER_MS)
    await company.copier.idle()


Copy = Callable[[list[KrakenClient], Callable[[], None]], Awaitable[None]]


async def _peer(running: Exchange, copy: Copy) -> Measured:
    """Measure another way to copy, with as many keys, from the moment at which the fill would be known."""
    measured = Measured()
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(KrakenClient(Credentials(one.key, one.secret), base_url=running.url))
            for one in running.accounts[1 : USERS + 1]
        ]
        await asyncio.gather(*(client.call("Balance") for client in clients))  # opens the connections
        for _ in range(PEER_ROUNDS):
            handed: list[int] = []
            began = time.time_ns()
            await copy(clients, lambda: handed.append(time.time_ns()))  # noqa: B023 - called before the next round
            measured.acknowledged.append((time.time_ns() - began) / NS_PER_MS)
            measured.handed.append((handed[-1] - began) / NS_PER_MS)
    return measured


async def _one_after_the_other(clients: list[KrakenClient], note: Callable[[], None]) -> None:
    for client in clients:
        note()
        await client.call("AddOrder", ORDER)


async def _behind_one_lock(clients: list[KrakenClient], note: Callable[[], None]) -> None:
    lock = asyncio.Lock()

    async def place(client: KrakenClient) -> None:
        async with lock:
            note()
            await client.call("AddOrder", ORDER)

    await asyncio.gather(*(place(client) for client in clients))


def copies_of(running: Exchange, users: int) -> int:
    """Return how many copies the users have, by the exchange's own count of what they bought."""
    with urllib.request.urlopen(f"{running.url}/_control/stats") as reply:
        books = json.load(reply)["accounts"]
    names = [account.name for account in running.accounts[1 : users + 1]]
    bought = [Decimal(books[name]["traded"].get(PAIR, {}).get("buy", "0")) for name in names]
    return int(sum(bought) / Decimal(ORDER["volume"]))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _resident_kb() -> float:
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * resource.getpagesize() / 1024
