"""Clocks. This module is the only place in krakenonce that reads one."""

from __future__ import annotations

import re
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Protocol

NS_PER_SECOND = 1_000_000_000
NS_PER_MS = 1_000_000
NS_PER_US = 1_000

_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)")


class Clock(Protocol):
    """Two readings of time, both in integer nanoseconds. Implementations are safe to read from any thread."""

    def wall_ns(self) -> int:
        """Return nanoseconds since 1970-01-01 UTC. May step in both directions when somebody sets the clock."""
        ...

    def boot_ns(self) -> int:
        """Return nanoseconds since an arbitrary moment. Never steps; runs through suspend where the system allows."""
        ...


def _boot_reader() -> int:
    return time.monotonic_ns()


if sys.platform == "linux":
    # CLOCK_MONOTONIC stops during suspend on Linux; a laptop that wakes up would look like a clock that jumped.
    def _boot_reader() -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class SystemClock:
    """The machine's own clocks. Stateless, so one instance serves every thread."""

    __slots__ = ()

    wall_ns = staticmethod(time.time_ns)
    boot_ns = staticmethod(_boot_reader)


class ManualClock:
    """A clock that moves only when told to: for tests and simulations. Safe to share between threads.

    Parameters:
        wall_ns: what the wall clock shows first, in nanoseconds since 1970.
        boot_ns: what the boot clock shows first, in nanoseconds.
    """

    __slots__ = ("_boot", "_lock", "_wall")

    def __init__(self, wall_ns: int = 1_790_000_000 * NS_PER_SECOND, boot_ns: int = 0) -> None:
        self._wall, self._boot = wall_ns, boot_ns
        self._lock = threading.Lock()

    def wall_ns(self) -> int:
        return self._wall

    def boot_ns(self) -> int:
        return self._boot

    def advance(self, ns: int) -> None:
        """Let *ns* nanoseconds pass on both clocks."""
        if ns < 0:
            raise ValueError("time does not run backwards; use step() to set the wall clock back")
        with self._lock:
            self._wall += ns
            self._boot += ns

    def step(self, ns: int) -> None:
        """Set the wall clock forward (or back, if *ns* is negative) without any time passing."""
        with self._lock:
            self._wall += ns


def rfc3339(ns: int) -> str:
    """Return the moment *ns* (nanoseconds since 1970) as RFC 3339 text in UTC, with microseconds.

    Kraken writes its own timestamps in this form (https://docs.kraken.com/api/docs/websocket-v2/executions).
    """
    seconds, rest = divmod(ns, NS_PER_SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // NS_PER_US:06d}Z"


def parse_rfc3339(text: str) -> int:
    """Return the moment that RFC 3339 *text* names, in nanoseconds since 1970, exact to the nanosecond.

    Raises:
        ValueError: the text is not an RFC 3339 date and time with an offset.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 date and time with offset, such as 2026-09-21T13:33:20.000001Z")
    day, clock, fraction, offset = match.groups()
    moment = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if offset in 'Zz' else offset}")
    return int(moment.timestamp()) * NS_PER_SECOND + int((fraction or "").ljust(9, "0"))
