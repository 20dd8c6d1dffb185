"""Who goes first in a lane: what the caller says, else what was said on installing, else what the method is for."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from krakenonce.kraken.methods import purpose_of
from krakenonce.lanes import Priority

_asked: ContextVar[Priority | None] = ContextVar("krakenonce_priority", default=None)


@contextmanager
def priority(level: Priority) -> Generator[None, None, None]:
    """Give every call made inside the ``with`` block this place in its lane, whatever client makes it.

    Holds for the current thread or task, and for the tasks and `asyncio.to_thread` calls started inside the block.

    Example:
        with priority(Priority.EXIT):
            client.create_order("BTC/USD", "market", "sell", 0.01)
    """
    token = _asked.set(level)
    try:
        yield
    finally:
        _asked.reset(token)


def priority_of(method: str, installed: Priority | None) -> Priority:
    """Return the priority of a call of *method*; *installed* is what `install` was told, if anything."""
    asked = _asked.get()
    if asked is not None:
        return asked
    return Priority[purpose_of(method).name] if installed is None else installed
