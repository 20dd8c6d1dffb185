"""The keys of this process: what lanes ask for, what the engine says. No thread of its own, nobody waits in here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from krakenonce.errors import GrantEnded
from krakenonce.stores.base import Grant
from krakenonce.stores.leases.engine import (
    Acquire,
    Ask,
    Claim,
    Granted,
    Handed,
    Queued,
    Release,
    Remember,
    Wanted,
)
from krakenonce.stores.leases.eras import Eras
from krakenonce.stores.leases.slots import Pending, Slot

log = logging.getLogger("krakenonce")


class Book(Eras):
    """All keys of this process. Every method is safe from any thread; none waits for the engine.

    A lease stays here when its turn is over (it is sticky), until another process wants it. Each method takes in one
    event and acts on what follows from it: asks for the engine, waiters to wake.
    """

    # What the lanes do.

    def acquire(self, key: str, floor: int) -> Grant | None:
        """Return a grant of a lease that is here, unused and not wanted elsewhere; else None."""
        with self._lock:
            slot = self._slot(key)
            slot.floor = max(slot.floor, floor)
            was_expected, slot.expected = slot.expected, False
            lease = None if slot.holder or slot.waiting else self._usable(slot)
            if lease is not None and slot.wanted == lease.generation and not (lease.alone or was_expected):
                return None
            return self._grant(key, slot, lease) if lease is not None else None

    def queue(self, key: str, floor: int, wake: Callable[[], None]) -> Pending:
        """Join this process's queue for *key*, and the engine's if the lease is not here."""
        pending = Pending(self, key, floor, wake)
        with self._deciding() as effects:
            slot = self._slot(key)
            slot.floor = max(slot.floor, floor)
            slot.push(pending)
            self._waiting[key] = None
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

    def release(self, grant: Grant, last: int, *, is_followed: bool = False) -> None:
        """Take *grant* back; numbers up to *last* are used. Who *is followed* calls `acquire` or `forgo` next."""
        with self._deciding() as effects:
            slot = self._slots.get(grant.key)
            if slot is None or slot.holder != grant.generation:
                return
            slot.floor = max(slot.floor, last + 1)
            slot.holder, slot.expected = 0, is_followed
            self._serve(grant.key, slot, effects)

    def forgo(self, key: str) -> None:
        """Note that nobody follows after all: others may have the key."""
        with self._deciding() as effects:
            slot = self._slots.get(key)
            if slot is not None and slot.expected:
                slot.expected = False
                self._serve(key, slot, effects)

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
                slot.doubted, slot.lease = self._generation(slot), None
                self._kept.pop(key, None)

    def remember(self, key: str, event: str) -> None:
        """Keep *event* with *key*: here at once, and at the engine for whoever is granted the key after this."""
        line = " ".join(event.split())
        with self._deciding() as effects:
            self._slot(key).remember(line)
            effects.asks.append(Remember(key, line))

    def told(self, remember: Remember) -> None:
        """Note that the engine keeps an event now, so that every later grant of the key brings it."""
        with self._lock:
            self._slots[remember.key].told(remember.event)

    def remembered(self, key: str) -> tuple[str, ...]:
        """Return the events of *key* as far as they are known here."""
        slot = self._slots.get(key)
        return slot.events if slot is not None else ()

    def give_back_all(self) -> list[Release]:
        """Forget every lease and every waiter, and return what the engine is to be told."""
        with self._deciding() as effects:
            releases = [
                Release(key, generation, slot.floor, again=False)
                for key, slot in self._slots.items()
                if (generation := self._generation(slot))
            ]
            for slot in self._slots.values():
                slot.lease, slot.doubted = None, 0
                effects.wakes += slot.drain()
            self._waiting.clear()
            floors = [(key, slot.floor) for key, slot in self._slots.items()]
        if self._floors is not None:
            self._floors.settle(floors)
        return releases

    def _generation(self, slot: Slot) -> int:
        """Return under which generation the engine takes the key of *slot* for ours; 0 if it does not."""
        lease = self._standing(slot)
        return slot.doubted if lease is None or lease.alone else lease.generation

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
        """Claim a lease that was handed over; use it at once if it came so fast that nobody can have passed it on."""
        key, granted = message.key, message.granted
        if granted is not None:
            self._remember(key, granted)
        with self._deciding() as effects:
            slot = self._slot(key)
            if message.generation <= slot.given_back:
                return
            effects.asks.append(Claim(key, message.generation))
            until = self.session.pushed_until(message.at_ns, self._clock.boot_ns())
            if granted is not None and until is not None and self._settings.trusts_pushes:
                slot.asked = False
                self._install(slot, granted, until)
                self._serve(key, slot, effects)

    def missed(self, claim: Claim) -> None:
        """Note that a claim came too late, and ask anew if the key is still waited for."""
        with self._deciding() as effects:
            slot = self._slots[claim.key]
            if slot.lease is not None and slot.lease.until is not None and slot.lease.generation == claim.generation:
                slot.lease = None
            slot.asked = False
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
            if message.generation > slot.given_back:
                slot.wanted = message.generation
                self._serve(message.key, slot, effects)

    def queued(self, key: str, queued: Queued) -> None:
        """Note what shows whether the holder of *key* is alive, from now on unless it is what it was."""
        with self._lock:
            slot = self._slots[key]
            if slot.watch is None or slot.watch[0] != queued.watch:
                slot.watch = (queued.watch, self._clock.boot_ns())

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
            if slot.waiting and slot.asked and key not in self._kept:
                effects.asks.append(self._wish(key, slot))

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
