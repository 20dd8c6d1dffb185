"""An asynchronous client's call on its way, and what becomes of it when its caller goes."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from krakenonce.lanes import Priority

log = logging.getLogger("krakenonce")


class Flight:
    """An asynchronous call. Before it is airborne its caller can take it back; afterwards only its answer ends it."""

    __slots__ = ("is_airborne", "landed", "method", "priority")

    def __init__(self, method: str, priority: Priority) -> None:
        self.method, self.priority = method, priority
        self.is_airborne = False
        # What the caller awaits. asyncio cancels it together with the caller, and leaves the task alone.
        self.landed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def land(self, task: asyncio.Task[Any]) -> None:
        """Wake the caller, or note how the call ended if there is none any more."""
        if not self.landed.cancelled():
            self.landed.set_result(None)
        elif self.is_airborne:
            self._report(task)
        if not task.cancelled():
            task.exception()  # looked at: asyncio complains about errors nobody has seen, and this one has been judged

    def leave_to_itself(self, task: asyncio.Task[Any]) -> None:
        """Go on without the caller, or not at all if nothing has been sent."""
        if not self.is_airborne:
            task.cancel()
        elif task.done() and not self.landed.cancelled():
            self._report(task)  # it was answered just before its caller was cancelled

    def _report(self, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        ending = f"ended in {type(error).__name__}" if error else "was cut off" if task.cancelled() else "was answered"
        level = logging.INFO if self.priority is Priority.READ else logging.WARNING
        log.log(level, "%s went on after its caller was cancelled, and %s", self.method.rpartition("/")[2], ending)
