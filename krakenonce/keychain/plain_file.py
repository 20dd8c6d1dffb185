"""Credentials in a file of two lines, key and private key (as krakenex reads them), that only its owner can read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from krakenonce.errors import ConfigError
from krakenonce.keychain.private_files import write_private
from krakenonce.kraken.credentials import Credentials

_LONGEST = 4096


def load(path: str) -> Credentials:
    """Return the credentials in the file at *path*.

    Raises:
        ConfigError: it can't be read, others than its owner could read it, or it holds something else.
    """
    lines = [line.strip() for line in _read(path).splitlines() if line.strip()]
    if len(lines) != 2:
        mend = "Put the API key on the first line and the private key on the second."
        raise ConfigError(path, f"a file of {len(lines)} lines", mend)
    return Credentials(*lines)


def save(path: str, credentials: Credentials) -> None:
    """Write *credentials* into a new file at *path*, mode 0600.

    Raises:
        ConfigError: there is a file already, or none can be written.
    """
    write_private(Path(path), f"{credentials.key}\n{credentials.secret}\n".encode(), replace=False)


def _read(path: str) -> str:
    try:
        with Path(path).expanduser().open("rb") as file:
            check_private(path, os.fstat(file.fileno()))
            content = file.read(_LONGEST)
    except OSError as error:
        raise ConfigError(path, f"a file that can't be read ({error.strerror})", "Check its path and owner.") from None
    try:
        return content.decode("ascii")
    except ValueError:
        raise ConfigError(path, "a file that is no plain text", "Write key and private key as text.") from None


def check_private(path: str, state: os.stat_result) -> None:
    """Refuse a file that somebody else owns, or could have read or written.

    Raises:
        ConfigError: so it is.
    """
    if not stat.S_ISREG(state.st_mode):
        raise ConfigError(path, "no regular file", "Name a file.")
    if hasattr(os, "geteuid") and state.st_uid not in (os.geteuid(), 0):
        raise ConfigError(path, f"a file that belongs to user {state.st_uid}", "Make it your own: chown, or copy it.")
    mode = stat.S_IMODE(state.st_mode)
    if os.name == "posix" and mode & 0o077:
        mend = f"Others can read or write it: chmod 600 {path}, and replace the API key if others use this machine."
        raise ConfigError(path, f"a file with mode {mode:04o}", mend)
