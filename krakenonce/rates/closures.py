"""What is closed for the moment, why, and when to look again. Pure but for its memory."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import NamedTuple

from krakenonce.clock import NS_PER_SECOND

FIRST_NS = NS_PER_SECOND
LONGEST_NS = 15 * NS_PER_SECOND


class Closed(NamedTuple):
    """Why something is closed, and for how many nanoseconds nobody will look again."""

    reason: str
    for_ns: int


@dataclass(slots=True)
class _Closure:
    reason: str
    until_ns: int
    step_ns: int
    tried: bool = False


class Closures:
    """Things that were found closed. While one is, nobody tries it, but for one caller each time its period is over.

    The periods double from a second to a quarter of a minute, so that a thousand callers and an hour of maintenance
    make a few hundred tries. Whoever finds it open opens it for everybody. Safe across threads.
    """

    def __init__(self) -> None:
        self._closures: dict[str, _Closure] = {}
        self._mutex = threading.RLock()

    def __bool__(self) -> bool:
        """Whether anything is closed."""
        return bool(self._closures)

    def close(self, name: str, reason: str, now_ns: int) -> None:
        """Note that *name* was found closed just now."""
        with self._mutex:
            present = self._closures.get(name)
            if present is None:
                self._closures[name] = _Closure(reason, now_ns + FIRST_NS, FIRST_NS)
            elif present.tried:  # others that were under way when it closed tell nothing new
                step = min(2 * present.step_ns, LONGEST_NS)
                self._closures[name] = _Closure(reason, now_ns + step, step)

    def open(self, name: str) -> None:
        """Note that *name* is open."""
        if name in self._closures:
            with self._mutex:
                self._closures.pop(name, None)

    def open_all(self) -> None:
        """Note that everything is open."""
        with self._mutex:
            self._closures.clear()

    def look(self, name: str, now_ns: int) -> Closed | None:
        """Return why *name* is closed. None if it is open, or if the caller is the one who has to try it now."""
        if name not in self._closures:
            return None
        with self._mutex:
            closure = self._closures.get(name)
            if closure is None:
                return None
            if now_ns >= closure.until_ns:
                closure.until_ns, closure.tried = now_ns + closure.step_ns, True
                return None
            return Closed(closure.reason, closure.until_ns - now_ns)

    def peek(self, name: str) -> str | None:
        """Return why *name* is closed, without becoming the one who tries it."""
        closure = self._closures.get(name)
        return None if closure is None else closure.reason

    def after_fork_in_child(self) -> None:
        """Renew the lock."""
        self._mutex = threading.RLock()
