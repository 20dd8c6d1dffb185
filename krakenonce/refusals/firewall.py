"""Between the keys of one exchange: one key's lockout must not become everybody's.

Kraken does not say whether a lockout is for a key or for an address. So after one was seen, the other keys' reads and
new orders wait until a single probe of one of them, the scout, has shown which; exits and cancels go on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import Enum

from krakenonce.clock import Clock, rfc3339
from krakenonce.errors import LaneQuarantined
from krakenonce.refusals.standing import LOCKOUT_SPAN

Wake = Callable[[], None]


class State(Enum):
    """What is known of the address."""

    CALM = "nothing is known against it"
    DOUBT = "a key was locked out, and nobody knows whether the others are"
    SHUT = "two keys were locked out: so the address is"


class Pass(Enum):
    """How a turn may go on."""

    FREE = "as it wants"
    SCOUT = "with a probe first"
    WAIT = "not yet: it is woken"


class Firewall:
    """The keys of one process at one exchange. Safe across threads; never blocks.

    Parameters:
        clock: where time is read.
    """

    __slots__ = ("_clock", "_lock", "_locked_out", "_scout", "_seen_boot", "_until_boot", "_waiting", "state")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.renew_lock()

    def renew_lock(self) -> None:
        """Begin calmly and with a lock of one's own: after a fork as well."""
        self._lock = threading.RLock()
        self.state = State.CALM
        self._locked_out: set[str] = set()
        self._scout: object = None
        self._seen_boot = self._until_boot = 0
        self._waiting: list[Wake] = []

    def locked_out(self, key: str) -> None:
        """Take in that *key* was answered with a temporary lockout."""
        with self._lock:
            now = self._clock.boot_ns()
            is_second = self.state is not State.CALM and key not in self._locked_out
            self.state = State.SHUT if is_second or self.state is State.SHUT else State.DOUBT
            self._locked_out.add(key)
            self._seen_boot = now
            self._until_boot = now + LOCKOUT_SPAN
            woken = self._take_waiting() if self.state is State.SHUT else []
        _wake(woken)

    def passed(self, key: str, issued_boot: int) -> None:
        """Take in that a request of *key*, its nonce issued at *issued_boot*, got through."""
        with self._lock:
            if self.state is State.CALM or issued_boot < self._seen_boot:
                return
            self.state = State.CALM
            self._locked_out.clear()
            self._scout = None
            woken = self._take_waiting()
        _wake(woken)

    def admit(self, key: str, turn: object, wake: Wake | None) -> Pass:
        """Say how *turn*, which can wait, may go on. WAIT is said only if there is a *wake* to be called.

        Raises:
            LaneQuarantined: the address is locked out.
        """
        with self._lock:
            if self.state is State.CALM or key in self._locked_out:
                return Pass.FREE  # a key that was locked out itself is kept back by its own quarantine
            now = self._clock.boot_ns()
            if self.state is State.SHUT and now < self._until_boot:
                raise self._shut(now)
            if self._scout is None:
                self._scout = turn
                return Pass.SCOUT
            if wake is not None and self._scout is not turn:
                self._waiting.append(wake)
            return Pass.SCOUT if self._scout is turn else Pass.WAIT

    def leave(self, turn: object) -> None:
        """Take in that *turn* is over. If it was the scout and brought nothing, another one goes."""
        with self._lock:
            if self._scout is not turn:
                return
            self._scout = None
            woken = self._take_waiting()
        _wake(woken)

    def forget(self, wake: Wake) -> None:
        """Take back a *wake*: its turn has given up."""
        with self._lock:
            if wake in self._waiting:
                self._waiting.remove(wake)

    def _take_waiting(self) -> list[Wake]:
        woken, self._waiting = self._waiting, []
        return woken

    def _shut(self, now: int) -> LaneQuarantined:
        until = self._clock.wall_ns() + self._until_boot - now
        why = f"{len(self._locked_out)} keys were locked out, so this machine's address is"
        return LaneQuarantined(f"nothing but exits until {rfc3339(until)}: {why}. Nothing was sent", until, why)


def _wake(waiting: list[Wake]) -> None:
    for wake in waiting:
        try:
            wake()
        except RuntimeError:
            continue  # its event loop was closed while it waited
