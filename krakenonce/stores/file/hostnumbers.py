"""Numbers for no key in particular: unique and rising across all processes of a host."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path

from krakenonce.errors import NonceOutOfRange
from krakenonce.nonce import MAX_NONCE, ClockStatus
from krakenonce.stores.file.filesystem import plain_errors
from krakenonce.stores.file.layout import NUMBER, READY
from krakenonce.stores.file.ledger import MARGIN, Ledger
from krakenonce.stores.file.locks import NUMBERS, HostLocks


class LaneNumbers:
    """Numbers for use inside a grant, which makes them unique for its key: what the host's clock shows."""

    def __init__(self, host: HostNumbers) -> None:
        self._host = host

    def next(self) -> int:
        """Return a number that does not lag behind the clock."""
        number = self._host.ledger.clock.now()
        self._host.count_for_lane(number)
        return number

    def check_process(self) -> None:
        """A forked child is one more process that shares the store."""


class HostNumbers:
    """The numbers of a host. Safe across processes, threads, signal handlers and finalizers.

    What one process was given before another asked is always lower.

    Parameters:
        ledger, locks: of the store; `attach` brings others after a fork, or when the files were replaced.
        directory: where the store lies, for messages.
        look: called first; attaches others if need be, and raises `StoreUnavailable` if the store is closed.
    """

    def __init__(self, ledger: Ledger, locks: HostLocks, directory: Path, look: Callable[[], None]) -> None:
        self._directory, self._look = directory, look
        self.attach(ledger, locks)
        self._counter = itertools.count(1)
        self._issued = self._last = 0
        self.began = (ledger.clock.wall(), ledger.clock.boot())
        self.for_lanes = LaneNumbers(self)

    def attach(self, ledger: Ledger, locks: HostLocks) -> None:
        """Go on with these. In a forked child another thread of the parent may have been inside: so begin outside."""
        self.ledger, self._locks = ledger, locks
        # An RLock, as in the source of a process: a signal handler may ask while this thread is inside.
        self._mutex = threading.RLock()
        self._depth = 0

    def next(self) -> int:
        """Return the next number: an int of 19 digits, above every one returned before on this host.

        Raises:
            NonceOutOfRange: no number is left below 2**63.
            StoreUnavailable: the disk does not take the mark that would have to be above the number.
        """
        self._look()
        with self._mutex, plain_errors(self._directory):
            self._enter()
            try:
                number = self._issue()
            finally:
                self._leave()
        self._issued, self._last = next(self._counter), number
        return number

    def _issue(self) -> int:
        now = self.ledger.clock.now()
        words = self.ledger.image.words
        start = max(now, words[NUMBER] + 1)
        if start > MAX_NONCE:
            raise NonceOutOfRange("the next nonce would exceed 2**63 - 1; make a new API key")
        if start + MARGIN > words[READY]:
            self.ledger.cover_now(start + MARGIN)
        self.ledger.used = True
        # No call between reading and storing the word: the interpreter can't run a signal handler in between.
        number = words[NUMBER] + 1
        if number < now:
            number = now
        words[NUMBER] = number
        return number

    def _enter(self) -> None:
        # Counted first, and locked at every depth: a signal handler that comes in between then neither issues without
        # the lock nor gives it back under the feet of what it interrupted.
        self._depth += 1
        self._locks.lock(NUMBERS)

    def _leave(self) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._locks.unlock(NUMBERS)

    def count_for_lane(self, number: int) -> None:
        """Count a number that a lane was given."""
        self._issued, self._last = next(self._counter), max(self._last, number)

    def check_process(self) -> None:
        """A forked child is one more process that shares the store: nothing to check."""

    def peek(self) -> tuple[int, int]:
        """Return the last number this process issued, 0 before the first, and how many it issued."""
        return self._last, self._issued

    def clock_status(self) -> ClockStatus:
        """Return what the host thinks of its wall clock now."""
        return self.ledger.clock.status(self._last)

    def confirm_clock(self) -> None:
        """Follow the wall clock as it stands, on the whole host: the operator says it is right. Irreversible."""
        self.ledger.clock.confirm()
