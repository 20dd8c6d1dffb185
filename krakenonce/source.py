"""The process's source of numbers: strictly increasing nanoseconds, whatever clocks, threads and signal handlers do.

It hands out numbers, not order of arrival: that is what lanes are for.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Callable
from typing import NamedTuple

from krakenonce.clock import Clock
from krakenonce.errors import ForkedProcess, NonceOutOfRange
from krakenonce.nonce import EARLIEST, MAX_FORWARD_STEP, MAX_NONCE, ClockStatus, unbelievable_lead

log = logging.getLogger("krakenonce")


class ClockLine:
    """What the wall clock should show, told from the boot clock. Not locked: its source's lock guards it.

    A wall clock may be set forward by mistake, and a nonce taken from it would poison the key for good: Kraken never
    accepts a lower one again. The boot clock can't be set, so the difference of the two shows the step.
    """

    __slots__ = ("_boot", "_wall")

    def __init__(self) -> None:
        self._wall, self._boot = 0, 0

    def expected(self, boot: int) -> int:
        """Return what the wall clock should show when the boot clock shows *boot*."""
        return self._wall + boot - self._boot

    def anchor(self, wall: int, boot: int) -> None:
        """Believe that *wall* is right at *boot*."""
        self._wall, self._boot = wall, boot

    def ahead(self, wall: int, boot: int) -> int:
        """Return by how much *wall* is ahead of the line beyond belief; 0 if it may be followed.

        A line that was never anchored, or stands before `EARLIEST`, proves nothing.
        """
        return unbelievable_lead(wall, self.expected(boot)) if self._wall else 0

    def follow(self, wall: int, boot: int) -> None:
        """Move the line to *wall* unless it stepped back: a later correction forward then lands on the old line."""
        if wall >= self.expected(boot) - MAX_FORWARD_STEP:
            self.anchor(wall, boot)


class _Cells(NamedTuple):
    """The closure of `_make_issuer`, as functions. Closure cells cost half of what attributes cost on the hot path."""

    issue: Callable[[], int]
    raise_floor: Callable[[int], None]
    steer: Callable[[Callable[[], int], int], None]
    peek: Callable[[], tuple[int, int]]
    renew_lock: Callable[[], None]


def _make_issuer(rejudge: Callable[[], int]) -> _Cells:
    # An RLock, because a signal handler or a finalizer may ask for a number while this thread is inside. Between
    # reading and storing `last` there is no call and no backward jump, so the interpreter cannot run one there.
    lock = threading.RLock()
    wall: Callable[[], int] = int
    horizon = -1  # the first call, and every reading beyond it, is judged first
    last = EARLIEST - 1
    count = 0

    def issue() -> int:
        """Return the next nonce: an int of 19 digits, above every one returned before. Safe from any thread.

        Raises:
            ForkedProcess: the source was carried through fork().
            NonceOutOfRange: no number is left below 2**63.
        """
        nonlocal last, count
        now = wall()
        if now > horizon:
            return rejudge()
        with lock:
            if now <= last:
                now = last + 1
                if now > MAX_NONCE:
                    raise NonceOutOfRange("the next nonce would exceed 2**63 - 1; make a new API key")
            last = now
            count += 1
        return now

    def raise_floor(floor: int) -> None:
        nonlocal last
        with lock:
            last = max(last, floor - 1)

    def steer(new_wall: Callable[[], int], new_horizon: int) -> None:
        nonlocal wall, horizon
        with lock:
            wall, horizon = new_wall, new_horizon

    def renew_lock() -> None:
        nonlocal lock, horizon
        lock, horizon = threading.RLock(), -1

    return _Cells(issue, raise_floor, steer, lambda: (last, count), renew_lock)


class NonceSource:
    """Strictly increasing numbers for all keys of a process. Safe across threads, signal handlers and finalizers.

    `next` returns ``max(last + 1, now)``, with three exceptions that keep a wrong clock from doing harm: a wall clock
    that steps forward by more than 60 s against the boot clock is not followed (held and reported) until
    `confirm_clock` is called or it comes back; nothing below 2026 and nothing above 2**63 - 1 is ever issued.

    Parameters:
        clock: where time is read.

    Attributes:
        next: the function that returns the next number. It is the hot path, so it is a closure and no method.
        began: what the wall and the boot clock showed when the source was made.
    """

    __slots__ = ("__weakref__", "_cells", "_clock", "_held", "_line", "_lock", "_pid", "_steps_held", "began", "next")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._line = ClockLine()
        self.began = (clock.wall_ns(), clock.boot_ns())
        self._lock = threading.RLock()
        self._pid: int | None = None
        self._held = False
        self._steps_held = 0
        self._cells = _make_issuer(self._rejudge)
        self.next = self._cells.issue
        _sources.add(self)

    def bind(self) -> None:
        """Tie the source to this process: from now on a forked child is refused. Issuing the first number binds too."""
        self.check_process()
        self._pid = os.getpid()

    def check_process(self) -> None:
        """Raise `ForkedProcess` if the source was bound in another process."""
        if self._pid is not None and self._pid != os.getpid():
            raise ForkedProcess(
                f"this nonce source belongs to process {self._pid}; process {os.getpid()} was forked from it and would "
                "issue the same numbers. Share a store between them (KRAKENONCE_STORE=file:///path), or start the "
                "child with 'spawn', or create its manager after the fork if its API keys are its own"
            )

    def peek(self) -> tuple[int, int]:
        """Return the last number and how many were issued, without issuing one. The last is 0 before the first."""
        last, count = self._cells.peek()
        return (last if count else 0), count

    def raise_floor(self, floor: int) -> None:
        """Never issue below *floor* from now on. There is no way to lower it."""
        if floor > MAX_NONCE:
            raise NonceOutOfRange(f"a floor of {len(str(floor))} digits lies above 2**63 - 1; make a new API key")
        self._cells.raise_floor(floor)

    def clock_status(self) -> ClockStatus:
        """Return what the source thinks of its wall clock now."""
        wall, (last, _) = self._clock.wall_ns(), self.peek()
        with self._lock:
            ahead = self._line.ahead(wall, self._clock.boot_ns())
            return ClockStatus(self._held, self._steps_held, ahead, max(0, last - wall))

    def confirm_clock(self) -> None:
        """Follow the wall clock as it stands: the operator says that the forward step was right. Irreversible."""
        with self._lock:
            wall, boot = self._clock.wall_ns(), self._clock.boot_ns()
            self._line.anchor(wall, boot)
            self._follow(wall, boot)

    def _rejudge(self) -> int:
        self.bind()
        with self._lock:
            wall, boot = self._clock.wall_ns(), self._clock.boot_ns()
            if wall > MAX_NONCE:
                raise NonceOutOfRange("the wall clock lies beyond 2262, where nonces end; set it right")
            ahead = self._line.ahead(wall, boot)
            if ahead:
                self._hold(ahead, boot)
            else:
                self._follow(wall, boot)
        return self.next()

    def _follow(self, wall: int, boot: int) -> None:
        self._held = False
        self._line.follow(wall, boot)
        self._cells.steer(self._clock.wall_ns, min(wall + MAX_FORWARD_STEP, MAX_NONCE))

    def _hold(self, ahead: int, boot: int) -> None:
        if not self._held:
            self._held = True
            self._steps_held += 1
            log.warning(
                "the wall clock stepped forward by %d s against the boot clock: not followed until it comes back or "
                "confirm_clock() is called",
                ahead // 1_000_000_000,
            )
        self._cells.steer(self._line_now, self._line.expected(boot) + MAX_FORWARD_STEP)

    def _line_now(self) -> int:
        return self._line.expected(self._clock.boot_ns())

    def after_fork_in_child(self) -> None:
        """Renew the locks: another thread of the parent may have held them, and will never let go of them here."""
        self._lock = threading.RLock()
        self._cells.renew_lock()


_sources: weakref.WeakSet[NonceSource] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for source in list(_sources):
        source.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
