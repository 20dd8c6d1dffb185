"""The open stores of this process: told when it has forked, closed when it ends."""

from __future__ import annotations

import atexit
import os
import weakref
from typing import Protocol


class Living(Protocol):
    """A store that must hear of a fork, and of the end."""

    def after_fork_in_child(self) -> None:
        """Begin anew in the child."""

    def close(self) -> None:
        """Leave in order."""


_stores: weakref.WeakSet[Living] = weakref.WeakSet()


def enrol(store: Living) -> None:
    """Tell *store* of forks and of the end, as long as somebody else keeps it."""
    _stores.add(store)


def _after_fork_in_child() -> None:
    for store in list(_stores):
        store.after_fork_in_child()


def _close_all() -> None:
    for store in list(_stores):
        store.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
atexit.register(_close_all)
