"""What a lease store does by the clock: renew, cut calls that hang, and tell who waits that the engine is away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from krakenonce.clock import Clock
from krakenonce.stores.leases.settings import NS, LeaseSettings
from krakenonce.stores.leases.timers import Timers

BEAT = 0.25
"""Seconds between two looks for the engine."""


class Waiters(Protocol):
    """Those who wait for grants."""

    @property
    def is_awaited(self) -> bool:
        """True if somebody waits for any key."""

    def engine_away(self, reason: str) -> None:
        """Let everybody know that the engine is away."""


class Vigil:
    """Runs on the timers' thread; the driver tells it when calls begin and end, and when the engine was heard.

    Parameters:
        settings: how long leases last.
        timer: what silence is measured by; timers: call back when a time has come.
        renew: demands a renewal of the session; interrupt: cuts the call under way.

    Attributes:
        waiters: who is told, if the engine is away, that they wait in vain.
        reason: why it is away, as far as anybody has said.
    """

    waiters: Waiters

    def __init__(
        self,
        settings: LeaseSettings,
        timer: Clock,
        timers: Timers,
        renew: Callable[[], None],
        interrupt: Callable[[], None],
    ) -> None:
        self._settings, self._timer, self._timers = settings, timer, timers
        self._renew, self._interrupt = renew, interrupt
        self._heard_at = self._call_began = 0
        self._watches_call = self._looks = False
        self.reason = ""

    def begin(self) -> None:
        """Renew from now on, every third of the time-to-live."""
        self._timers.start()
        self._timers.after(self._settings.ttl / 3, self._beat)

    def heard(self) -> None:
        """The engine has answered."""
        self._heard_at = self._timer.boot_ns()

    def call_begins(self) -> None:
        """A call to the engine begins: it is cut if it lasts too long."""
        self._call_began = self._timer.boot_ns()
        if not self._watches_call:
            self._watches_call = True
            self._timers.after(self._settings.ttl / 4, self._look_at_the_call)

    def call_ends(self) -> None:
        """The call is over."""
        self._call_began = 0

    def look(self) -> None:
        """Look for the engine as long as somebody waits."""
        if self.waiters.is_awaited and not self._looks:
            self._looks = True
            self._timers.after(BEAT, self._look_for_the_engine)

    def _beat(self) -> None:
        self._renew()
        self._timers.after(self._settings.ttl / 3, self._beat)

    def _look_at_the_call(self) -> None:
        """Cut a call that lasts too long: a connection that is half open would let it wait for ever."""
        began, self._watches_call = self._call_began, False
        if began and self._timer.boot_ns() - began >= self._settings.ttl / 4 * NS:
            self._interrupt()
        if began:
            self._watches_call = True
            self._timers.after(self._settings.ttl / 4, self._look_at_the_call)

    def _look_for_the_engine(self) -> None:
        """Tell who waits that the engine is away, once it has not been heard of for a lease's length."""
        self._looks = False
        silence = (self._timer.boot_ns() - self._heard_at) / NS
        if silence >= self._settings.ttl:
            self.waiters.engine_away(f"the engine has not answered for {silence:.0f} s: {self.reason or 'no reply'}")
        self.look()
