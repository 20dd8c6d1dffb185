"""What exactly-once adds to an order: the journal, the desk around it, and the model of the rate limits."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from statistics import median

from benchmarks.table import Row
from krakenonce.client import KrakenClient
from krakenonce.clock import NS_PER_SECOND, ManualClock
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.kraken.replies import Accepted, Outcome
from krakenonce.lanes import LaneRegistry
from krakenonce.orders import Order, OrderDesk, open_journal
from krakenonce.orders.requests import placing
from krakenonce.rates import Limits

ORDERS, CROWD, BAR_US = 1500, 100, 150.0


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


async def journaled(url: str, tier: str) -> float:
    clock = ManualClock(1_790_000_000 * NS_PER_SECOND)
    journal = open_journal(url)
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
    memory = await journaled("memory://", "pro")
    rows = [
        Row("one order of the bare client", f"{plain:.0f} us"),
        Row("  + the model of the rate limits", f"+{limited - plain:.0f} us"),
        Row(
            "  + desk, and a journal in memory",
            f"+{memory - plain:.0f} us",
            f"<= {BAR_US:.0f} us",
            memory - plain <= BAR_US,
        ),
    ]
    for level, url in urls.items():
        added = await journaled(url, "pro") - plain
        what = f"  + desk, and a journal that survives {'kill -9' if level == 'crash' else 'a power cut'}"
        rows.append(Row(what, f"+{added:.0f} us", f"<= {BAR_US:.0f} us", added <= BAR_US))
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
