"""The store of one host: floors and grants for all its processes, in a mapped file."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

from krakenonce.clock import NS_PER_SECOND, Clock, SystemClock
from krakenonce.errors import StoreUnavailable
from krakenonce.stores.base import Grant, Holder
from krakenonce.stores.file.chronicle import Chronicle
from krakenonce.stores.file.filesystem import plain_errors, prepare_directory
from krakenonce.stores.file.hostclock import HostClock
from krakenonce.stores.file.hostnumbers import HostNumbers
from krakenonce.stores.file.identity import own_mark, process_of
from krakenonce.stores.file.image import Image, MappedImage
from krakenonce.stores.file.layout import OWNER, REFUSALS, REFUSED_AT, SINCE, key_words, slot_at
from krakenonce.stores.file.ledger import WINDOW, Ledger
from krakenonce.stores.file.living import enrol
from krakenonce.stores.file.locks import OPENING, PRESENCE
from krakenonce.stores.file.opening import Host, Opener, this_host
from krakenonce.stores.file.places import FilePending, FileThreadPlace
from krakenonce.stores.file.register import Register
from krakenonce.stores.file.seat import Desk, Seat
from krakenonce.stores.file.settings import read_url
from krakenonce.stores.file.systemlocks import open_locks
from krakenonce.stores.file.threads import Scribe, Ushers
from krakenonce.stores.file.turnstile import PlainTurnstile, TicketTurnstile, Turnstile

log = logging.getLogger("krakenonce")

STATE = "state"

ImageMaker = Callable[[Path, int | None], Image]


class FileStore:
    """Grants for all processes of a host: exclusive per key, first come first served, whatever dies or stops.

    Safe from any thread. `acquire` and `release` never block: what has to wait, for another process or for the disk,
    waits in a thread of the store's own. A forked child goes on with the same object. Lanes of other keys are never
    touched by what happens to one.

    Parameters:
        url: ``file:///path``; see `read_url` for the options.
        clock: where time is read.
        make: opens the state file; the simulation of power cuts passes its own.
        host: the machine and its present start; default: what the system says.

    Raises:
        ConfigError: the URL, the directory or the file system can't be used.
        StoreUnavailable: the system refuses now.
    """

    survives_fork = True
    ledger_class = Ledger
    numbers_class = HostNumbers

    def __init__(
        self,
        url: str,
        clock: Clock | None = None,
        *,
        make: ImageMaker = MappedImage,
        host: Host | None = None,
    ) -> None:
        self._settings = read_url(url)
        self.url = url
        self._clock = clock or SystemClock()
        self._make, self._host = make, host or this_host()
        self._closed = False
        self._mutex = threading.RLock()
        self._open()
        self.numbers = self.numbers_class(self._ledger, self._locks, self._settings.directory, self._check)
        enrol(self)

    def _open(self) -> None:
        settings = self._settings
        group = self._group = prepare_directory(settings)
        with plain_errors(settings.directory):
            self._locks, ordered = open_locks(settings, group)
            path = settings.directory / STATE
            try:
                opener = Opener(path, self._locks, self._clock, lambda place: self._make(place, group), self._host)
                self._image = opener.open()
            except BaseException:
                self._locks.close()
                raise
        self._ordered = ordered
        self._settle()

    def _settle(self) -> None:
        """Make everything that belongs to this process alone: threads, locks of threads, what is held here."""
        directory = self._settings.directory
        self._pid = os.getpid()
        self._mutex = threading.RLock()
        self._seats: dict[str, Seat] = {}
        self._ledger = self.ledger_class(self._image, self._locks, HostClock(self._clock, self._image), directory)
        self._register = Register(self._image, self._locks)
        self._chronicle = Chronicle(self._image, self._register, directory, self._group)
        self._scribe = Scribe(WINDOW / 2 / NS_PER_SECOND, self._was_used, self._extend)
        self._desk = Desk(self._ledger, self._make_turnstile(), Ushers(), own_mark())
        self._ledger.awaken = self._scribe.wake
        if hasattr(self, "numbers"):
            self.numbers.attach(self._ledger, self._locks)

    def _make_turnstile(self) -> Turnstile:
        return TicketTurnstile(self._image, self._locks) if self._ordered else PlainTurnstile(self._image, self._locks)

    def acquire(self, key: str, floor: int) -> Grant | None:
        self._check()
        seat = self._seats.get(key)
        if seat is None:
            with plain_errors(self._settings.directory):
                seat = self._find_seat(key, wait=False)
        return None if seat is None else seat.acquire(floor)

    def queue(self, key: str, floor: int, wake: Callable[[], None]) -> FilePending:
        self._check()
        with plain_errors(self._settings.directory):
            seat = self._seats.get(key) or self._find_seat(key, wait=True)
            if seat is None:
                raise StoreUnavailable(f"file store {self._settings.directory}: no slot for another key")
            return seat.queue(floor, wake)

    def line_up(self, key: str, floor: int) -> FileThreadPlace | None:
        """As `queue`, for a thread that calls `FileThreadPlace.sleep` itself; None if `queue` must do.

        Only `close` has a weaker effect on it: it ends such a sleep not at once, but when the processes before it in
        the line have ended their turns or died.
        """
        self._check_process()
        seat = self._seats.get(key)
        if seat is None:
            return None
        with plain_errors(self._settings.directory):
            return seat.line_up(floor)

    def renew(self, grant: Grant, last: int) -> Grant:
        self._check()
        seat = self._seats.get(grant.key)
        if seat is None:
            raise StoreUnavailable("this grant is of another process or another state; nothing was sent")
        return seat.renew(grant, last)

    def release(self, grant: Grant, last: int) -> None:
        seat = self._seats.get(grant.key)
        if seat is None or self._closed or self._pid != os.getpid():
            return
        if self._image.is_orphan():
            self._move()
        else:
            seat.release(grant, last)

    def holder(self, key: str) -> Holder | None:
        index = self._register.find(key_words(key))
        if index is None or self._closed:
            return None
        words, slot = self._image.words, slot_at(index)
        pid = process_of(words[slot + OWNER])
        return Holder(pid, words[slot + SINCE]) if pid else None

    def note_refusal(self, key: str) -> None:
        index = self._register.find(key_words(key))
        if index is not None and not self._closed:
            words, slot = self._image.words, slot_at(index)
            words[slot + REFUSALS] += 1
            words[slot + REFUSED_AT] = self._clock.wall_ns()

    def remember(self, key: str, event: str) -> None:
        if not self._closed:
            self._chronicle.remember(key, event)

    def remembered(self, key: str) -> tuple[str, ...]:
        if not self._closed and self._image.is_orphan():
            self._move()
        return self._chronicle.remembered(key)

    def close(self) -> None:
        if self._closed or self._pid != os.getpid():
            return
        self._closed = True
        is_lost = self._image.is_orphan()
        if is_lost:
            self._image.close()  # first: pages that were cut off must not be touched
        self._abandon("the file store was closed")
        if not is_lost:
            self._finish()
        self._locks.close()
        self._image.close()

    def _abandon(self, reason: str) -> None:
        self._scribe.stop()
        for seat in list(self._seats.values()):
            seat.abandon(StoreUnavailable(reason))

    def _finish(self) -> None:
        """If nobody else is present, write exact floors: the next start then need not keep a distance."""
        if not self._locks.try_lock(OPENING):
            return  # somebody is just coming in
        self._locks.unlock(PRESENCE)
        try:
            if self._locks.try_lock(PRESENCE):
                self._ledger.finish()
        except StoreUnavailable as error:
            log.warning("the file store could not be shut down in order: %s", error)
        finally:
            self._locks.unlock(OPENING)

    def _check_process(self) -> None:
        if self._closed:
            raise StoreUnavailable("the file store was closed")
        if self._pid != os.getpid():
            self.after_fork_in_child()  # forked by code that does not run Python's handlers

    def _check(self) -> None:
        self._check_process()
        if self._image.is_orphan() or self._locks.is_orphan():
            self._move()

    def _move(self) -> None:
        """The files were taken from under us: go where everybody who comes now will be."""
        with self._mutex:
            if not (self._image.is_orphan() or self._locks.is_orphan()):
                return
            log.warning("the files of %s were deleted, replaced or cut short while in use: starting anew", self.url)
            self._image.close()  # first: pages that were cut off must not be touched
            self._abandon("the files of the store were deleted, replaced or cut short; nothing was sent")
            self._locks.close()
            self._open()

    def _find_seat(self, key: str, *, wait: bool) -> Seat | None:
        with self._mutex:
            index = self._register.find_or_make(key_words(key), wait=wait)
            return None if index is None else self._seats.setdefault(key, Seat(key, index, self._desk))

    def _extend(self) -> None:
        if not self._image.is_orphan():
            self._ledger.extend()

    def _was_used(self) -> bool:
        used, self._ledger.used = self._ledger.used, False
        return used

    def after_fork_in_child(self) -> None:
        """Begin anew: what the parent holds stays the parent's."""
        if self._closed:
            return
        self._locks.reopen()
        self._locks.try_share(PRESENCE)
        self._settle()
