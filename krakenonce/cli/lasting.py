"""What commands that run until they are stopped have in common: signals, reloading, log lines."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator

from krakenonce.errors import KrakenonceError

log = logging.getLogger("krakenonce")


def on_signal(loop: asyncio.AbstractEventLoop, name: str, deed: Callable[[], object]) -> None:
    """Call *deed* when the signal *name* comes, where there is one."""
    # Windows has neither all of these signals nor handlers in the loop; Ctrl-C still ends the program there.
    with contextlib.suppress(AttributeError, NotImplementedError):
        loop.add_signal_handler(getattr(signal, name), deed)


async def reload_now(reload: Callable[[], Awaitable[list[str]]]) -> None:
    """Have the configuration read again; say why not, if it can't be."""
    try:
        if not await reload():
            log.info("configuration read again: nothing has changed")
    except KrakenonceError as error:
        log.warning("configuration not taken over: %s", error)


@contextlib.contextmanager
def log_lines(least: int, worker: int | None = None) -> Iterator[None]:
    """Print what is logged from the level *least* on, with the number of the *worker* that says it."""
    handler = logging.StreamHandler(sys.stdout)
    mark = "" if worker is None else f"[{worker}] "
    handler.setFormatter(logging.Formatter(f"%(asctime)s {mark}%(message)s", "%H:%M:%S"))
    level = log.level
    log.addHandler(handler)
    log.setLevel(least)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
