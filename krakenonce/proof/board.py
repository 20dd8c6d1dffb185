"""A few words of shared memory between the prover and its workers, and the clock they share."""

from __future__ import annotations

import mmap
from pathlib import Path

from krakenonce.clock import NS_PER_MS, SystemClock

FIELDS = 4
_MAX_WORKERS = 1024


class Board:
    """Progress of the workers, and by how much their wall clock is wrong. A word has one writer; all may read.

    Parameters:
        path: a file that both sides name; made if it is missing.
    """

    def __init__(self, path: Path) -> None:
        size = (1 + _MAX_WORKERS * FIELDS) * 8
        if not path.exists():
            path.write_bytes(bytes(size))
        with path.open("r+b") as file:
            self._words = memoryview(mmap.mmap(file.fileno(), size)).cast("q")

    @property
    def clock_error_ns(self) -> int:
        """By how much the workers' wall clock is wrong."""
        return int(self._words[0])

    def set_clock_error(self, ns: int) -> None:
        """Set the workers' wall clock wrong."""
        self._words[0] = ns

    def count_call(self, worker: int) -> None:
        """One more call has its answer. Its worker's lock guards it."""
        self._words[1 + worker * FIELDS] += 1

    def set_refusals(self, worker: int, earlier: int, refusals: int) -> None:
        """So many requests were refused while their sender was alive and waiting for the answer."""
        self._words[2 + worker * FIELDS] = earlier + refusals

    def note_trouble(self, worker: int) -> None:
        """A call ended in an error that nobody planned."""
        self._words[3 + worker * FIELDS] += 1

    def calls(self, worker: int) -> int:
        """Return how many calls worker number *worker* has made, over all its lives."""
        return int(self._words[1 + worker * FIELDS])

    def refusals(self, worker: int) -> int:
        """Return how many live requests were refused."""
        return int(self._words[2 + worker * FIELDS])

    def trouble(self, worker: int) -> int:
        """Return how many calls ended in an error."""
        return int(self._words[3 + worker * FIELDS])


class WrongClock:
    """The system's clocks, but the wall clock is as wrong as the board says, and ticks as coarsely as asked.

    Parameters:
        board: where the error stands.
        tick_ms: the length of a tick in milliseconds; 0 for the system's own.
    """

    def __init__(self, board: Board, tick_ms: int) -> None:
        self._board, self._tick = board, max(1, tick_ms * NS_PER_MS)

    def wall_ns(self) -> int:
        now = SystemClock.wall_ns() + self._board.clock_error_ns
        return now - now % self._tick

    def boot_ns(self) -> int:
        return SystemClock.boot_ns()
