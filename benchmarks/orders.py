"""What exactly-once adds to an order: the journal, the desk around it, and the model of the rate limits."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from statistics import median

from benchmarks.table import Row
from krakenonce.client import KrakenClient
from krakenonce.clock import NS_PER_SECOND, ManualClock
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.kraken.replies import Accepted, Outcome
from krakenonce.lanes import LaneRegistry
from krakenonce.orders import Journal, Order, OrderDesk, open_journal
from krakenonce.orders.requests import placing
from krakenonce.orders.sqlite import SqliteEngine
from krakenonce.orders.tables import Change
from krakenonce.rates import Limits

ORDERS, CROWD, BAR_US, BLOCK = 1500, 100, 150.0, 4096


class NoRates:
    """No model of any limit: what the client costs without it."""

    async def enter(self, *_: object) -> NoRates:
        return self

    def __enter__(self) -> None:
        """Nothing is counted."""

    def __exit__(self, *_: object) -> None:
        """Nothing was counted."""

    def settle(self, *_: object) -> None:
        """Nothing was counted."""

    def count(self, *_: object) -> None:
        """Nothing is counted."""


class InstantWire:
    """A network and an exchange that take no time at all."""

    async def post(self, *_: object) -> Outcome:
        return Accepted({"txid": ["OAAAAA-BBBBB-CCCCCC"]})

    async def close(self) -> None:
        """There is nothing to close."""


def client_of(clock: ManualClock, tier: str, key: str = "key") -> KrakenClient:
    manager = GlobalKrakenNonceManager("memory://", registry=LaneRegistry())
    client = KrakenClient(
        Credentials(key, "aGVsbG8="),
        manager=manager,
        base_url="http://127.0.0.1:1",
        limits=Limits(tier=tier),
        clock=clock,
    )
    client._wire = InstantWire()  # type: ignore[assignment]
    return client


def order(number: int) -> Order:
    return Order("XXBTZUSD", "buy", Decimal("0.01"), "limit", Decimal(50_000), cl_ord_id=f"bench{number}")


async def timed(act: Callable[[int], Awaitable[object]], clock: ManualClock) -> float:
    """Return the median time of one call, in microseconds; between two calls a minute passes for the counters."""
    times = []
    for number in range(ORDERS):
        clock.advance(60 * NS_PER_SECOND)
        begin = time.perf_counter()
        await act(number)
        times.append(time.perf_counter() - begin)
    return median(times[ORDERS // 3 :]) * 1e6


async def bare(*, limited: bool) -> float:
    clock = ManualClock(1_790_000_000 * NS_PER_SECOND)
    async with client_of(clock, "pro") as client:
        if not limited:
            client._rates = NoRates()  # type: ignore[assignment]
        return await timed(lambda number: client.call("AddOrder", placing(order(number)).members), clock)


class OneSync:
    """A journal that leaves its file to the operating system, and syncs one bare block of the disk for each claim.

    The block was written before, so nothing else is synced: no journal that survives a power cut can be cheaper here.
    """

    is_local = True

    def __init__(self, folder: str) -> None:
        self._engine = SqliteEngine(f"{folder}/one-sync.db", survives_power_loss=False)
        self._file = os.open(f"{folder}/block", os.O_RDWR | os.O_CREAT)
        os.write(self._file, bytes(BLOCK))
        os.fsync(self._file)
        self.find, self.open_intents = self._engine.find, self._engine.open_intents

    def write(self, changes: Sequence[Change]) -> list[bool]:
        written = self._engine.write(changes)
        if any(change.claims for change in changes):
            self.sync()
        return written

    def sync(self) -> None:
        os.pwrite(self._file, b"x" * BLOCK, 0)
        os.fdatasync(self._file)

    def close(self) -> None:
        self._engine.close()
        os.close(self._file)


def bare_sync(folder: str) -> float:
    """Return how long nothing but the sync takes, in microseconds."""
    disk, times = OneSync(folder), []
    for _ in range(ORDERS // 3):
        begin = time.perf_counter()
        disk.sync()
        times.append(time.perf_counter() - begin)
    disk.close()
    return median(times) * 1e6


async def journaled(journal: Journal, tier: str) -> float:
    clock = ManualClock(1_790_000_000 * NS_PER_SECOND)
    async with client_of(clock, tier) as client:
        desk = OrderDesk("MASTER", client, journal, clock=clock)
        took = await timed(lambda number: desk.place(order(number)), clock)
    await journal.close()
    return took


async def crowd(url: str) -> float:
    """Return what one order takes, in microseconds, when a hundred accounts place one each at the same time."""
    clock = ManualClock(1_790_000_000 * NS_PER_SECOND)
    journal = open_journal(url)
    clients = [client_of(clock, "pro", f"key {number}") for number in range(CROWD)]
    desks = [OrderDesk(f"USER:{number}", client, journal, clock=clock) for number, client in enumerate(clients)]
    times = []
    for number in range(30):
        clock.advance(60 * NS_PER_SECOND)
        begin = time.perf_counter()
        await asyncio.gather(*(desk.place(order(number)) for desk in desks))
        times.append((time.perf_counter() - begin) / CROWD)
    for client in clients:
        await client.close()
    await journal.close()
    return median(times[10:]) * 1e6


async def _measure(folder: str) -> list[Row]:
    urls = {level: f"sqlite://{folder}/{level}.db?durability={level}" for level in ("crash", "power")}
    plain, limited = await bare(limited=False), await bare(limited=True)
    rows = [
        Row("one order of the bare client", f"{plain:.0f} us"),
        Row("  + the model of the rate limits", f"+{limited - plain:.0f} us"),
    ]
    for what, journal in (
        ("a journal in memory", open_journal("memory://")),
        ("a journal that survives kill -9", open_journal(urls["crash"])),
        ("a journal that survives a power cut", open_journal(urls["power"])),
    ):
        added = await journaled(journal, "pro") - plain
        rows.append(Row(f"  + desk, and {what}", f"+{added:.0f} us", f"<= {BAR_US:.0f} us", added <= BAR_US))
    floor = await journaled(Journal(OneSync(folder)), "pro") - plain
    rows.append(Row("    the same with one bare sync of the disk in its place", f"+{floor:.0f} us"))
    rows.append(Row("    the bare sync alone, in a loop", f"{bare_sync(folder):.0f} us"))
    for level, url in urls.items():
        each = await crowd(url.replace(".db", "-crowd.db"))
        rows.append(
            Row(
                f"each of {CROWD} orders at once, {level}",
                f"{each:.0f} us",
                f"+<= {BAR_US:.0f} us",
                each - plain <= BAR_US,
            )
        )
    return rows


def exactly_once_rows() -> list[Row]:
    """Return what exactly-once adds to an order, without network. The disk is the one of the temporary directory."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(folder))
