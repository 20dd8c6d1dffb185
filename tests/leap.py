"""Time-outs that strike when something has happened, and not when so and so many milliseconds are over."""

import asyncio
from contextlib import asynccontextmanager

LONG_S = 60.0
"""A time-out for what is not meant to time out: no machine is that slow."""


class Leap:
    """The running event loop's time, which can be set forward: what waits for a moment up to then goes on at once.

    The loop's timers are real, and so is the code that waits for them; only the waiting is spared.
    """

    def __init__(self):
        loop = asyncio.get_running_loop()
        self._real, self._ahead = loop.time, 0.0
        loop.time = lambda: self._real() + self._ahead

    def __call__(self, seconds=LONG_S + 2):
        """Set the time forward."""
        self._ahead += seconds


async def until(holds):
    """Wait until *holds* returns true."""
    while not holds():
        await asyncio.sleep(0.001)


@asynccontextmanager
async def time_out_when(*events):
    """Inside the block, let what is under way time out each time the next of *events* has happened."""
    leap = Leap()

    async def strike():
        for event in events:
            await until(event)
            leap()

    striking = asyncio.create_task(strike())
    try:
        yield
    finally:
        striking.cancel()
        await asyncio.wait((striking,))
