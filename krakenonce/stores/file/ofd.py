"""Locks that the kernel frees when their owner dies, on ranges of bytes of one file.

Open-file-description locks (Linux 3.15) belong to an opened file, not to a process: two stores in one process exclude
each other, and closing another descriptor of the file drops nothing (as it does with ``lockf``).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from pathlib import Path

from krakenonce.stores.file.filesystem import open_private

# struct flock: type, whence, start, length, pid (which must be 0).
_REQUEST = struct.Struct("hhqqi4x")


class OfdLocks:
    """Byte-range locks of one open file. Every thread of the process shares what it holds."""

    def __init__(self, path: Path, group: int | None) -> None:
        self._fd = open_private(path, group)

    def try_lock(self, start: int, length: int = 1) -> bool:
        """Take the range alone if nobody else has a part of it."""
        return self._try(fcntl.F_WRLCK, start, length)

    def try_share(self, start: int, length: int = 1) -> bool:
        """Take the range together with others who share it, if nobody has a part of it alone."""
        return self._try(fcntl.F_RDLCK, start, length)

    def lock(self, start: int, length: int = 1) -> None:
        """Take the range alone; sleeps in the kernel until it is free."""
        fcntl.fcntl(self._fd, fcntl.F_OFD_SETLKW, _REQUEST.pack(fcntl.F_WRLCK, os.SEEK_SET, start, length, 0))

    def share(self, start: int, length: int = 1) -> None:
        """Take the range together with others; sleeps in the kernel until nobody has a part of it alone."""
        fcntl.fcntl(self._fd, fcntl.F_OFD_SETLKW, _REQUEST.pack(fcntl.F_RDLCK, os.SEEK_SET, start, length, 0))

    def unlock(self, start: int, length: int = 1) -> None:
        """Give the range back."""
        fcntl.fcntl(self._fd, fcntl.F_OFD_SETLK, _REQUEST.pack(fcntl.F_UNLCK, os.SEEK_SET, start, length, 0))

    def _try(self, kind: int, start: int, length: int) -> bool:
        try:
            fcntl.fcntl(self._fd, fcntl.F_OFD_SETLK, _REQUEST.pack(kind, os.SEEK_SET, start, length, 0))
        except (BlockingIOError, PermissionError):  # POSIX lets the kernel answer EAGAIN or EACCES
            return False
        return True

    def is_orphan(self) -> bool:
        """True if the file was deleted or replaced."""
        return os.fstat(self._fd).st_nlink == 0

    def reopen(self) -> None:
        """Get an open file of our own, after a fork: the inherited one shares its locks with the parent."""
        inherited = self._fd
        # By number and not by name: the same file, even if it was deleted or replaced meanwhile.
        self._fd = os.open(f"/proc/self/fd/{inherited}", os.O_RDWR | os.O_CLOEXEC)
        os.close(inherited)

    def close(self) -> None:
        """Give everything back. A thread that still sleeps in `share` gets an error when it wakes."""
        fd, self._fd = self._fd, -1
        with contextlib.suppress(OSError):
            os.close(fd)
