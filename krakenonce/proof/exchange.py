"""The simulated exchange of a proof, as a process of its own, and its log."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.request import urlopen

from krakenonce.errors import StoreUnavailable
from krakenonce.proof.plan import Plan


class Row(NamedTuple):
    """One request, as the exchange judged it, in the order of judgement."""

    key: str
    nonce: int
    verdict: str
    cause: str


class Exchange:
    """A simulator process, with as many accounts as the plan has keys.

    Parameters:
        plan: the run.
        room: where the log is written.
    """

    def __init__(self, plan: Plan, room: Path) -> None:
        shortest, longest = plan.delay_ms
        self._log = room / "requests.jsonl"
        command = [sys.executable, "-m", "krakenonce", "sim", "--json", "--port=0", "--tier=none", "--volatility=0"]
        command += [f"--accounts={plan.keys}", f"--seed={plan.seed}", f"--log-file={self._log}"]
        command += [f"--latency-ms={(shortest + longest) / 2}", f"--jitter-ms={(longest - shortest) / 2}"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        hello = self._process.stdout.readline() if self._process.stdout else ""
        if not hello:
            raise StoreUnavailable("the simulated exchange did not start; try `krakenonce sim` to see why")
        self.description: dict[str, Any] = json.loads(hello)
        lines = [self.description["url"], *(f"{row['key']} {row['secret']}" for row in self.description["accounts"])]
        (room / "exchange").write_text("\n".join(lines))

    def most_in_flight(self) -> int:
        """Return how many requests of one key were under way at the same time, at most."""
        with urlopen(f"{self.description['url']}/_control/stats") as answer:  # noqa: S310 - http to this machine
            stats = json.load(answer)
        return max((key["most_in_flight"] for key in stats["keys"].values()), default=0)

    def rows(self) -> Iterator[Row]:
        """Return every private request of the run. Only after `stop`: the log is complete then."""
        with self._log.open(encoding="utf-8") as file:
            for line in file:
                entry = json.loads(line)
                if entry["key"]:
                    yield Row(entry["key"], int(entry["nonce"]), entry["verdict"], entry["cause"])

    def stop(self) -> None:
        """End the exchange; its log is then on the disk. May be called twice."""
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.stop()
