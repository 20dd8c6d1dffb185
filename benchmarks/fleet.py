"""Three hosts of four processes on one exchange, through each engine: refused calls, and what of 1/RTT is reached.

Run: python -m benchmarks.fleet [calls on one key] [calls on many keys] [how many keys]
The long run of the documentation: python -m benchmarks.fleet 0 1000000 100
"""

from __future__ import annotations

import sys
import time
from typing import Any

from benchmarks.engines import begin
from krakenonce.simulator import serve_in_thread
from tests.engines.fleet import PATIENCE_S, PATIENT, Member
from tests.engines.servers import PostgresServer, RedisServer

LATENCY_MS, JITTER_MS = 20, 15
PROCESSES, TASKS = 12, 4


def run(server: Any, accounts: int, calls: int, processes: int) -> str:
    """Make *calls* from *processes*; return how it went. Timed from when all are up to the last call."""
    with serve_in_thread(accounts=accounts, seed=1, latency_ms=LATENCY_MS, jitter_ms=JITTER_MS) as sim:
        keys = [[account.key, account.secret] for account in sim.accounts]
        members = [
            Member(
                server, sim.url, keys, (0, 3600, -3600)[place % 3], PATIENT,
                calls=calls // processes, tasks=TASKS, timeout=PATIENCE_S,
            )
            for place in range(processes)
        ]  # fmt: skip
        before, began = sim.stats()["requests"], time.perf_counter()
        while sim.stats()["requests"] < calls // processes * processes and any(
            m.process.poll() is None for m in members
        ):
            time.sleep(0.01)
        seconds, made = time.perf_counter() - began, sim.stats()["requests"] - before
        totals = sim.stats()["totals"]
        tallies = [member.stop() for member in members]
    accepted = sum(tally["accepted"] for tally in tallies)
    return f"{accepted:,} accepted, {totals['invalid_nonces']} refused for their nonce, {made / seconds:,.1f}/s"


def main(on_one: int = 2_000, on_many: int = 10_000, keys: int = 100) -> None:
    """Print one line for each run; the first of each engine is one process alone, whose rate is 1/RTT."""
    for server in (RedisServer(), PostgresServer()):
        name = server.url.partition(":")[0]
        try:
            begin(server)
            if on_one:
                print(f"{name:<11} one key, one process       {run(server, 1, on_one // 10, 1)}", flush=True)
                print(f"{name:<11} one key, 3 x 4 processes   {run(server, 1, on_one, PROCESSES)}", flush=True)
            if on_many:
                print(f"{name:<11} {keys} keys, 3 x 4 processes  {run(server, keys, on_many, PROCESSES)}", flush=True)
        finally:
            server.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
