"""The decisions of a lease store: who gets a key next, here or elsewhere. No I/O, no thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from krakenonce.clock import Clock
from krakenonce.errors import GrantEnded
from krakenonce.nonce import MAX_NONCE
from krakenonce.stores.base import Grant
from krakenonce.stores.leases.engine import (
    KEPT_EVENTS,
    Acquire,
    Ask,
    Claim,
    Granted,
    Handed,
    Raise,
    Release,
    Remember,
    Renewal,
    Wanted,
)
from krakenonce.stores.leases.floors import Floors
from krakenonce.stores.leases.session import Session
from krakenonce.stores.leases.settings import NS, LeaseSettings
from krakenonce.stores.leases.slots import Effects, Lease, Pending, Slot

log = logging.getLogger("krakenonce")

_LOCAL_GRANTS = 2**40  # a lease serves so many grants in this process before generations could meet


class Book:
    """All keys of this process. Every method is safe from any thread; none waits for the engine.

    A lease stays here when its turn is over (it is sticky), until another process wants it. Each method takes in one
    event and leaves what follows from it to *act*: asks for the engine, waiters to wake.

    Parameters:
        settings: how long leases last.
        clock: leases are counted by its boot time.
        timer: the quantum is measured by its boot time.
        floors: what this host remembers, or None.
        act: does what a decision leads to. Called without the lock.
    """

    def __init__(
        self,
        settings: LeaseSettings,
        clock: Clock,
        timer: Clock,
        act: Callable[[Effects], None],
        floors: Floors | None = None,
    ) -> None:
        self._floors = floors
        self._settings, self._clock, self._timer, self._act = settings, clock, timer, act
        self._lock = threading.RLock()
        self._slots: dict[str, Slot] = {}
        self._waiting: set[str] = set()
        self._offered: dict[str, Granted] = {}
        self.session = Session(settings)
        self.away = ""

    # What the lanes do.

    def acquire(self, key: str, floor: int) -> Grant | None:
        """Return a grant of a lease that is here, unused and not wanted elsewhere; else None."""
        with self._lock:
            slot = self._slot(key)
            slot.floor = max(slot.floor, floor)
            lease = None if slot.holder or slot.waiting else self._usable(slot)
            if lease is not None and slot.wanted == lease.generation and not lease.alone:
                return None
            return self._grant(key, slot, lease) if lease is not None else None

    def queue(self, key: str, floor: int, wake: Callable[[], None]) -> Pending:
        """Join this process's queue for *key*, and the engine's if the lease is not here."""
        pending = Pending(self, key, floor, wake)
        with self._deciding() as effects:
            slot = self._slot(key)
            slot.floor = max(slot.floor, floor)
            slot.push(pending)
            self._waiting.add(key)
            self._serve(key, slot, effects)
        return pending

    def renew(self, grant: Grant, last: int) -> Grant:
        """Return *grant* as long as its lease lasts now.

        Raises:
            GrantEnded: the lease is over.
        """
        with self._lock:
            slot = self._slots[grant.key]
            slot.floor = max(slot.floor, last + 1)
            lease = self._usable(slot)
            if lease is None or slot.holder != grant.generation:
                raise GrantEnded(self.away or "the lease of this key is over; nothing was sent")
            return self._describe(grant.key, slot, lease)

    def release(self, grant: Grant, last: int) -> None:
        """Take *grant* back; numbers up to *last* are used."""
        with self._deciding() as effects:
            slot = self._slots.get(grant.key)
            if slot is None or slot.holder != grant.generation:
                return
            slot.floor = max(slot.floor, last + 1)
            slot.holder = 0
            self._serve(grant.key, slot, effects)

    def withdraw(self, pending: Pending) -> None:
        """Take *pending* out of its queue, or release its grant if it has one already."""
        with self._lock:
            grant, pending.grant = pending.grant, None
            slot = self._slots[pending.key]
            if slot.waiting and pending in slot.waiting:
                slot.waiting.remove(pending)
        if grant is not None:
            self.release(grant, grant.low - 1)

    def doubt(self, key: str) -> None:
        """Have the engine confirm *key* before it is granted again: the exchange refused a number of it."""
        with self._lock:
            slot = self._slots.get(key)
            if slot is not None:
                slot.lease = None

    def remember(self, key: str, event: str) -> None:
        """Keep *event* with *key*: here at once, and at the engine for whoever is granted the key after this."""
        line = " ".join(event.split())
        with self._deciding() as effects:
            slot = self._slot(key)
            slot.events = (*slot.events, line)[-KEPT_EVENTS:]
            effects.asks.append(Remember(key, line))

    def remembered(self, key: str) -> tuple[str, ...]:
        """Return the events of *key* as far as they are known here."""
        slot = self._slots.get(key)
        return slot.events if slot is not None else ()

    def give_back_all(self) -> list[Release]:
        """Forget every lease and every waiter, and return what the engine is to be told."""
        with self._deciding() as effects:
            releases = [
                Release(key, slot.lease.generation, slot.floor, again=False)
                for key, slot in self._slots.items()
                if slot.lease is not None and slot.lease.epoch == self.session.epoch and not slot.lease.alone
            ]
            for slot in self._slots.values():
                slot.lease = None
                effects.wakes += slot.drain()
            self._waiting.clear()
            floors = [(key, slot.floor) for key, slot in self._slots.items()]
        if self._floors is not None:
            self._floors.settle(floors)
        return releases

    # What the engine does.

    def granted(self, key: str, granted: Granted, epoch: int) -> None:
        """Take in a lease that the engine granted in the session's *epoch*."""
        self._remember(key, granted)
        with self._deciding() as effects:
            slot = self._slot(key)
            slot.asked = False
            if epoch == self.session.epoch:
                self._install(slot, granted)
            self._serve(key, slot, effects)

    def handed(self, message: Handed) -> None:
        """Take in a lease that another process handed over, and claim it; too late, ask anew."""
        self._remember(message.key, message.grant)
        with self._deciding() as effects:
            slot = self._slot(message.key)
            if self.session.engine_ns(self._clock.boot_ns()) > message.claim_ns:
                effects.asks += [Acquire(message.key, slot.floor)] if slot.waiting else []
                return
            effects.asks.append(Claim(message.key, message.grant.generation))
            if self._settings.replicas:
                self._offered[message.key] = message.grant  # not to be used before the replicas have the claim
                return
            slot.asked = False
            self._install(slot, message.grant)
            self._serve(message.key, slot, effects)

    def claimed(self, claim: Claim, *, effect: bool) -> None:
        """Take in whether a claim came in time."""
        with self._deciding() as effects:
            slot = self._slots[claim.key]
            offered = self._offered.pop(claim.key, None)
            if effect and offered is not None:
                slot.asked = False
                self._install(slot, offered)
            elif not effect and slot.lease is not None and slot.lease.generation == claim.generation:
                slot.lease = None
            self._serve(claim.key, slot, effects)

    def released(self, release: Release, *, effect: bool) -> None:
        """Take in whether there was something to give back; if not, this process does not queue for it either."""
        with self._deciding() as effects:
            if release.again and not effect:
                slot = self._slots[release.key]
                slot.asked = False
                self._serve(release.key, slot, effects)

    def wanted(self, message: Wanted) -> None:
        """Note that another process waits for a key, and hand it over when its turn here is over."""
        with self._deciding() as effects:
            slot = self._slot(message.key)
            slot.wanted = message.generation
            self._serve(message.key, slot, effects)

    def renewed(self, renewal: Renewal, asked_boot_ns: int) -> int:
        """Take in the session's renewal, serve who waited for it, and return the epoch."""
        if self._floors is not None:
            self._floors.keep_for_all(renewal.until_ns)
        with self._deciding() as effects:
            if self.away and self._settings.degrade:
                self.session.epoch += 1  # what this host granted itself is void
            before, self.away = self.session.epoch, ""
            self.session.renewed(renewal, asked_boot_ns)
            is_new = before != self.session.epoch
            effects.asks += self._floors_ahead(self.session.engine_ns(asked_boot_ns)) if is_new else []
            self._serve_all(effects, asked=False if is_new else None)
            return self.session.epoch

    def unasked(self) -> None:
        """Ask again for every key that is waited for: what was asked or pushed before may be lost."""
        with self._deciding() as effects:
            self._serve_all(effects, asked=False)

    def lost(self, asks: Iterable[Ask]) -> None:
        """Note that *asks* did not reach the engine, or that nobody knows."""
        with self._lock:
            for ask in asks:
                if isinstance(ask, Acquire):
                    self._slots[ask.key].asked = False

    def remind(self, key: str) -> None:
        """Ask again for *key* if it is still waited for: whoever had it may be dead."""
        with self._deciding() as effects:
            slot = self._slots[key]
            if slot.waiting and slot.asked:
                effects.asks.append(Acquire(key, slot.floor))

    def engine_away(self, reason: str) -> None:
        """Let everybody know that the engine is away: who waits fails, or goes on alone if that was asked for."""
        with self._deciding() as effects:
            if not self.away and self._settings.degrade:
                log.warning("fallback to this host alone, because %s", reason)
            self.away = reason
            self._serve_all(effects, asked=False)

    @property
    def is_awaited(self) -> bool:
        """True if somebody waits for any key."""
        return bool(self._waiting)

    # The decisions.

    def _slot(self, key: str) -> Slot:
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = Slot()
            slot.floor = self._floors.of(key) if self._floors is not None else 0
        return slot

    def _remember(self, key: str, granted: Granted) -> None:
        if self._floors is not None and granted.high:
            self._floors.keep(key, granted.high)

    def _floors_ahead(self, now_ns: int) -> list[Ask]:
        """Return what an engine that may have lost data must hear: floors that its clock does not imply."""
        return [Raise(key, slot.floor) for key, slot in self._slots.items() if slot.floor > now_ns]

    @contextmanager
    def _deciding(self) -> Iterator[Effects]:
        effects = Effects()
        with self._lock:
            yield effects
        self._act(effects)

    def _serve_all(self, effects: Effects, asked: bool | None) -> None:  # noqa: FBT001 - a third of three states
        for key in list(self._waiting):
            slot = self._slots[key]
            slot.asked = slot.asked if asked is None else asked
            self._serve(key, slot, effects)

    def _serve(self, key: str, slot: Slot, effects: Effects) -> None:
        """Do what is due for *key* once nobody here uses it: hand it over, grant it, ask for it, or fail."""
        if slot.holder:
            return
        lease = self._standing(slot)
        if slot.wanted and self._is_due_elsewhere(slot, lease):
            slot.asked = bool(slot.waiting)
            effects.asks.append(Release(key, slot.wanted, slot.floor, again=slot.asked))
            slot.lease, slot.wanted = None, 0
            return
        usable = self._usable(slot)
        pending = slot.pop() if usable is not None else None
        if pending is not None and usable is not None:
            pending.grant = self._grant(key, slot, usable)
            effects.wakes.append(pending)
        elif slot.waiting and self.away:
            self._fail(slot, effects)
        elif slot.waiting and not slot.asked and (lease is None or self._is_used_up(slot, lease)):
            slot.asked = True
            effects.asks.append(Acquire(key, slot.floor))
        if not slot.waiting:
            self._waiting.discard(key)

    def _is_due_elsewhere(self, slot: Slot, lease: Lease | None) -> bool:
        if lease is None or lease.alone:
            return not slot.asked  # forgotten here, but the engine has it under this process's name
        has_had_its_share = self._timer.boot_ns() - lease.since >= self._settings.quantum * NS
        return slot.wanted == lease.generation and (not slot.waiting or has_had_its_share)

    def _fail(self, slot: Slot, effects: Effects) -> None:
        for pending in slot.drain():
            pending.error = self.away
            effects.wakes.append(pending)

    def _install(self, slot: Slot, granted: Granted) -> None:
        now = self._timer.boot_ns()
        slot.lease = Lease(granted.low, granted.high, granted.generation, self.session.epoch, now)
        slot.floor = max(slot.floor, granted.low)
        if granted.events and granted.events != slot.events:  # an engine that lost its data tells nothing
            slot.events = granted.events
        if granted.waiting:
            slot.wanted = granted.generation

    def _standing(self, slot: Slot) -> Lease | None:
        if slot.lease is not None and slot.lease.epoch != self.session.epoch:
            slot.lease = None
        return slot.lease

    def _usable(self, slot: Slot) -> Lease | None:
        """Return the lease if a request may be sent under it now."""
        lease, now = self._standing(slot), self._clock.boot_ns()
        if self.away and self._settings.degrade and not (lease is not None and self.session.may_send(now)):
            lease = slot.lease = lease if lease is not None and lease.alone else self._lease_of_this_host(slot)
        if lease is None or lease.alone:
            return lease
        return None if self._is_used_up(slot, lease) or not self.session.may_send(now) else lease

    def _lease_of_this_host(self, slot: Slot) -> Lease:
        now = self.session.engine_ns(self._clock.boot_ns()) + self._settings.margin * NS
        return Lease(max(slot.floor, now), MAX_NONCE + 1, 0, self.session.epoch, self._timer.boot_ns(), alone=True)

    def _is_used_up(self, slot: Slot, lease: Lease) -> bool:
        return slot.floor >= max(lease.high, self.session.until_ns)

    def _grant(self, key: str, slot: Slot, lease: Lease) -> Grant:
        slot.handed_out += 1
        slot.holder = lease.generation * _LOCAL_GRANTS + slot.handed_out
        return self._describe(key, slot, lease)

    def _describe(self, key: str, slot: Slot, lease: Lease) -> Grant:
        low, high = max(lease.low, slot.floor), max(lease.high, self.session.until_ns)
        until = None if lease.alone else self.session.send_until
        return Grant(key, low, high, until, slot.holder, self.session.offset)
