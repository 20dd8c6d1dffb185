"""The queue of one API key."""

from __future__ import annotations

import logging
import threading
from typing import cast

from krakenonce.clock import Clock
from krakenonce.errors import ForkedProcess, ReentrantUse
from krakenonce.kraken.replies import Outcome, Refused
from krakenonce.lanes.numbering import Numbering
from krakenonce.lanes.owner import Owner
from krakenonce.lanes.place import Place
from krakenonce.lanes.priority import Priority
from krakenonce.lanes.queue import Entry, Queue
from krakenonce.lanes.statistics import LaneStats, Tally
from krakenonce.lanes.turn import Turn
from krakenonce.lanes.waiters import Waiter
from krakenonce.refusals.firewall import Firewall
from krakenonce.refusals.watch import Watch
from krakenonce.stores.base import Grant, LingeringStore, NumberSource, Store

log = logging.getLogger("krakenonce")


class Lane:
    """One request in flight for one API key; the rest waits, first come first served within a priority.

    Threads and tasks of any number of event loops share the queue. The place is handed over directly: whoever ends a
    turn wakes the next in line, and nobody polls.

    Lanes are made by `GlobalKrakenNonceManager.lane`, which returns the same one for the same key.

    Attributes:
        key: the lane's name, made of fingerprints.
        account: whose key it is, for messages; empty as long as nobody has said.
        firewall: what stands between all keys of the exchange.
    """

    __slots__ = (
        "_clock", "_holder", "_is_followed", "_lingering", "_mutex", "_numbers", "_queue", "_source", "_store",
        "_tally", "_watch", "account", "firewall", "key",
    )  # fmt: skip

    def __init__(
        self, key: str, store: Store, source: NumberSource, clock: Clock, firewall: Firewall | None = None
    ) -> None:
        self.key = key
        self.firewall = firewall or Firewall(clock)
        self._watch: Watch | None = None
        self.account = ""
        self._store, self._source, self._clock = store, source, clock
        self._mutex = threading.RLock()
        self._holder: Place | None = None
        self._queue = Queue()
        self._numbers = Numbering(key, store, source, clock)
        self._tally = Tally()
        self._lingering = cast("LingeringStore", store) if hasattr(store, "linger") else None
        self._is_followed = False  # the store was told that the next turn comes from here

    def turn(self, priority: Priority = Priority.READ, *, timeout: float | None = None, above: int = 0) -> Turn:
        """Return one place in the lane, to be used once, with ``with`` or ``async with``.

        Entering waits for the place. The nonce is issued at the first look at `Turn.nonce`, so take it last, just
        before signing. Leaving frees the lane: leave only when the answer is there, or the connection is closed.

        Parameters:
            priority: who goes first among those who wait.
            timeout: seconds to wait for the place at the most; None waits for ever.
            above: a number that the turn's nonce must exceed, beside every earlier one of the key: for a barrier beyond
                the key's nonce window. Where the store's grant does not reach that far, `Turn.nonce` raises
                `StoreUnavailable` until the clock has come near enough.

        Raises (on entering):
            LaneTimeout: the place was not reached in time. Nothing was sent.
            LaneQuarantined: the key sends nothing for a while; the message says until when, and why.
            ReentrantUse: this thread or task holds a turn of this key already, or would block the event loop that must
                go on before its place comes.
            ForkedProcess: the lane was carried through fork().
            StoreUnavailable: the store could not grant.
        """
        return Turn(self, priority, timeout, above)

    @property
    def store(self) -> Store:
        """The store this lane takes its grants from."""
        return self._store

    @property
    def clock(self) -> Clock:
        """The clock that time-outs are counted by."""
        return self._clock

    @property
    def floor(self) -> int:
        """The lowest number this lane can still issue. Only ever rises."""
        return self._numbers.last + 1

    @property
    def watch(self) -> Watch:
        """What is known of the key's refusals: flight recorder, quarantine, consent."""
        if self._watch is None:
            self._watch = Watch(self.key, self._store, self._clock, self.firewall)
        self._watch.account = self.account
        return self._watch

    def stats(self) -> LaneStats:
        """Return what the lane has done so far."""
        with self._mutex:
            tally = self._tally
            return LaneStats(
                tally.turns,
                self._numbers.issued,
                tally.accepted,
                tally.refused,
                tally.unknown,
                len(self._queue),
                int(self._holder is not None),
                self._numbers.last,
            )

    # What follows is for Turn and Place.

    def check(self) -> bool:
        """Return True if a probe must come first: the key's quarantine has just ended.

        Raises:
            LaneQuarantined: it has not.
        """
        if self._watch is None and not self._store.remembered(self.key):
            return False
        return self.watch.check()

    def raise_floor(self, floor: int) -> None:
        """Issue nothing below *floor* from now on. For the holder only, who then asks for another grant."""
        self._numbers.raise_floor(floor)

    def enter(self, place: Place, waiter: Waiter | None) -> bool:
        """Take the place if it is free (True); else queue it with its *waiter*, if it has one (False)."""
        self._source.check_process()
        self._refuse_interrupted_self()
        with self._mutex:
            if self._holder is None:
                self._take(place)
                return True
            self._refuse_deadlock(place.owner)
            if waiter is not None:
                self._queue.push(place, waiter)
            return False

    def abandon(self, place: Place) -> None:
        """Take *place* out of the queue, or pass it on if it has been given. Harmless if it is neither."""
        if self._mutex._is_owned():  # type: ignore[attr-defined]  # noqa: SLF001 - see _refuse_interrupted_self
            return
        with self._mutex:
            if place.queued:
                self._queue.forget(place)
            if self._holder is not place:
                return
        self.leave()

    def leave(self) -> None:
        """Give the place to the next in line and wake it."""
        while entry := self._pop_next():
            try:
                entry.waiter.wake()
                return
            except RuntimeError:
                continue  # its event loop was closed while it waited: the place goes to the one behind it

    def _pop_next(self) -> Entry | None:
        with self._mutex:
            entry = self._queue.pop()
            self._holder = None
            if entry is not None:
                self._take(entry.place)
                return entry
            nobody_came, self._is_followed = self._is_followed, False
        if nobody_came and self._lingering is not None:
            self._lingering.forgo(self.key)
        return None

    def release(self, grant: Grant, last: int, *, leaves: bool) -> None:
        """Give *grant* back to the store, and tell it if the one who *leaves* is followed by another one here."""
        lingering = self._lingering if leaves and len(self._queue) else None
        self._is_followed = lingering is not None
        if lingering is None:
            self._store.release(grant, last)
        else:
            lingering.linger(grant, last)

    def is_carried_over(self, place: Place) -> bool:
        """True in a forked child, if *place* is its parent's."""
        try:
            self._source.check_process()
        except ForkedProcess:
            return True
        return self._holder is not place

    def after_fork_in_child(self) -> None:
        """Renew the lock: another thread of the parent may have held it, and will never let go of it here.

        Turns that were held or waiting are the parent's. With a store that survives the fork the child begins anew.
        """
        self._mutex = threading.RLock()
        if self._store.survives_fork:
            self._holder, self._queue, self._is_followed = None, Queue(), False

    def blame(self) -> str:
        """Return who keeps the lane from those who wait, as a sentence for an error message."""
        holder = self._store.holder(self.key)
        if holder is None:
            return ""
        seconds = (self._clock.boot_ns() - holder.since_boot_ns) / 1e9
        return f". Process {holder.pid} has held it for {seconds:.1f} s"

    def issue(self, grant: Grant, lowest: int = 0) -> tuple[int, Grant]:
        """Return the next nonce, at least *lowest*, and the grant it lies in: see `Numbering.issue`. For the holder."""
        nonce, grant = self._numbers.issue(grant, lowest)
        self.watch.issued(nonce, self._clock.boot_ns(), grant)
        return nonce, grant

    def confirm(self, grant: Grant) -> Grant:
        """Return the grant in which the nonce issued last may still be sent, for the holder: see `Numbering`."""
        return self._numbers.confirm(grant)

    def count(self, outcome: Outcome, nonce: int) -> None:
        """Add *outcome* to the statistics, and draw the consequences for the key if a *nonce* was used (not 0)."""
        if nonce:
            self.watch.answered(outcome)
        self._tally.add(outcome)
        if isinstance(outcome, Refused) and outcome.invalid_nonce:
            self._store.note_refusal(self.key)

    def _take(self, place: Place) -> None:
        self._holder = place
        self._tally.turns += 1

    def _refuse_interrupted_self(self) -> None:
        # An RLock would let a signal handler or a finalizer in, and find the queue half changed.
        if self._mutex._is_owned():  # type: ignore[attr-defined]  # noqa: SLF001 - as threading.Condition asks
            raise ReentrantUse("a signal handler or finalizer asked for a turn in the middle of this lane's own work")

    def _refuse_deadlock(self, owner: Owner) -> None:
        holder = self._holder
        if holder is not None and owner.is_same_as(holder.owner):
            raise ReentrantUse("this thread or task already holds a turn of this key; end it first")
        ahead = [holder, *self._queue.places()]
        if owner.blocks_loop_of(place.owner for place in ahead if place is not None):
            raise ReentrantUse(
                "a synchronous call would block the event loop whose own task is ahead of it in this lane; use the "
                "asynchronous client there, or asyncio.to_thread"
            )
