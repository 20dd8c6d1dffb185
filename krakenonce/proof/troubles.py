"""What is done to the workers while they work: kills, pauses, clock steps. All at moments that the seed decides."""

from __future__ import annotations

import random
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field

from krakenonce.clock import NS_PER_MS, NS_PER_SECOND, SystemClock
from krakenonce.proof.board import Board
from krakenonce.proof.plan import Plan

Worker = subprocess.Popen[bytes]


@dataclass
class Troubles:
    """Faults that are still to come, by the number of calls at which they come."""

    plan: Plan
    board: Board
    kills: int = 0
    pauses: int = 0
    steps: int = 0
    _agenda: list[tuple[int, str]] = field(default_factory=list)
    _stopped: list[tuple[int, Worker]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.plan.seed)
        wanted = {"kill": self.plan.kill, "pause": self.plan.pause, "step": self.plan.clock_steps}
        # Not in the last tenth: what is hit there might have ended already.
        last = max(1, self.plan.calls * 9 // 10)
        self._agenda = sorted(
            (self._dice.randrange(last), kind) for kind, count in wanted.items() for _ in range(count)
        )

    def cause(self, calls: int, workers: list[Worker]) -> None:
        """Do what is due when *calls* calls have been made."""
        self._continue_stopped()
        while self._agenda and self._agenda[0][0] <= calls:
            _, kind = self._agenda.pop(0)
            acts: dict[str, Callable[[list[Worker]], None]] = {"kill": self._kill, "pause": self._pause}
            acts.get(kind, self._step)(workers)

    def end(self) -> None:
        """Let every stopped process go on."""
        for _, worker in self._stopped:
            worker.send_signal(signal.SIGCONT)
        self._stopped.clear()

    def _kill(self, workers: list[Worker]) -> None:
        victim = self._dice.choice(workers)
        if victim.poll() is None:
            victim.kill()
            victim.wait()
            self.kills += 1

    def _pause(self, workers: list[Worker]) -> None:
        victim = self._dice.choice(workers)
        if victim.poll() is None:
            victim.send_signal(signal.SIGSTOP)
            until = SystemClock.boot_ns() + self._dice.randrange(50, 1000) * NS_PER_MS
            self._stopped.append((until, victim))
            self.pauses += 1

    def _step(self, workers: list[Worker]) -> None:
        hour = 3600 * NS_PER_SECOND
        self.board.set_clock_error(self._dice.choice((0, self._dice.randrange(-hour, hour))))
        self.steps += 1

    def _continue_stopped(self) -> None:
        now = SystemClock.boot_ns()
        for until, worker in self._stopped:
            if until <= now:
                worker.send_signal(signal.SIGCONT)
        self._stopped = [(until, worker) for until, worker in self._stopped if until > now]
