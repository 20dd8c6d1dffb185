"""What a lease store waits with: threads, timers, events. A test that simulates time puts others in their place."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import Protocol

from krakenonce.clock import Clock, SystemClock
from krakenonce.stores.leases.inbox import Inbox
from krakenonce.stores.leases.timers import Timers


class Event(Protocol):
    """As `threading.Event`."""

    def set(self) -> None:
        """Let everybody who waits go on, for good."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for `set` (True) or for *timeout* seconds (False)."""


class Thread(Protocol):
    """As `threading.Thread`."""

    @property
    def ident(self) -> int | None:
        """None before `start`."""

    def start(self) -> None:
        """Begin."""

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end."""


class Plumbing:
    """The real thing: this machine's threads and boot clock."""

    def name(self) -> str:
        """Return a name for a process that no other one has."""
        return secrets.token_hex(6)

    def timer(self) -> Clock:
        """Return the clock that waiting is measured by."""
        return SystemClock()

    def timers(self, clock: Clock) -> Timers:
        """Return what calls things later."""
        return Timers(clock)

    def inbox(self) -> Inbox:
        """Return what one thread waits at for others."""
        return Inbox()

    def event(self) -> Event:
        """Return something to wait for."""
        return threading.Event()

    def thread(self, target: Callable[[], None], name: str) -> Thread:
        """Return a thread that runs *target*. It does not keep the process alive."""
        return threading.Thread(target=target, name=name, daemon=True)
