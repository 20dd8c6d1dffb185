"""Which numbers may be used: what is below a mark that the disk already knows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from krakenonce.clock import NS_PER_MS, NS_PER_SECOND
from krakenonce.errors import NonceOutOfRange
from krakenonce.nonce import MAX_NONCE
from krakenonce.stores.file.filesystem import plain_errors
from krakenonce.stores.file.hostclock import HostClock
from krakenonce.stores.file.image import Image
from krakenonce.stores.file.layout import (
    KEY_READY,
    LAST,
    PAGE,
    READY,
    SLOT_WORDS,
    SYNCED_AT,
    SYNCS,
    WORD,
    Mark,
    read_mark,
    write_key_mark,
    write_mark,
)
from krakenonce.stores.file.locks import SYNC, HostLocks

WINDOW = 6 * NS_PER_SECOND
"""How far ahead of use the mark is written. It is moved when half of it is used: one sync in 3 s."""

SPAN = 10 * NS_PER_MS
"""How many numbers a grant has at first. A holder that is killed costs its successor no more than these."""

MARGIN = NS_PER_MS
"""The least a grant must have."""


class Ledger:
    """High-water marks of a host: one for all keys, because nonces are times; its own for a key ahead of the clock.

    Attributes:
        used: True if a number was used since somebody last set it to False.
        awaken: called after every sync that a caller had to wait for; the next one should be made ahead of need.

    Invariants:
      1. A number is used only if it is below READY (or its key's KEY_READY).
      2. READY is raised only after a mark at least as high was synced.
      3. LAST is raised over a number before the number is used; it is in memory that outlives every process.

    So after a crash of a process LAST is exact, and after a loss of power the mark is above everything used.
    """

    def __init__(self, image: Image, locks: HostLocks, clock: HostClock, directory: Path) -> None:
        self.image, self._locks, self.clock, self._directory = image, locks, clock, directory
        # An RLock, because a signal handler may ask for a number while this thread is inside.
        self._mutex = threading.RLock()
        self.used = False  # since the scribe looked last
        self.awaken: Callable[[], None] = lambda: None

    def stamp(self, slot: int, floor: int) -> tuple[int, int] | None:
        """Return ``[low, high)`` for the next grant of the key in *slot*, or None if a mark must be synced first.

        For the holder of the key only.
        """
        words = self.image.words
        low = max(words[slot + LAST] + 1, floor)
        start = max(low, self.clock.now())
        if start > MAX_NONCE:
            raise NonceOutOfRange("the next nonce of this key would exceed 2**63 - 1; make a new API key")
        high = min(start + SPAN, max(words[READY], words[slot + KEY_READY]), MAX_NONCE + 1)
        if high - start < MARGIN and high <= MAX_NONCE:
            return None
        words[slot + LAST] = high - 1
        self.used = True
        return low, high

    def cover(self, slot: int, floor: int) -> None:
        """Sync a mark that lets `stamp` succeed. Blocks for one sync of the disk.

        Raises:
            StoreUnavailable: the disk does not take it.
        """
        with self._mutex, plain_errors(self._directory):
            now = self.clock.now()
            start = max(self.image.words[slot + LAST] + 1, floor, now)
            if start <= now + WINDOW:
                self._cover_all(start)
            else:
                self._cover_key(slot, start)
        self.awaken()

    def cover_now(self, start: int) -> None:
        """Sync a mark above *start* for all keys, if nobody has yet."""
        with self._mutex, plain_errors(self._directory):
            self._cover_all(start)
        self.awaken()

    def is_half_used(self) -> bool:
        """True if the mark should be moved now."""
        return self.image.words[READY] - self.clock.now() <= WINDOW // 2

    def extend(self) -> None:
        """Move the mark if half of it is used and nobody else has moved it."""
        with self._mutex, plain_errors(self._directory):
            if self.is_half_used():
                self._cover_all(self.clock.now(), WINDOW // 2)

    def _cover_all(self, start: int, needed: int = 2 * MARGIN) -> None:
        self._locks.lock(SYNC)
        try:
            if self.image.words[READY] < start + needed:
                self._write(start + WINDOW, clean=0)
        finally:
            self._locks.unlock(SYNC)

    def _write(self, high: int, clean: int) -> None:
        words = self.image.words
        mark = self._write_next(high, clean)
        while (read_mark(words) or mark) < mark or read_mark(words) is None:
            mark = self._write_next(high, clean)  # a signal handler wrote one in the middle of ours
        self.image.sync(0, PAGE // WORD)
        self.image.attest(mark.sequence)
        words[READY] = mark.high
        words[SYNCS] += 1
        words[SYNCED_AT] = self.clock.boot()

    def _write_next(self, high: int, clean: int) -> Mark:
        former = read_mark(self.image.words) or Mark(0, 0, 0, (0, 0))
        high = max(min(high, MAX_NONCE + 1), former.high)
        mark = Mark(former.sequence + 1, high, clean, former.boot)
        write_mark(self.image.words, mark)
        return mark

    def _cover_key(self, slot: int, start: int) -> None:
        words = self.image.words
        high = min(start + WINDOW, MAX_NONCE + 1)
        write_key_mark(words, slot, high)
        self.image.sync(slot, SLOT_WORDS)
        words[slot + KEY_READY] = high
        words[SYNCS] += 1

    def finish(self) -> None:
        """Write that every LAST is exact and on the disk: the last process of the host leaves in order."""
        with self._mutex, plain_errors(self._directory):
            self.image.sync(0, len(self.image.words))
            self._write(0, clean=1)
            self.image.words[READY] = 0  # whoever comes next must take the cleanness back first
