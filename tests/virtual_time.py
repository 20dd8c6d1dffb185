"""An event loop whose time is a ManualClock: what takes an hour of waiting takes a moment, and the same each time."""

import asyncio
import selectors

from krakenonce.clock import NS_PER_SECOND, ManualClock


class _LeapingSelector(selectors.DefaultSelector):
    """Where a loop would sleep until its next timer, the clock leaps there."""

    clock: ManualClock

    def select(self, timeout=None):
        if timeout == 0:
            return []  # while anything is ready to run, nobody looks at sockets: there are hardly any
        events = super().select(0)
        if not events and timeout is None:
            raise RuntimeError("everybody waits, and nothing is left that could wake anybody")
        if not events and timeout > 0:
            self.clock.advance(max(1, round(timeout * NS_PER_SECOND)))
        return events


def run_virtually(clock, main):
    """Run the coroutine *main* to its end in the time of *clock* and return its result."""
    selector = _LeapingSelector()
    selector.clock = clock
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: clock.boot_ns() / NS_PER_SECOND
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main)
