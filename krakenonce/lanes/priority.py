"""Who goes first when several wait for one key."""

from __future__ import annotations

from enum import IntEnum


class Priority(IntEnum):
    """Who goes first when several wait for one key. Within a priority: first come, first served."""

    CANCEL = 0
    EXIT = 1
    ENTRY = 2
    READ = 3
