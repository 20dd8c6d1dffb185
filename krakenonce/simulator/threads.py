"""The server in a thread of its own, for synchronous clients and tests."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

from krakenonce.simulator.server import SimulatedKraken


@contextlib.contextmanager
def serve_in_thread(**options: Any) -> Iterator[SimulatedKraken]:
    """Run a SimulatedKraken with these *options* in a thread of its own, with its own event loop, until the block ends.

    Reading ``stats()`` and ``log()`` from the caller's thread is fine, and ``audit()`` when no call is under way.
    Anything that changes the exchange must run in the server's thread: use the control surface over HTTP.
    """
    sim = SimulatedKraken(**options)
    loop = asyncio.new_event_loop()
    ready: Future[None] = Future()
    done = asyncio.Event()
    thread = threading.Thread(target=_run, args=(loop, sim, ready, done), name="simulated kraken", daemon=True)
    thread.start()
    try:
        ready.result()
        yield sim
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()


def _run(loop: asyncio.AbstractEventLoop, sim: SimulatedKraken, ready: Future[None], done: asyncio.Event) -> None:
    asyncio.set_event_loop(loop)
    loop.run_until_complete(_serve(sim, ready, done))


async def _serve(sim: SimulatedKraken, ready: Future[None], done: asyncio.Event) -> None:
    try:
        await sim.start()
    except OSError as error:
        ready.set_exception(error)
        return
    ready.set_result(None)
    await done.wait()
    await sim.stop()
