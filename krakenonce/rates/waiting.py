"""Two thin drivers for what waits: one blocks its thread, one awaits. Time-outs here are moments to look again."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TypeVar, cast

from krakenonce.lanes.waiters import LoopWaiter, ThreadWaiter
from krakenonce.rates.meter import Pause

Result = TypeVar("Result")


def drive(steps: Generator[Pause, None, Result]) -> Result:
    """Run *steps*, blocking this thread for each pause, and return what they return."""
    try:
        while True:
            pause = next(steps)
            cast("ThreadWaiter", pause.waiter).block(pause.seconds)
    except StopIteration as end:
        return cast("Result", end.value)
    finally:
        steps.close()


async def drive_async(steps: Generator[Pause, None, Result]) -> Result:
    """Run *steps*, awaiting each pause on the running loop, and return what they return."""
    try:
        while True:
            pause = next(steps)
            await asyncio.wait((cast("LoopWaiter", pause.waiter).future,), timeout=pause.seconds)
    except StopIteration as end:
        return cast("Result", end.value)
    finally:
        steps.close()
