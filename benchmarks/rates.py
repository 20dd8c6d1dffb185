"""What rate model and journal add to an order: bar 150 us together, without the disk's own sync."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from time import perf_counter_ns

from benchmarks.table import Row
from krakenonce.clock import NS_PER_SECOND, ManualClock
from krakenonce.kraken.replies import Accepted
from krakenonce.lanes import Priority
from krakenonce.orders.intents import Intent, Kind, State
from krakenonce.orders.journal import open_journal
from krakenonce.rates import KeyRates, Limits, NotSent, RateRegistry

ROUNDS = 5
ORDERS = 2_000
BAR_US = 150.0


def rates_rows() -> list[Row]:
    """Measure one order's way through the rate model and the journal, best of a few rounds."""
    order = _best(_order)
    read = _best(_read)
    memory = _best(lambda: _journal("memory://"))
    with tempfile.TemporaryDirectory() as folder:
        relaxed = _best(lambda: _journal(f"sqlite://{Path(folder) / 'relaxed'}?durability=crash"))
        strict = _best(lambda: _journal(f"sqlite://{Path(folder) / 'strict'}"))
    total = order + relaxed
    return [
        Row("rate model, one order", f"{order:.1f} us"),
        Row("rate model, one read", f"{read:.1f} us"),
        Row("journal in memory, claim and settle", f"{memory:.1f} us"),
        Row("journal in a file, claim and settle", f"{relaxed:.1f} us"),
        Row("the same with a sync of this disk", f"{strict:.1f} us"),
        Row("rate model and journal in a file", f"{total:.1f} us", f"<= {BAR_US:.0f} us", total <= BAR_US),
    ]


def _best(measure: Callable[[], Awaitable[float]]) -> float:
    return min(asyncio.run(_awaited(measure)) for _ in range(ROUNDS))


async def _awaited(measure: Callable[[], Awaitable[float]]) -> float:
    return await measure()


def _rates() -> tuple[KeyRates, ManualClock]:
    clock = ManualClock()
    return RateRegistry().rates("key", "https://api.kraken.com", Limits("pro"), clock), clock


async def _order() -> float:
    rates, clock = _rates()
    fields = {"pair": "XXBTZUSD", "type": "buy", "ordertype": "market", "volume": Decimal("0.01"), "deadline": "x"}
    spent = 0
    for number in range(ORDERS):
        clock.advance(NS_PER_SECOND)  # nobody has to wait
        name = f"order{number}"
        begin = perf_counter_ns()
        permit = await rates.enter("AddOrder", {**fields, "cl_ord_id": name}, Priority.ENTRY)
        assert not isinstance(permit, NotSent)
        with permit:
            permit.sent()
            permit.settle(Accepted({"txid": [name.upper()], "descr": {}}))
        spent += perf_counter_ns() - begin
    return spent / ORDERS / 1000


async def _read() -> float:
    rates, clock = _rates()
    spent = 0
    for _ in range(ORDERS):
        clock.advance(2 * NS_PER_SECOND)
        begin = perf_counter_ns()
        permit = await rates.enter("Balance", None, Priority.READ)
        assert not isinstance(permit, NotSent)
        with permit:
            permit.sent()
            permit.settle(Accepted({}))
        spent += perf_counter_ns() - begin
    return spent / ORDERS / 1000


async def _journal(url: str) -> float:
    journal = open_journal(url)
    request = '{"ordertype": "market", "pair": "XXBTZUSD", "type": "buy", "volume": "0.01"}'
    names = [f"{perf_counter_ns():x}n{number}" for number in range(ORDERS // 4)]
    begin = perf_counter_ns()
    for name in names:
        intent = Intent("bench:MASTER", name, Kind.PLACE, 1, "holder", "key", request, nonce=1, written_ns=1)
        assert await journal.claim(intent)
        assert await journal.settle(replace(intent, state=State.EXECUTED, txid=name.upper()))
    spent = perf_counter_ns() - begin
    await journal.close()
    return spent / len(names) / 1000
