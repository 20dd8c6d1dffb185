"""When this process looks for garbage: at moments of its own choosing, and rarely between a fill and its orders.

A full collection looks at every object there is. With a hundred accounts that takes tens of milliseconds, several times
as long as a fan-out. So what has lived until now is set aside, and looked at again only every few minutes.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from krakenonce.client.budget import Sleep

EVERY_S = 600.0
"""Seconds between two full collections."""

_THRESHOLDS = (10_000, 10, 1_000)
# The first is more than a fan-out over a hundred users makes before its orders are settled; the last
# leaves full collections to us.


@asynccontextmanager
async def rare_collections(sleep: Sleep = asyncio.sleep) -> AsyncIterator[None]:
    """Collect garbage fully now and every `EVERY_S` seconds, and hardly in between, as long as the block lasts.

    Concerns the whole process; so it is for programs, not for libraries.

    Parameters:
        sleep: how to wait, in seconds.
    """
    before = gc.get_threshold()
    gc.set_threshold(*_THRESHOLDS)
    _collect()
    collecting = asyncio.create_task(_go_on(sleep), name="garbage")
    try:
        yield
    finally:
        collecting.cancel()
        await asyncio.wait((collecting,))
        gc.unfreeze()
        gc.set_threshold(*before)


async def _go_on(sleep: Sleep) -> None:
    while True:
        await sleep(EVERY_S)
        _collect()


def _collect() -> None:
    gc.unfreeze()
    gc.collect()
    gc.freeze()
