"""Who we are: which machine, which start of it, which process. Read from the system, kept in the state file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import uuid
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_MACHINE_IDS = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:16]


def _read(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text().strip()
    return ""


def machine_id() -> bytes:
    """Return 16 bytes that stay the same on this machine and differ on every other one.

    Only their digest leaves the machine's own file, as systemd asks of everyone who uses it.
    """
    known = next(filter(None, map(_read, _MACHINE_IDS)), "") or f"{uuid.getnode():x}"
    return _digest(f"krakenonce {known}")


def boot_id() -> bytes:
    """Return 16 bytes that differ after every start of the machine.

    Where the system does not tell (macOS, Windows) they are zero; nothing that was not synced to the disk is trusted
    then: the safe side.
    """
    known = _read(_BOOT_ID)
    return _digest(known) if known else bytes(16)


def start_of(pid: int) -> int:
    """Return when process *pid* started, in the kernel's ticks cut to 32 bits; 0 if it is gone or can't be told.

    Process ids are used again; the pair of id and start is not.
    """
    stat = _read(Path(f"/proc/{pid}/stat"))
    fields = stat.rpartition(")")[2].split()
    return int(fields[19]) & 0xFFFFFFFF if len(fields) > 19 else 0


def own_mark() -> int:
    """Return this process as one word: its id and its start."""
    pid = os.getpid()
    return pid << 32 | start_of(pid)


def process_of(mark: int) -> int | None:
    """Return the id of the living process that *mark* names, or None if it is gone."""
    pid, started = mark >> 32, mark & 0xFFFFFFFF
    if not pid:
        return None
    now = start_of(pid)
    return pid if (now == started if now else not Path("/proc/self").exists()) else None
