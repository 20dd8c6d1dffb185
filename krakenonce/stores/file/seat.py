"""One key in one process: who holds it here, who waits here, and its place in the queue of the host."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from krakenonce.errors import KrakenonceError, StoreUnavailable
from krakenonce.stores.base import Grant
from krakenonce.stores.file.layout import GENERATION, LAST, OWNER, SINCE, slot_at
from krakenonce.stores.file.ledger import Ledger
from krakenonce.stores.file.places import FilePending, FileThreadPlace
from krakenonce.stores.file.threads import Ushers
from krakenonce.stores.file.turnstile import Turnstile


class Desk(NamedTuple):
    """What all seats of a store work with."""

    ledger: Ledger
    turnstile: Turnstile
    ushers: Ushers
    owner: int


class Seat:
    """One key in one process. Its own threads queue here; one of them at a time stands in the queue of the host.

    `_taken` is True while this process has a turn of the key, or a place in the queue of the host.
    """

    __slots__ = ("_desk", "_fate", "_grant", "_index", "_key", "_mutex", "_slot", "_taken", "_ticket", "_waiting")

    def __init__(self, key: str, index: int, desk: Desk) -> None:
        self._key, self._index, self._slot, self._desk = key, index, slot_at(index), desk
        # An RLock, because a signal handler may ask while this thread is inside; `_taken` then says no.
        self._mutex = threading.RLock()
        self._taken = False
        self._ticket = 0
        self._grant: Grant | None = None
        self._fate: KrakenonceError | None = None  # why nothing comes any more, once it is so
        self._waiting: deque[FilePending] | None = None  # made on first contention: most keys never see any

    def acquire(self, floor: int) -> Grant | None:
        """Return a grant, or None if somebody here or elsewhere is first, or the disk must be asked."""
        with self._mutex:
            if self._taken:
                return None
            self._taken = True
        grant = None
        try:
            ticket = self._desk.turnstile.try_enter(self._index)
            if ticket is not None:
                grant = self._stamp(ticket, floor)
        finally:
            if grant is None:
                self._move_on()
        return grant

    def queue(self, floor: int, wake: Callable[[], None]) -> FilePending:
        """Queue here, and in the queue of the host if nobody of this process stands there yet."""
        pending = FilePending(self, floor, wake)
        with self._mutex:
            if self._waiting is None:
                self._waiting = deque()
            self._waiting.append(pending)
            first = not self._taken
            self._taken = True
        if first:
            self._line_up()
        return pending

    def line_up(self, floor: int) -> FileThreadPlace | None:
        """Take a place for a thread that will `sleep` itself; None if somebody of this process has one already."""
        with self._mutex:
            if self._taken:
                return None
            self._taken = True
        return FileThreadPlace(self, floor, self._desk.turnstile.line_up(self._index))

    def sleep(self, place: FileThreadPlace) -> Grant:
        """Sleep in the kernel until the turn is there; returns its grant.

        Raises:
            StoreUnavailable: the store was closed meanwhile, or the disk does not take the mark.
        """
        try:
            ticket = self._desk.turnstile.wait(self._index, place.ticket)
            span = self._span(place.floor)
        except (OSError, ValueError) as error:  # ValueError: the open file was closed meanwhile
            raise self._fate or StoreUnavailable(f"waiting for the key failed: {error}; nothing was sent") from error
        with self._mutex:
            if self._fate is None:
                return self._seal(ticket, span)
        raise self._fate

    def forsake(self, place: FileThreadPlace) -> None:
        """Give the turn, or the place in the queue, back."""
        if place.grant is not None:
            self.release(place.grant, place.grant.low - 1)
        elif self._fate is None:
            # Nobody else of this process has anything here: what there is, half made or whole, belongs to this place.
            self._grant = None
            self._desk.turnstile.forsake(self._index)
            self._move_on()

    def renew(self, grant: Grant, last: int) -> Grant:
        """Return a grant that reaches further. Asks the disk only if the mark was not moved ahead in time."""
        if self._grant is not grant and (self._grant is None or self._grant.generation != grant.generation):
            raise StoreUnavailable("this grant has ended; nothing was sent")
        ledger = self._desk.ledger
        ledger.image.words[self._slot + LAST] = max(last, grant.low - 1)
        span = ledger.stamp(self._slot, last + 1)
        while span is None:
            ledger.cover(self._slot, last + 1)
            span = ledger.stamp(self._slot, last + 1)
        self._grant = Grant(self._key, grant.low, span[1], None, grant.generation)
        return self._grant

    def release(self, grant: Grant, last: int) -> None:
        """Give the turn back, and stand in line again if others wait here."""
        with self._mutex:
            if self._grant is None or self._grant.generation != grant.generation:
                return
            self._grant = None
        words = self._desk.ledger.image.words
        words[self._slot + LAST] = max(last, grant.low - 1)
        words[self._slot + OWNER] = 0
        self._desk.turnstile.leave(self._index, self._ticket)
        self._move_on()

    def withdraw(self, pending: FilePending) -> None:
        """Take *pending* out of the line, or give its grant back if it has one already."""
        with self._mutex:
            grant, pending.grant = pending.grant, None
            if grant is None and self._waiting and pending in self._waiting:
                self._waiting.remove(pending)
        if grant is not None:
            self.release(grant, grant.low - 1)

    def abandon(self, error: KrakenonceError) -> None:
        """Tell everybody who waits here that nothing will come, and give back what is held.

        A thread that sleeps in the kernel by itself hears it when those before it have ended their turns, or died.
        """
        with self._mutex:
            waiting, self._waiting = self._waiting or deque(), deque()
            held, self._fate = self._grant, error
        if held is not None:
            self.release(held, held.high - 1)
        for pending in waiting:
            pending.error = error
            _wake(pending)

    def _stamp(self, ticket: int, floor: int) -> Grant | None:
        """With the host's turn in hand: make the grant, or give the turn back."""
        span = None
        try:
            span = self._desk.ledger.stamp(self._slot, floor)
        finally:
            if span is None:
                self._desk.turnstile.leave(self._index, ticket)
        return self._seal(ticket, span) if span is not None else None

    def _seal(self, ticket: int, span: tuple[int, int]) -> Grant:
        words, slot = self._desk.ledger.image.words, self._slot
        generation = words[slot + GENERATION]
        words[slot + SINCE] = self._desk.ledger.clock.boot()
        words[slot + OWNER] = self._desk.owner
        self._ticket = ticket
        self._grant = Grant(self._key, span[0], span[1], None, generation)
        return self._grant

    def _move_on(self) -> None:
        """The turn is over: line up for the next one who waits here, if any."""
        with self._mutex:
            self._taken = bool(self._waiting)
        if self._taken:
            self._line_up()

    def _line_up(self) -> None:
        # The place is taken here and now, so that the order is that of asking and not that of threads starting.
        ticket = self._desk.turnstile.line_up(self._index)
        self._desk.ushers.run(lambda: self._wait(ticket))

    def _wait(self, place: int | None) -> None:
        """In a thread of its own: wait for the host's turn, and hand it to the first who still waits here."""
        try:
            ticket = self._desk.turnstile.wait(self._index, place)
            self._hand_over(ticket)
        except Exception as error:  # noqa: BLE001 - those who wait are told, whatever it was
            self._fail(error)

    def _hand_over(self, ticket: int) -> None:
        span = None
        try:
            span = self._span_for_first()
        finally:
            if span is None:
                self._desk.turnstile.leave(self._index, ticket)
        if span is None:
            self._move_on()
            return
        grant = self._seal(ticket, span)
        with self._mutex:
            pending = self._waiting.popleft() if self._waiting else None
            if pending is not None:
                pending.grant = grant
        if pending is None or not _wake(pending):
            self.release(grant, grant.low - 1)

    def _span_for_first(self) -> tuple[int, int] | None:
        with self._mutex:
            if not self._waiting:
                return None  # all of them gave up meanwhile
            floor = max(pending.floor for pending in self._waiting)
        return self._span(floor)

    def _span(self, floor: int) -> tuple[int, int]:
        """Return numbers for the next grant; asks the disk if need be."""
        span = self._desk.ledger.stamp(self._slot, floor)
        while span is None:
            self._desk.ledger.cover(self._slot, floor)
            span = self._desk.ledger.stamp(self._slot, floor)
        return span

    def _fail(self, error: Exception) -> None:
        with self._mutex:
            waiting, self._waiting = self._waiting or deque(), deque()
            self._taken = False
        for pending in waiting:
            pending.error = error
            _wake(pending)


def _wake(pending: FilePending) -> bool:
    """Wake one who waits; False if its event loop is closed, and nobody is there any more."""
    try:
        pending.wake()
    except RuntimeError:
        return False
    return True
