"""One proof from beginning to end: exchange, workers, troubles, judgement."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from krakenonce.clock import SystemClock
from krakenonce.proof.board import Board
from krakenonce.proof.exchange import Exchange
from krakenonce.proof.mutants import LateLedger
from krakenonce.proof.plan import Plan
from krakenonce.proof.powercut import simulate
from krakenonce.proof.troubles import Troubles, Worker
from krakenonce.proof.verdict import Check, Tally, Witness, count, judge
from krakenonce.stores.file.ledger import Ledger

Progress = Callable[[int, Troubles], None]

GLANCE = 0.01
"""Seconds between two looks at the workers."""

STUCK_AFTER = 120.0
"""Seconds without a single call after which the workers are given up."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a proof has shown.

    Attributes:
        checks: every invariant.
        tally: the exchange's log, counted; None if only power cuts were simulated.
        seconds: how long the calls took.
    """

    checks: list[Check]
    tally: Tally | None = None
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        """True if every invariant holds."""
        return all(check.holds for check in self.checks)


def prove(plan: Plan, progress: Progress) -> Proof:
    """Run *plan* and judge it."""
    if plan.mutant == "fsync":
        return Proof(prove_power_cuts(plan))
    with tempfile.TemporaryDirectory(prefix="krakenonce-prove-") as name, ExitStack() as stack:
        room = Path(name)
        run = Course(replace(plan, store=plan.store or f"file://{room}/store"), room, progress)
        proof = run.run(stack.enter_context(Exchange(plan, room)))
    return replace(proof, checks=[*proof.checks, *prove_power_cuts(plan)])


def prove_power_cuts(plan: Plan) -> list[Check]:
    """Simulate power cuts on the file store's bookkeeping, if the plan's store is one."""
    if not plan.power_cuts or not (plan.store.startswith("file:") or not plan.store):
        return []
    ledger = LateLedger if plan.mutant == "fsync" else Ledger
    cuts = simulate(plan.seed, states=plan.power_cuts, ledger_class=ledger)
    found = f"{len(cuts.violations):,} of {cuts.states:,} disks after {cuts.cuts:,} cuts"
    return [Check("after a power cut every number is above all used", found, not cuts.violations)]


class Course:
    """The workers of one proof."""

    def __init__(self, plan: Plan, room: Path, progress: Progress) -> None:
        self._plan, self._room, self._progress = plan, room, progress
        self._board = Board(room / "board")
        self._troubles = Troubles(plan, self._board)
        (room / "plan").write_text(plan.as_json())

    def run(self, exchange: Exchange) -> Proof:
        """Let the workers make their calls, and judge."""
        began = SystemClock.boot_ns()
        workers = [self._start(number) for number in range(self._plan.processes)]
        try:
            self._watch(workers)
        finally:
            self._troubles.end()
            for worker in workers:
                worker.kill()
                worker.wait()
        seconds = (SystemClock.boot_ns() - began) / 1e9
        most = exchange.most_in_flight()
        exchange.stop()
        tally = count(exchange.rows())
        return Proof(judge(tally, self._witness(most)), tally, seconds)

    def _start(self, number: int) -> Worker:
        command = [sys.executable, "-m", "krakenonce.proof.worker", str(self._room / "plan"), str(number)]
        return subprocess.Popen(command)

    def _watch(self, workers: list[Worker]) -> None:
        pause = threading.Event()
        calls, changed = 0, SystemClock.boot_ns()
        while any(worker.poll() is None for worker in workers):
            pause.wait(GLANCE)
            former, calls = calls, self._calls()
            if calls != former:
                changed = SystemClock.boot_ns()
            if (SystemClock.boot_ns() - changed) / 1e9 > STUCK_AFTER:
                return
            self._troubles.cause(calls, workers)
            self._progress(calls, self._troubles)
            for number, worker in enumerate(workers):
                if worker.poll() is not None and self._board.calls(number) < self._plan.quota(number):
                    if worker.returncode != -9:
                        return  # it did not die of us: the check of the number of calls will tell
                    workers[number] = self._start(number)

    def _calls(self) -> int:
        return sum(self._board.calls(number) for number in range(self._plan.processes))

    def _witness(self, most_in_flight: int) -> Witness:
        numbers = range(self._plan.processes)
        return Witness(
            self._plan.calls,
            self._calls(),
            self._troubles.kills,
            self._plan.callers,
            sum(self._board.refusals(number) for number in numbers),
            sum(self._board.trouble(number) for number in numbers),
            most_in_flight,
            SystemClock.wall_ns(),
        )
