"""Locks for systems without open-file-description locks: one small file each. Exclusive, but in no order.

The kernel frees them when their owner dies, too. macOS has ``flock``; Windows has ``msvcrt.locking``, which can't be
shared and waits by trying once a second.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from pathlib import Path

from krakenonce.errors import ReentrantUse
from krakenonce.stores.file.filesystem import open_private

if sys.platform == "win32":
    import msvcrt

    def _take(fd: int, *, shared: bool, wait: bool) -> None:
        while True:
            try:
                msvcrt.locking(fd, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
                return
            except OSError:
                if not wait:
                    raise BlockingIOError from None

else:
    import fcntl

    def _take(fd: int, *, shared: bool, wait: bool) -> None:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))


class PlainLocks:
    """Locks by files ``lock.<start>`` in the store's directory. The length of a range is not looked at."""

    def __init__(self, directory: Path, group: int | None) -> None:
        self._directory, self._group = directory, group
        self._held: dict[int, int] = {}
        self._entering: set[tuple[int, int]] = set()
        # An RLock, because a signal handler may ask for a number while this thread is inside.
        self._mutex = threading.RLock()

    def try_lock(self, start: int, length: int = 1) -> bool:
        return self._acquire(start, shared=False, wait=False)

    def try_share(self, start: int, length: int = 1) -> bool:
        return self._acquire(start, shared=True, wait=False)

    def lock(self, start: int, length: int = 1) -> None:
        self._acquire(start, shared=False, wait=True)

    def share(self, start: int, length: int = 1) -> None:
        self._acquire(start, shared=True, wait=True)

    def unlock(self, start: int, length: int = 1) -> None:
        with self._mutex:
            fd = self._held.pop(start, None)
        if fd is not None:
            os.close(fd)

    def is_orphan(self) -> bool:
        return not self._directory.exists()

    def reopen(self) -> None:
        """Forget what the parent holds: each lock is a file of its own, closed here without being freed there."""
        self._mutex = threading.RLock()
        self.close()

    def close(self) -> None:
        with self._mutex:
            held, self._held = self._held, {}
        for fd in held.values():
            with contextlib.suppress(OSError):
                os.close(fd)

    def _acquire(self, start: int, *, shared: bool, wait: bool) -> bool:
        if start in self._held:
            return True  # ours already, as with locks of an open file: a signal handler came in between
        entry = (threading.get_ident(), start)
        if entry in self._entering:
            raise ReentrantUse(
                "a signal handler asked in the middle of taking the same lock; this system can't serve it"
            )
        self._entering.add(entry)
        try:
            return self._open_and_take(start, shared=shared, wait=wait)
        finally:
            self._entering.discard(entry)

    def _open_and_take(self, start: int, *, shared: bool, wait: bool) -> bool:
        fd = open_private(self._directory / f"lock.{start}", self._group)
        try:
            _take(fd, shared=shared, wait=wait)
        except BaseException as failure:
            os.close(fd)
            if isinstance(failure, BlockingIOError):
                return False
            raise
        with self._mutex:
            self._held[start] = fd
        return True
