"""What serves when the store that was asked for can't be opened: only what the caller allowed, and never in silence."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from krakenonce.clock import NS_PER_MS, Clock, SystemClock
from krakenonce.errors import ConfigError, ForkedProcess, StoreUnavailable
from krakenonce.stores import Store, open_store
from krakenonce.stores.memory import MemoryStore

log = logging.getLogger("krakenonce")

MILLISECONDS = "milliseconds"
PLAIN_TIME = "time"
COARSE_RUNGS = (MILLISECONDS, PLAIN_TIME)


class KrakenNonce:
    """Deprecated: one account's own 13-digit milliseconds, strictly increasing. Safe across threads.

    It exists for keys that other software has to go on using in milliseconds. A key that has seen nanoseconds can never
    be served by it: Kraken refuses every lower number for ever.

    Parameters:
        account: ``MASTER`` or ``USER:<name>``, for the warning only.
        clock: where time is read.
    """

    def __init__(self, account: str = "MASTER", clock: Clock | None = None) -> None:
        warnings.warn(
            f"KrakenNonce ({account}) counts milliseconds for one account alone; use get_global_kraken_nonce()",
            DeprecationWarning,
            stacklevel=2,
        )
        self._clock = clock or SystemClock()
        self._lock = threading.RLock()
        self._last = 0
        self._pid = os.getpid()

    def next(self) -> int:
        """Return the next nonce: milliseconds since 1970, above every one this object returned before."""
        self.check_process()
        now = self._clock.wall_ns() // NS_PER_MS
        with self._lock:
            # As in NonceSource: nothing is called between reading and storing `_last`.
            if now <= self._last:
                now = self._last + 1
            self._last = now
        return now

    def get_nonce(self) -> int:
        """Return `next`, under the name older code calls."""
        return self.next()

    def check_process(self) -> None:
        """Raise `ForkedProcess` in a forked child, which would repeat the parent's numbers."""
        if self._pid != os.getpid():
            raise ForkedProcess("this KrakenNonce was made before the fork; make one in the child, for keys of its own")


class PlainTime:
    """The last rung: the wall clock in milliseconds, as it stands. The lane alone keeps the numbers rising."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def next(self) -> int:
        """Return milliseconds since 1970; the same number twice within a millisecond."""
        return self._clock.wall_ns() // NS_PER_MS

    def check_process(self) -> None:
        """Nothing to check: it remembers nothing that a fork could repeat."""


@dataclass(frozen=True, slots=True)
class Rung:
    """What serves now.

    Attributes:
        name: the URL of the store, or ``milliseconds`` or ``time``.
        store: where grants come from.
        reason: why a lesser source than the one asked for is used; None if it is the one asked for.
    """

    name: str
    store: Store
    reason: str | None = None

    @property
    def coarse(self) -> bool:
        """True if this rung counts milliseconds."""
        return self.name in COARSE_RUNGS


def climb(
    wanted: str | Store, allowed: Sequence[str], clock: Clock, opener: Callable[[str, Clock], Store] = open_store
) -> Rung:
    """Return the first rung that holds: the store asked for, else what is *allowed*, in that order.

    Parameters:
        wanted: a store or its URL.
        allowed: URLs of lesser stores, then ``milliseconds``, then ``time``. Empty: fail instead.
        clock: where stores read time.
        opener: makes a store of a URL.

    Raises:
        ConfigError: a rung is no URL of a store and none of the two words.
        StoreUnavailable: nothing that is allowed can be opened.
    """
    _check_rungs(allowed)
    reason = None
    for name in (wanted, *allowed):
        if not isinstance(name, str):
            return Rung(name.url, name, reason)
        try:
            return Rung(name, MemoryStore() if name in COARSE_RUNGS else opener(name, clock), reason)
        except StoreUnavailable as error:
            reason = f"{reason}; {error}" if reason else str(error)
            log.warning("store unavailable: %s", error)
    raise StoreUnavailable(f"{reason}. Nothing lesser is allowed: pass fallback=(...) to permit it")


def _check_rungs(allowed: Sequence[str]) -> None:
    if isinstance(allowed, str):
        raise ConfigError(
            "fallback", "one text", "Give a sequence, such as ('file:///var/lib/krakenonce', 'memory://')."
        )
    for rung in allowed:
        if rung not in COARSE_RUNGS and "://" not in rung:
            raise ConfigError("fallback", f"a rung {rung!r}", "Give URLs of stores, 'milliseconds' or 'time'.")
    coarse = [rung for rung in allowed if rung in COARSE_RUNGS]
    if list(allowed[len(allowed) - len(coarse) :]) != coarse:
        raise ConfigError("fallback", "milliseconds above a store", "Name the stores first: a key never goes back up.")
