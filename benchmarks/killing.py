"""From the kill switch to the last order that leaves: a hundred users, and fills that never stop arriving.

The request comes from a process of its own, over the socket file, as that of ``krakenonce kill``; an order has left
when it was handed to its WebSocket, or to a connection for REST.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.copying import NS_PER_MS, ORDER, QUIET, USERS, copies_of, percentile
from benchmarks.copying_stage import Company, on_stage
from benchmarks.exchange import Exchange, exchange
from benchmarks.table import Row
from krakenonce.copytrader.service.control import ControlServer
from krakenonce.kraken.replies import Accepted

ROUNDS = 20
MOST_MS = 100
BUSY_S, TRAVEL_S, AFTERWARDS_S = 0.5, 1.0, 1.0
ASKING = """
import asyncio, sys, time
from pathlib import Path
from krakenonce.copytrader.service.control import ask
began_ns = time.time_ns()
answer = asyncio.run(ask(Path(sys.argv[1]), {"do": "kill"}))
print(began_ns, time.time_ns(), answer["ok"])
"""


@dataclass
class Killed:
    """Milliseconds of every round, from the moment at which the kill was asked for.

    Attributes:
        heard: until the copier began to do it; last: until the last order left; 0 if none did any more.
        answered: until the answer: written, and every open order cancelled.
        before: how many orders had left in the second before each kill.
        late: how many left after the copier had heard of it; after: how many the exchange took after the answer, with
            time to travel.
    """

    heard: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    before: list[int] = field(default_factory=list)
    late: int = 0
    after: int = 0


def kill_rows() -> list[Row]:
    """Measure the kill switch, again and again."""
    with exchange(USERS + 1, options=QUIET) as running:
        killed = asyncio.run(_measured(running))
    what, worst = f"{USERS} users, fills all the time", max(killed.last)
    still = sum(value > 0 for value in killed.last)
    return [
        Row(f"{what}: orders in the second before a kill, median", f"{sorted(killed.before)[len(killed.before) // 2]}"),
        Row(f"{what}: kill asked for -> last order left, p50", f"{percentile(killed.last, 50):.1f} ms"),
        Row(f"{what}: the same, worst of {ROUNDS}", f"{worst:.1f} ms", f"<= {MOST_MS} ms", worst <= MOST_MS),
        Row(f"{what}: kills after which any order left", f"{still} of {ROUNDS}"),
        Row(f"{what}: kill asked for -> heard by the copier, p50", f"{percentile(killed.heard, 50):.1f} ms"),
        Row(f"{what}: kill asked for -> answered, p50", f"{percentile(killed.answered, 50):.1f} ms"),
        Row(f"{what}: orders after it was heard", f"{killed.late}", "0", not killed.late, is_correctness=True),
        Row(f"{what}: orders after the answer", f"{killed.after}", "0", not killed.after, is_correctness=True),
    ]


async def _measured(running: Exchange) -> Killed:
    killed, heard_ns = Killed(), [0]
    with tempfile.TemporaryDirectory() as folder:
        journal, path = f"sqlite://{Path(folder) / 'copies.db'}", Path(folder) / "kill.sock"
        async with on_stage(running, USERS, journal, websocket=True) as company:

            async def steer(request: Mapping[str, Any]) -> dict[str, Any]:
                heard_ns[:] = [time.time_ns()]
                await company.copier.kill("measured")
                return {}

            async with ControlServer(path, steer):
                trading = asyncio.create_task(_trade_on(company))
                for _ in range(ROUNDS):
                    await _round(running, company, path, heard_ns, killed)
                trading.cancel()
                await asyncio.wait((trading,))
    return killed


async def _trade_on(company: Company) -> None:
    """Have the master trade for ever, each order as soon as the one before is answered."""
    while True:
        outcome = await company.master.call("AddOrder", ORDER)
        assert isinstance(outcome, Accepted), outcome


async def _round(running: Exchange, company: Company, path: Path, heard_ns: list[int], killed: Killed) -> None:
    await asyncio.sleep(BUSY_S)
    company.left_ns.clear()
    command = (sys.executable, "-c", ASKING, str(path))
    asking = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    told, _ = await asking.communicate()
    began_ns, answered_ns = map(int, told.split()[:2])
    await asyncio.sleep(TRAVEL_S)
    copies = await asyncio.to_thread(copies_of, running, USERS)
    await asyncio.sleep(AFTERWARDS_S)
    killed.after += await asyncio.to_thread(copies_of, running, USERS) - copies
    killed.late += sum(moment_ns > heard_ns[0] for moment_ns in company.left_ns)
    killed.heard.append((heard_ns[0] - began_ns) / NS_PER_MS)
    killed.before.append(sum(began_ns - 10**9 < moment_ns <= began_ns for moment_ns in company.left_ns))
    killed.last.append(max(0, max(company.left_ns, default=began_ns) - began_ns) / NS_PER_MS)
    killed.answered.append((answered_ns - began_ns) / NS_PER_MS)
    await company.copier.rearm()
