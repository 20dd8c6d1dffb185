"""The best locks that this system has."""

from __future__ import annotations

from krakenonce.errors import ConfigError
from krakenonce.stores.file.locks import SELF_TEST, HostLocks
from krakenonce.stores.file.plainlocks import PlainLocks
from krakenonce.stores.file.settings import FileSettings

LOCKS = "locks"


def open_locks(settings: FileSettings, group: int | None) -> tuple[HostLocks, bool]:
    """Return the locks of the directory, and whether they serve in order.

    Raises:
        ConfigError: locks of this file system do not exclude each other, or the system lacks the ones asked for.
    """
    kind = settings.locks or ("ofd" if _has_ofd() else "flock")
    if kind == "ofd" and not _has_ofd():
        raise ConfigError("store", "locks=ofd on a system without them", "Leave the option out.")
    _self_test(settings, kind, group)
    return _open(settings, kind, group), kind == "ofd"


def _has_ofd() -> bool:
    try:
        import fcntl
    except ImportError:
        return False
    return hasattr(fcntl, "F_OFD_SETLKW")


def _open(settings: FileSettings, kind: str, group: int | None) -> HostLocks:
    if kind == "flock":
        return PlainLocks(settings.directory, group)
    from krakenonce.stores.file.ofd import OfdLocks

    return OfdLocks(settings.directory / LOCKS, group)


def _self_test(settings: FileSettings, kind: str, group: int | None) -> None:
    """See with our own eyes that a lock locks: some shared folders of virtual machines only pretend."""
    first, second = _open(settings, kind, group), _open(settings, kind, group)
    try:
        first.lock(SELF_TEST)
        if second.try_lock(SELF_TEST):
            raise ConfigError(
                "store",
                f"locks in {settings.directory} do not exclude each other",
                "Name a directory on a local file system.",
            )
    finally:
        first.close()
        second.close()
