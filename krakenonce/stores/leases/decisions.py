"""What is due for a key next: grant it here, hand it over, ask for it, or fail. No I/O but the host's own floors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from krakenonce.clock import NS_PER_MS, Clock
from krakenonce.nonce import MAX_NONCE
from krakenonce.stores.base import Grant
from krakenonce.stores.leases.engine import (
    PUSHED_NS,
    Acquire,
    Granted,
    Release,
)
from krakenonce.stores.leases.floors import Floors
from krakenonce.stores.leases.session import Session
from krakenonce.stores.leases.settings import NS, LeaseSettings
from krakenonce.stores.leases.slots import Effects, Lease, Slot

_LOCAL_GRANTS = 2**40  # a lease serves so many grants in this process before generations could meet


class Decisions:
    """The keys of this process, and what follows from how they stand. Guarded by one lock; acts outside of it.

    Parameters:
        settings: how long leases last.
        clock: leases are counted by its boot time.
        timer: the quantum is measured by its boot time.
        floors: what this host remembers, or None.
        act: does what a decision leads to. Called without the lock.
        void: forgets what was decided to be asked and has not reached the engine. Called with the lock held: what is
            decided after it is asked.
    """

    def __init__(
        self,
        settings: LeaseSettings,
        clock: Clock,
        timer: Clock,
        act: Callable[[Effects], None],
        void: Callable[[], None],
        floors: Floors | None = None,
    ) -> None:
        self._floors = floors
        self._settings, self._clock, self._timer, self._act, self._void = settings, clock, timer, act, void
        self._lock = threading.RLock()
        self._slots: dict[str, Slot] = {}
        self._waiting: dict[str, None] = {}  # in the order in which they came
        self._kept: dict[str, tuple[Lease, int]] = {}
        self.session = Session(settings)
        self.away = ""

    def _slot(self, key: str) -> Slot:
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = Slot()
            slot.floor = self._floors.of(key) if self._floors is not None else 0
        return slot

    def _remember(self, key: str, granted: Granted) -> None:
        if self._floors is not None and granted.high:
            self._floors.keep(key, granted.high)

    @contextmanager
    def _deciding(self) -> Iterator[Effects]:
        effects = Effects()
        with self._lock:
            yield effects
        self._act(effects)

    def _serve_all(self, effects: Effects, asked: bool | None) -> None:  # noqa: FBT001 - a third of three states
        for key in list(self._waiting):
            slot = self._slots[key]
            slot.asked = slot.asked if asked is None else asked or key in self._kept
            self._serve(key, slot, effects)

    def _serve(self, key: str, slot: Slot, effects: Effects) -> None:
        """Do what is due for *key* once nobody here uses it: hand it over, grant it, ask for it, or fail."""
        if slot.holder:
            return
        lease = self._standing(slot)
        if slot.wanted and self._is_due_elsewhere(slot, lease):
            slot.asked = bool(slot.waiting)
            effects.asks.append(Release(key, slot.wanted, slot.floor, again=slot.asked))
            slot.given_back, slot.lease, slot.wanted, slot.doubted = slot.wanted, None, 0, 0
            return
        usable = self._usable(slot)
        pending = slot.pop() if usable is not None else None
        if pending is not None and usable is not None:
            pending.grant = self._grant(key, slot, usable)
            effects.wakes.append(pending)
        elif slot.waiting and self.away:
            self._fail(slot, effects)
        elif slot.waiting and not slot.asked and (lease is None or self._is_spent(slot, lease)):
            slot.asked = True
            effects.asks.append(self._wish(key, slot))
        if not slot.waiting:
            self._waiting.pop(key, None)

    def _wish(self, key: str, slot: Slot) -> Acquire:
        watch, since = slot.watch or ("", 0)
        return Acquire(key, slot.floor, watch, (self._clock.boot_ns() - since) // NS_PER_MS if watch else 0)

    def _is_due_elsewhere(self, slot: Slot, lease: Lease | None) -> bool:
        if lease is None or lease.alone:
            return not slot.asked  # forgotten here, but the engine has it under this process's name
        has_had_its_share = self._timer.boot_ns() - lease.since >= self._settings.quantum * NS
        return slot.wanted == lease.generation and (has_had_its_share or not (slot.waiting or slot.expected))

    def _fail(self, slot: Slot, effects: Effects) -> None:
        for pending in slot.drain():
            pending.error = self.away
            effects.wakes.append(pending)

    def _install(self, slot: Slot, granted: Granted, until: int | None = None) -> None:
        """Take in a grant; it lasts *until* its claim is answered, unless that is None."""
        standing = self._standing(slot)
        known = standing.generation if standing is not None else 0
        if standing is not None and standing.until is not None and known == granted.generation and until is None:
            standing.high, standing.until = granted.high, None  # the answer to the claim
        elif granted.generation > max(slot.given_back, slot.doubted, known):
            slot.lease = self._lease(granted, until)
        else:
            return  # overtaken on the way, by what this process has done since or by what the engine has said since
        slot.watch, slot.doubted = None, 0
        slot.floor = max(slot.floor, granted.low)
        slot.recall(granted.events)
        if granted.waiting:
            slot.wanted = granted.generation

    def _lease(self, granted: Granted, until: int | None) -> Lease:
        high, now = granted.high if until is None else granted.low + PUSHED_NS, self._timer.boot_ns()
        return Lease(granted.low, high, granted.generation, self.session.epoch, now, until=until)

    def _standing(self, slot: Slot) -> Lease | None:
        if slot.lease is not None and slot.lease.epoch != self.session.epoch:
            slot.lease = None
        return slot.lease

    def _usable(self, slot: Slot) -> Lease | None:
        """Return the lease if a request may be sent under it now."""
        lease, now = self._standing(slot), self._clock.boot_ns()
        if self.away and self._settings.degrade and not (lease is not None and self._may_send(lease, now)):
            lease = slot.lease = lease if lease is not None and lease.alone else self._lease_of_this_host(slot)
        if lease is None or lease.alone:
            return lease
        return None if slot.floor >= self._end_of(lease) or not self._may_send(lease, now) else lease

    def _may_send(self, lease: Lease, now: int) -> bool:
        return self.session.may_send(now) and (lease.until is None or now <= lease.until)

    def _lease_of_this_host(self, slot: Slot) -> Lease:
        now = self.session.engine_ns(self._clock.boot_ns()) + self._settings.margin * NS
        return Lease(max(slot.floor, now), MAX_NONCE + 1, 0, self.session.epoch, self._timer.boot_ns(), alone=True)

    def _end_of(self, lease: Lease) -> int:
        """Return the first number that may not be used under *lease*."""
        return max(lease.high, self.session.until_ns) if lease.until is None else lease.high

    def _is_spent(self, slot: Slot, lease: Lease) -> bool:
        """Return whether another lease is to be asked for. The answer to a claim comes by itself."""
        return lease.until is None and slot.floor >= self._end_of(lease)

    def _grant(self, key: str, slot: Slot, lease: Lease) -> Grant:
        slot.handed_out += 1
        slot.holder = lease.generation * _LOCAL_GRANTS + slot.handed_out
        return self._describe(key, slot, lease)

    def _describe(self, key: str, slot: Slot, lease: Lease) -> Grant:
        low, until = max(lease.low, slot.floor), None if lease.alone else self.session.send_until
        if until is not None and lease.until is not None:
            until = min(until, lease.until)
        return Grant(key, low, self._end_of(lease), until, slot.holder, self.session.offset)
