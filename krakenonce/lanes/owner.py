"""Who wants or holds a place in a lane, and whom waiting for it would block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from typing import NamedTuple


class Owner(NamedTuple):
    """A thread, or a task of an event loop."""

    thread: int
    task: asyncio.Task[object] | None
    running_loop: asyncio.AbstractEventLoop | None

    def is_same_as(self, other: Owner) -> bool:
        """True if waiting for *other* would be waiting for oneself."""
        if other.task is None:
            return self.thread == other.thread  # also for a task: its thread must leave the with block first
        return self.task is other.task

    def blocks_loop_of(self, others: Iterable[Owner]) -> bool:
        """True if this owner is synchronous and runs on the event loop of one of *others*."""
        loop = self.running_loop if self.task is None else None
        return loop is not None and any(other.task is not None and other.running_loop is loop for other in others)


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs in this thread, or None."""
    return asyncio._get_running_loop()  # noqa: SLF001 - the public function raises instead of returning None


def this_thread() -> Owner:
    """Return the calling thread, as one who blocks while it waits."""
    return Owner(threading.get_ident(), None, running_loop())


def this_task() -> Owner:
    """Return the calling task, as one who awaits."""
    return Owner(threading.get_ident(), asyncio.current_task(), asyncio.get_running_loop())
