"""A place in a lane, and the store's grant that goes with it: how both are come by, and how they are given back."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Protocol, TypeVar

from krakenonce.errors import ReentrantUse
from krakenonce.lanes.owner import Owner
from krakenonce.lanes.waiters import Waiter
from krakenonce.refusals.firewall import Firewall, Pass, State
from krakenonce.stores.base import Grant, Store

AnyWaiter = TypeVar("AnyWaiter", bound=Waiter)

UNHURRIED = 2
"""Priorities from here on (new orders, reads) wait while a lockout of the whole address is possible; exits go on."""


class Line(Protocol):
    """What a place needs of the lane it is in."""

    @property
    def key(self) -> str:
        """The lane's name."""

    @property
    def store(self) -> Store:
        """Where grants come from."""

    @property
    def floor(self) -> int:
        """The lowest number the lane can still issue."""

    @property
    def firewall(self) -> Firewall:
        """What stands between all keys of the exchange."""

    def check(self) -> bool:
        """Return True if a probe must come first. Raises `LaneQuarantined` while nothing may be sent."""

    def enter(self, place: Place, waiter: Waiter | None) -> bool:
        """Take the place if it is free (True); else queue for it with *waiter*, if there is one (False)."""

    def abandon(self, place: Place) -> None:
        """Leave the queue, or pass the place on. Harmless if there is neither."""

    def leave(self) -> None:
        """Give the place to the next in line."""

    def release(self, grant: Grant, last: int, *, leaves: bool) -> None:
        """Give *grant* back to the store; who *leaves* gives its place to the next in line after this."""


class Place:
    """One request's place. Used once, by one owner.

    Attributes:
        owner: who wants or holds it.
        priority: its rank in the queue; within a rank, first come first served.
        queued: True while it waits in the lane's queue; the queue's own mark.
        grant: the store's permission, while there is one.
        on_trial: True if a harmless probe must be sent before anything else.
    """

    __slots__ = ("_entered", "_line", "_scouts", "grant", "on_trial", "owner", "priority", "queued")

    owner: Owner

    def __init__(self, line: Line, priority: int) -> None:
        self._line = line
        self.priority = priority
        self.grant: Grant | None = None
        self.on_trial = self.queued = False
        self._entered = self._scouts = False

    def take_at_once(self, owner: Owner) -> bool:
        """Take place and grant if both are free. If not (False), `steps` says what to wait for."""
        self.owner, line = owner, self._line
        line.check()
        if self._must_pass_firewall() or not line.enter(self, None):
            return False
        try:
            self._entered = True
            self.grant = line.store.acquire(line.key, line.floor)
            if self.grant is not None:
                self.on_trial = line.check()  # again: whoever held the key before may have been refused
        except BaseException:
            self.give_up()
            raise
        return self.grant is not None

    def steps(self, make: Callable[[], AnyWaiter]) -> Generator[AnyWaiter, None, None]:
        """Wait for what `take_at_once` did not get. Closing the generator leaves every queue."""
        try:
            if not self._entered:
                yield from self._queue_for_place(make)
            if self.grant is None:
                yield from self._queue_for_grant(make)
            self.on_trial = self._line.check() or self._scouts
        except BaseException:
            self.give_up()
            raise

    def regrant(self, make: Callable[[], AnyWaiter], last: int) -> Generator[AnyWaiter, None, None]:
        """Give the grant back and wait for another. The place in the lane is kept; *last* is the last number used."""
        self._release(last)
        self.grant = self._line.store.acquire(self._line.key, self._line.floor)
        if self.grant is None:
            yield from self._queue_for_grant(make)

    def leave(self, last: int) -> None:
        """Give back grant and place; *last* is the last number used of it, 0 for none."""
        try:
            if self.grant is not None:
                self._release(last, leaves=True)
        finally:
            if self._scouts:
                self._line.firewall.leave(self)
            self._line.leave()

    def give_up(self) -> None:
        """Give back whatever was come by, after an exception on the way."""
        if self.grant is not None:
            self._release(0)
        self._line.abandon(self)
        self._line.firewall.leave(self)

    def _release(self, last: int, *, leaves: bool = False) -> None:
        grant, self.grant = self.grant, None
        if grant is None:
            raise ReentrantUse("this turn is not held: ask for its nonce inside the with block")
        self._line.release(grant, last or grant.low - 1, leaves=leaves)

    def _must_pass_firewall(self) -> bool:
        return self.priority >= UNHURRIED and self._line.firewall.state is not State.CALM

    def _queue_for_place(self, make: Callable[[], AnyWaiter]) -> Generator[AnyWaiter, None, None]:
        if self._must_pass_firewall():
            yield from self._pass_firewall(make)
        if not self._line.enter(self, None):
            waiter = make()
            if not self._line.enter(self, waiter):
                yield waiter
        self.grant = self._line.store.acquire(self._line.key, self._line.floor)

    def _queue_for_grant(self, make: Callable[[], AnyWaiter]) -> Generator[AnyWaiter, None, None]:
        waiter = make()
        pending = waiter.line_up(self._line.store, self._line.key, self._line.floor)
        try:
            yield waiter
            self.grant = pending.result()
        except BaseException:
            pending.cancel()
            raise

    def _pass_firewall(self, make: Callable[[], AnyWaiter]) -> Generator[AnyWaiter, None, None]:
        """Wait until it is known whether a lockout concerns this key as well, or find it out."""
        firewall, answer = self._line.firewall, Pass.WAIT
        while answer is Pass.WAIT:
            waiter = make()
            answer = firewall.admit(self._line.key, self, waiter.wake)
            if answer is Pass.WAIT:
                try:
                    yield waiter
                except BaseException:
                    firewall.forget(waiter.wake)
                    raise
        self._scouts = answer is Pass.SCOUT
