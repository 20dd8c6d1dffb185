"""What is locked between the processes of a host, and what a lock must be able to do."""

from __future__ import annotations

from typing import Protocol

OPENING, PRESENCE, SLOTS, SYNC, NUMBERS, SELF_TEST = range(6)
"""The single bytes that guard one short step each. Keys come after them: see `KEY_RANGE`."""

KEY_RANGE = 1 << 42
"""Bytes per key, one a ticket: enough for 50,000 tickets a second for two years between two starts of the machine."""


class HostLocks(Protocol):
    """Locks on ranges of bytes, shared by all processes of a host and freed by the kernel when their owner dies."""

    def try_lock(self, start: int, length: int = 1) -> bool: ...

    def try_share(self, start: int, length: int = 1) -> bool: ...

    def lock(self, start: int, length: int = 1) -> None: ...

    def share(self, start: int, length: int = 1) -> None: ...

    def unlock(self, start: int, length: int = 1) -> None: ...

    def is_orphan(self) -> bool: ...

    def reopen(self) -> None: ...

    def close(self) -> None: ...
