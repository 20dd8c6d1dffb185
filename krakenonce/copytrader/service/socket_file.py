"""Where a running copier listens for its owner: a socket file that nobody else can open."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from krakenonce.errors import ConfigError

LONGEST = 100
"""A socket's path has room for about 108 bytes (man 7 unix)."""


def socket_path(config: Path, worker: int | None = None) -> Path:
    """Return the path for the configuration file *config*: beside it.

    It follows from the file's name alone, so that a copier can be stopped while its configuration has mistakes.

    Parameters:
        worker: its number, for one of several workers that have a supervisor; None for whoever is to be asked.
    """
    place = config.expanduser().absolute()
    path = place.with_name(f"{place.name}{'' if worker is None else f'.{worker}'}.sock")
    if len(os.fsencode(path)) <= LONGEST:
        return path
    mark = hashlib.sha256(os.fsencode(path)).hexdigest()[:24]
    return Path(tempfile.gettempdir()) / f"krakenonce-{os.getuid()}" / f"{mark}.sock"


def bind(path: Path) -> socket.socket:
    """Return a socket that listens at *path*, mode 0600. A file that a copier left behind is replaced.

    Raises:
        ConfigError: a copier listens there already, or the folder is not ours.
    """
    _check_folder(path.parent)
    if path.exists() and is_answered(path):
        raise ConfigError(str(path), "a copier that runs already", "Stop it first, or steer it: krakenonce users list.")
    with suppress(FileNotFoundError):
        path.unlink()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # There must be no moment at which somebody else could connect.
    before = os.umask(0o177)
    try:
        listening.bind(str(path))
    except OSError as error:
        listening.close()
        raise ConfigError(str(path), f"a socket that can't be made ({error.strerror})", "Check its folder.") from None
    finally:
        os.umask(before)
    listening.settimeout(0)
    return listening


def is_answered(path: Path) -> bool:
    """Return whether somebody listens at *path*."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _check_folder(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True)
    found = folder.stat()
    is_shared = bool(found.st_mode & stat.S_IWOTH)
    if folder.parent == Path(tempfile.gettempdir()) and (found.st_uid != os.getuid() or is_shared):
        raise ConfigError(str(folder), "a folder that others can write into", "Give the configuration a shorter path.")
