"""A second opinion on how old a state is: a file that says which mark was the last one synced.

Whoever writes yesterday's copy into the same file leaves its name and its inode as they are. But then its newest mark
is older than one that was already synced, and the witness knows. It is written after the mark is on the disk and never
before, so it never knows of a mark that was lost with the power; it may be lost itself, and then says nothing.
"""

from __future__ import annotations

import contextlib
import os
import struct
from pathlib import Path

from krakenonce.stores.file.filesystem import open_private
from krakenonce.stores.file.layout import checksum

_RECORD = struct.Struct("<3Q")


class Witness:
    """The file ``witness`` beside a state.

    Parameters:
        path: where it lies.
        group: who else may write it.
    """

    def __init__(self, path: Path, group: int | None) -> None:
        self._path, self._group = path, group

    def note(self, inode: int, sequence: int) -> None:
        """Remember that mark number *sequence* of the state file with this *inode* is on the disk."""
        with contextlib.suppress(OSError):  # no reason to stop: there is a second opinion less
            fd = open_private(self._path, self._group)
            try:
                os.pwrite(fd, _RECORD.pack(inode, sequence, checksum(inode, sequence)), 0)
            finally:
                os.close(fd)

    def recall(self, inode: int) -> int:
        """Return the number of the last mark that was noted for this *inode*; 0 if none is known."""
        with contextlib.suppress(OSError, struct.error):
            noted, sequence, check = _RECORD.unpack(self._path.read_bytes())
            if noted == inode and check == checksum(noted, sequence):
                return int(sequence)
        return 0
