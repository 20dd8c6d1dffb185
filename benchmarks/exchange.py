"""The simulated exchange in a process of its own, so that it doesn't share an interpreter with what is measured."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from krakenonce.simulator.network import Network
from krakenonce.simulator.settings import Settings

LATENCY_MS, JITTER_MS = 20.0, 15.0
SEED = 7


@dataclass(frozen=True)
class Account:
    """One account of the exchange."""

    name: str
    key: str
    secret: str


class Exchange:
    """The running exchange, seen from outside."""

    def __init__(self, url: str, accounts: list[Account], pid: int = 0) -> None:
        self.url, self.accounts, self.pid = url, accounts, pid

    def figures(self, name: str) -> dict[str, Any]:
        """Return what the exchange counted for the account called *name*."""
        with urllib.request.urlopen(f"{self.url}/_control/stats") as reply:
            rows: dict[str, dict[str, Any]] = json.load(reply)["keys"]
        return rows[name]

    def travel_seconds(self, name: str, calls: int, after: int = 0) -> float:
        """Return how long the network held *calls* requests of one account, after the first *after* of them.

        The exchange draws its delays from its seed, per account: drawing them again shows what strict order costs
        before any client or server has done anything.
        """
        network = Network(Settings(latency_ms=LATENCY_MS, jitter_ms=JITTER_MS, seed=SEED))
        return sum([network.delay_s(name) for _ in range(after + calls)][after:])


@contextlib.contextmanager
def exchange(
    accounts: int, latency_ms: float = LATENCY_MS, jitter_ms: float = JITTER_MS, options: Sequence[str] = ()
) -> Generator[Exchange, None, None]:
    """Run an exchange with *accounts* accounts, a network of 20 ms ± 15 or another, and no rate limits.

    *options* are further ones of ``krakenonce sim``.
    """
    network = ["--accounts", str(accounts), "--latency-ms", str(latency_ms), "--jitter-ms", str(jitter_ms)]
    command = [sys.executable, "-m", "krakenonce", "sim", "--port", "0", "--tier", "none", "--seed", str(SEED)]
    process = subprocess.Popen([*command, *network, *options, "--json"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        yield Exchange(told["url"], [Account(**row) for row in told["accounts"]], process.pid)
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
