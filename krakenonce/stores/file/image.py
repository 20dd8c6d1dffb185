"""The state file, mapped into memory: words, growth, and syncs."""

from __future__ import annotations

import mmap
import os
import sys
from pathlib import Path
from typing import Protocol

from krakenonce.stores.file.filesystem import open_private
from krakenonce.stores.file.layout import PAGE, SLOT_WORDS, WORD, Words, capacity
from krakenonce.stores.file.witness import Witness

WITNESS = "witness"
SLOTS_AT_FIRST = 96  # with the header: four pages


class Image(Protocol):
    """The state file. `MappedImage` is the real one; the simulation of power cuts brings its own."""

    @property
    def words(self) -> Words:
        """The file as 64-bit words. Look it up anew after `grow`."""
        ...

    def sync(self, first: int, count: int) -> None:
        """Return when the disk holds *count* words from word *first* on."""
        ...

    def grow(self) -> None:
        """Make room for more slots, and see the room others made."""
        ...

    def fresh(self) -> bool:
        """True if somebody else has made room that `words` does not show yet."""
        ...

    def is_orphan(self) -> bool:
        """True if the file is not the store's any more: it was deleted, replaced or cut short."""
        ...

    def inode(self) -> int:
        """Return the number by which the file system knows the file; a copy has another one."""
        ...

    def attest(self, sequence: int) -> None:
        """Note that mark number *sequence* is on the disk."""
        ...

    def attested(self) -> int:
        """Return the number of the last mark that was noted, or 0."""
        ...

    def close(self) -> None: ...


class MappedImage:
    """The state file of a host, shared by all processes that map it.

    What is written to `words` is seen by the other processes at once and outlives every process; only `sync` makes it
    outlive the machine.
    """

    words: memoryview

    def __init__(self, path: Path, group: int | None) -> None:
        self._witness = Witness(path.with_name(WITNESS), group)
        self._fd = open_private(path, group)
        try:
            self._map_all()
        except BaseException:
            os.close(self._fd)
            raise

    def _map_all(self) -> None:
        size = os.fstat(self._fd).st_size
        if size < PAGE:
            size = PAGE + SLOTS_AT_FIRST * SLOT_WORDS * WORD
            self._allocate(size)
        size -= size % WORD
        # Older maps stay valid for whoever still reads them: the views keep them, and all show the same pages.
        self._map = mmap.mmap(self._fd, size)
        self.words = memoryview(self._map).cast("Q")

    def _allocate(self, size: int) -> None:
        # Writing to a mapped hole of a full disk kills the process (SIGBUS): so the blocks are claimed beforehand.
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._fd, 0, size)
        else:
            missing = size - os.fstat(self._fd).st_size
            os.lseek(self._fd, 0, os.SEEK_END)
            os.write(self._fd, bytes(missing))

    def sync(self, first: int, count: int) -> None:
        if sys.platform == "linux":
            # Writes mapped pages too, and unlike msync it lets the other threads run meanwhile.
            os.fdatasync(self._fd)
        else:
            begin = first * WORD // PAGE * PAGE
            self._map.flush(begin, (first + count) * WORD - begin)

    def grow(self) -> None:
        if not self.fresh():
            slots = max(SLOTS_AT_FIRST, capacity(self.words))
            self._allocate((len(self.words) + slots * SLOT_WORDS) * WORD)
        self._map_all()

    def fresh(self) -> bool:
        return os.fstat(self._fd).st_size > len(self.words) * WORD

    def is_orphan(self) -> bool:
        # A page that was cut off must not be touched: the system kills whoever does (SIGBUS).
        state = os.fstat(self._fd)
        return state.st_nlink == 0 or state.st_size < len(self.words) * WORD

    def inode(self) -> int:
        return os.fstat(self._fd).st_ino

    def attest(self, sequence: int) -> None:
        self._witness.note(self.inode(), sequence)

    def attested(self) -> int:
        return self._witness.recall(self.inode())

    def close(self) -> None:
        # Threads that are just leaving may still look at the words: the map goes when the last view does. If a part of
        # the file is gone, they get words that are nobody's instead.
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        if os.fstat(fd).st_size < len(self.words) * WORD:
            self.words = memoryview(bytearray(len(self.words) * WORD)).cast("Q")
        os.close(fd)
