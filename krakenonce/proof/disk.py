"""A state file in memory, and one that remembers what a disk may hold after a power cut."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator

from krakenonce.stores.file.layout import HEADER_WORDS, Words

PAGE_WORDS = HEADER_WORDS
INODE = 7

Page = tuple[int, ...]


class FreeLocks:
    """Locks for somebody who is alone."""

    def try_lock(self, start: int, length: int = 1) -> bool:
        return True

    try_share = try_lock

    def lock(self, start: int, length: int = 1) -> None:
        """Nobody is in the way."""

    share = unlock = lock

    def is_orphan(self) -> bool:
        return False

    def reopen(self) -> None:
        """There is no other process."""

    close = reopen


class MemoryDisk:
    """A state file in memory, of a size that never needs to grow."""

    words: Words

    def __init__(self, words: list[int]) -> None:
        self.words = words

    def sync(self, first: int, count: int) -> None:
        """Memory holds everything at once."""

    def grow(self) -> None:
        raise AssertionError("the simulated disk has room for every key of the simulation")

    def fresh(self) -> bool:
        return False

    def is_orphan(self) -> bool:
        return False

    def inode(self) -> int:
        return INODE

    def attest(self, sequence: int) -> None:
        """A witness may be lost with the power: nothing relies on it."""

    def attested(self) -> int:
        return 0

    def close(self) -> None:
        """Nothing to close."""


class RecordedWords:
    """Words that tell their disk about every write."""

    def __init__(self, words: list[int], written: Callable[[int], None]) -> None:
        self._words, self._written = words, written

    def __getitem__(self, index: int, /) -> int:
        return self._words[index]

    def __setitem__(self, index: int, value: int, /) -> None:
        self._words[index] = value
        self._written(index // PAGE_WORDS)

    def __len__(self) -> int:
        return len(self._words)

    def page(self, page: int) -> Page:
        """Return a copy of one page."""
        return tuple(self._words[page * PAGE_WORDS : (page + 1) * PAGE_WORDS])


class RecordedDisk(MemoryDisk):
    """A state file in memory that remembers which versions of each page the disk may hold.

    Attributes:
        before_sync: called when a sync begins.
    """

    words: RecordedWords

    def __init__(self, words: list[int]) -> None:
        self.words = RecordedWords(words, self._written)
        self.versions = [[self.words.page(page)] for page in range(len(words) // PAGE_WORDS)]
        self.before_sync: Callable[[], None] = lambda: None

    def _written(self, page: int) -> None:
        self.versions[page].append(self.words.page(page))

    def sync(self, first: int, count: int) -> None:
        """From now on the disk holds these pages as they are."""
        self.before_sync()
        for page in range(first // PAGE_WORDS, -(-(first + count) // PAGE_WORDS)):
            self.versions[page] = [self.words.page(page)]

    def combinations(self) -> int:
        """Return how many different disks there may be now."""
        return math.prod(len(set(versions)) for versions in self.versions)

    def states(self, most: int, dice: random.Random) -> Iterator[list[int]]:
        """Return what the disk may hold now: every combination, or a drawn lot of *most* if there are more."""
        choices = [list(dict.fromkeys(versions)) for versions in self.versions]
        if math.prod(map(len, choices)) <= most:
            chosen: Iterator[tuple[Page, ...]] = itertools.product(*choices)
        else:
            chosen = (tuple(map(dice.choice, choices)) for _ in range(most))
        for pages in chosen:
            yield list(itertools.chain.from_iterable(pages))
