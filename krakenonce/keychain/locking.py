"""One program at a time may change a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from krakenonce.errors import ConfigError


@contextmanager
def locked(path: Path) -> Generator[None, None, None]:
    """Wait until no other thread or process is between reading and writing the file at *path*, and keep them out.

    The lock is an empty file beside it, ``.<name>.lock``, which stays. That of a dead program is free.

    Raises:
        ConfigError: the lock can't be had.
    """
    target = path.expanduser()
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(target.parent / f".{target.name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigError(str(path), f"a file that can't be locked ({error.strerror})", "Check its folder.") from None
    try:
        _lock(handle)
        yield
    finally:
        os.close(handle)  # which frees the lock


def _lock(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX)
