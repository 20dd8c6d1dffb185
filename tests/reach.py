"""How much memory hangs on some objects, themselves included, whoever else runs in the same process.

Unlike the process's size it does not depend on what the allocator keeps, and unlike a trace of allocations it counts
what is still there and not who has asked for it. What belongs to the tests or to the simulated exchange is not entered.
"""

import asyncio
import contextvars
import gc
import logging
import sys
import types
from collections import Counter

_ROOMS = ("krakenonce.simulator", "tests.")
_FOREIGN = (types.ModuleType, type, types.CodeType, contextvars.Context, asyncio.AbstractEventLoop, logging.Logger)


def reach(roots):
    """Return the bytes of everything that can be reached from *roots*, by the names of the types."""
    seen, todo, sizes = set(), list(roots), Counter()
    while todo:
        one = todo.pop()
        if id(one) in seen or _is_foreign(one):
            continue
        seen.add(id(one))
        sizes[type(one).__qualname__] += sys.getsizeof(one, 0)
        todo += _referents(one)
    return sizes


def _is_foreign(one):
    if isinstance(one, types.CoroutineType):
        return _is_ours_to_skip(one.cr_frame.f_globals.get("__name__", "") if one.cr_frame else "")
    if isinstance(one, types.FunctionType):
        return _is_ours_to_skip(one.__module__ or "")
    return isinstance(one, _FOREIGN) or _is_ours_to_skip(type(one).__module__)


def _is_ours_to_skip(room):
    return isinstance(room, str) and room.startswith(_ROOMS)


def _referents(one):
    if isinstance(one, types.FunctionType):
        return [*(one.__closure__ or ()), *(one.__defaults__ or ())]  # not all that its module knows
    return [] if isinstance(one, types.FrameType) else gc.get_referents(one)
