"""Writing a file that nobody else can ever read, whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from krakenonce.errors import ConfigError


def write_private(path: Path, content: bytes, *, replace: bool) -> None:
    """Write *content* to *path* with mode 0600: at every moment, crashes included, either the old file or the new.

    Parameters:
        replace: False refuses to write over an existing file.

    Raises:
        ConfigError: it can't be written, or exists.
    """
    target = path.expanduser()
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_beside(target, content, replace=replace)
    except FileExistsError:
        raise ConfigError(str(path), "a file that exists already", "Remove it first, or choose another name.") from None
    except OSError as error:
        raise ConfigError(str(path), f"a file that can't be written ({error.strerror})", "Check its folder.") from None


def _write_beside(target: Path, content: bytes, *, replace: bool) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # made with mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.replace(name, target)
        else:
            os.link(name, target)  # unlike a look before a rename, it can't overlook that another program was faster
    finally:
        with suppress(OSError):
            os.unlink(name)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
