"""The directory: where it may lie, who may enter it, and what to say when the system refuses."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from krakenonce.errors import ConfigError, StoreUnavailable
from krakenonce.stores.file.settings import FileSettings

# Locks there are not released at once when their owner dies, or not shared at all, and mapped memory is not coherent.
NETWORK_FILE_SYSTEMS = frozenset(
    {"9p", "afs", "ceph", "cifs", "coda", "gfs", "gfs2", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb2"}
    | {"smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone"}
)

_MENDS = {
    errno.ENOSPC: "the disk is full: make room",
    errno.EDQUOT: "the user's quota is used up: make room",
    errno.EROFS: "the file system is read-only: name a directory on another one",
    errno.EACCES: "this user may not use it: give the directory to the user, or share it by ?group=NAME",
    errno.EPERM: "this user may not use it: give the directory to the user, or share it by ?group=NAME",
    errno.EEXIST: "a part of the path is no directory: name another one",
    errno.EFBIG: "the user's limit of file sizes is reached: raise it (ulimit -f)",
    errno.ENOTDIR: "a part of the path is no directory: name another one",
    errno.ELOOP: "a file of the store is a symbolic link: remove it",
    errno.EMFILE: "this process has too many open files: raise its limit (ulimit -n)",
    errno.EIO: "the disk reports errors: replace it",
}


@contextlib.contextmanager
def plain_errors(directory: Path) -> Iterator[None]:
    """Turn the system's errors into `StoreUnavailable`, with the mend."""
    try:
        yield
    except StoreUnavailable:
        raise
    except OSError as error:
        mend = _MENDS.get(error.errno or 0, "see the system's message")
        raise StoreUnavailable(f"file store {directory}: {error.strerror or error}; {mend}") from error


def prepare_directory(settings: FileSettings) -> int | None:
    """Make the directory if it is missing, and check it. Returns the id of the shared group, or None.

    Raises:
        ConfigError: the directory lies on a network file system or is open to everybody, or the group does not exist.
        StoreUnavailable: the system refuses.
    """
    group = _group_id(settings.group)
    directory = settings.directory
    refuse_network(settings, mount_of(directory))
    with plain_errors(directory):
        _make(directory, group)
        mode = directory.stat().st_mode
    if mode & stat.S_IWOTH:
        raise ConfigError(
            "store", f"the directory {directory} is open to every user", "Name a directory of its own, or chmod o-w."
        )
    return group


def _make(directory: Path, group: int | None) -> None:
    directory.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700)
        if group is not None:
            os.chown(directory, -1, group)
        directory.chmod(0o700 if group is None else 0o2770)


def _group_id(name: str | None) -> int | None:
    if name is None:
        return None
    try:
        import grp

        group = grp.getgrnam(name).gr_gid
    except (ImportError, KeyError):
        raise ConfigError("store", f"no group {name!r} on this host", "Create it, or leave ?group= out.") from None
    if group not in (os.getegid(), *os.getgroups()) and os.geteuid() != 0:
        raise ConfigError("store", f"this user is not in the group {name!r}", "Add the user to it and log in again.")
    return group


def open_private(path: Path, group: int | None) -> int:
    """Open *path* for reading and writing, made with mode 0600 (0660 for a group) whatever the umask says."""
    flags = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        fd = os.open(path, flags | os.O_CREAT, 0o600)
    if group is not None:
        os.fchown(fd, -1, group)
    if hasattr(os, "fchmod"):  # not on Windows, whose files inherit from the directory
        os.fchmod(fd, 0o600 if group is None else 0o660)
    return fd


def refuse_network(settings: FileSettings, kind: str) -> None:
    """Raise `ConfigError` if *kind* is a network file system and the URL does not allow it."""
    if kind in NETWORK_FILE_SYSTEMS and not settings.allow_network:
        raise ConfigError(
            "store",
            f"{settings.directory} lies on {kind}, a file system whose locks and memory hosts do not share reliably",
            "Name a local directory; for several hosts use redis:// or postgresql://.",
        )


def mount_of(path: Path, table: Path = Path("/proc/self/mountinfo")) -> str:
    """Return the type of the file system that *path* lies on, or an empty text where the system does not tell."""
    try:
        lines = table.read_text().splitlines()
    except OSError:
        return ""
    place = os.path.realpath(path)
    best, kind = "", ""
    for line in lines:
        before, _, after = line.partition(" - ")
        mounted = before.split()[4].replace("\\040", " ")
        if len(mounted) >= len(best) and (place == mounted or place.startswith(mounted.rstrip("/") + "/")):
            best, kind = mounted, after.split()[0]
    return kind
