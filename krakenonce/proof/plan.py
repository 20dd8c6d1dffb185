"""What is to be proved: the command line, read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from krakenonce.errors import ConfigError

MUTANTS = ("lock", "floor", "order", "fsync")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run. Immutable; passed to the workers as JSON.

    Attributes:
        calls, keys: how many private calls, on how many API keys.
        processes, threads, tasks: who makes them: threads and asyncio tasks per process.
        store: the URL of the store that they share.
        delay_ms: shortest and longest way to the exchange, in milliseconds.
        kill, pause, clock_steps: how often a process is killed (-9), stopped for a moment, the wall clock set wrong.
        power_cuts: how many disks are started again after a simulated power cut; 0 leaves it out.
        coarse_ms: the clock's tick in milliseconds; 0 for the system's own.
        seed: decides keys, delays, and the moments of faults.
        mutant: what is broken on purpose, or None.
    """

    calls: int = 2_000
    keys: int = 4
    processes: int = 4
    threads: int = 2
    tasks: int = 2
    store: str = ""
    delay_ms: tuple[float, float] = (0.0, 3.0)
    kill: int = 0
    pause: int = 0
    clock_steps: int = 0
    power_cuts: int = 2_000
    coarse_ms: int = 0
    seed: int = 1
    mutant: str | None = None

    def __post_init__(self) -> None:
        for name in ("calls", "keys", "processes"):
            if getattr(self, name) < 1:
                raise ConfigError(f"--{name}", f"{getattr(self, name)}", "Give 1 or more.")
        if self.threads + self.tasks < 1:
            raise ConfigError("--threads", "neither threads nor tasks", "Give at least one of them.")
        if not 0 <= self.delay_ms[0] <= self.delay_ms[1]:
            raise ConfigError("--delay-ms", f"{self.delay_ms}", "Give shortest-longest, such as 0-3.")

    @property
    def callers(self) -> int:
        """How many callers one process has."""
        return self.threads + self.tasks

    def quota(self, worker: int) -> int:
        """Return how many calls worker number *worker* has to make."""
        share, rest = divmod(self.calls, self.processes)
        return share + (worker < rest)

    def as_json(self) -> str:
        """Return the plan for a worker."""
        return json.dumps(asdict(self))


def read_plan(text: str) -> Plan:
    """Return the plan that `Plan.as_json` wrote."""
    fields = json.loads(text)
    return Plan(**{**fields, "delay_ms": tuple(fields["delay_ms"])})
