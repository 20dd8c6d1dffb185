"""What follows when the session begins anew: the engine lost its data, another server took over, or we were late."""

from __future__ import annotations

from collections.abc import Iterator

from krakenonce.stores.leases.decisions import Decisions
from krakenonce.stores.leases.engine import Ask, Keep, Raise, Renewal
from krakenonce.stores.leases.slots import Lease


class Eras(Decisions):
    """Leases that outlive the engine's memory of them. Guarded by the lock of `Decisions`.

    After a loss the engine is quiet for a while, and grants only what nobody can have. In this time each process says
    which leases it still has, by its own count, and how far its keys run ahead of the clock: nobody is interrupted.
    `_kept` holds what the engine was told of, and until when each lease may be used by the count it was granted under.
    """

    def renewed(self, renewal: Renewal, asked_boot_ns: int) -> int:
        """Take in the session's renewal, serve who waited for it, and return the epoch."""
        if self._floors is not None:
            self._floors.keep_for_all(renewal.until_ns)
        with self._deciding() as effects:
            before, until = self.session.epoch, self.session.send_until
            if self.away and self._settings.degrade:
                self.session.epoch += 1  # what this host granted itself is void
            self.away = ""
            self.session.renewed(renewal, asked_boot_ns)
            is_anew = before != self.session.epoch
            if is_anew:
                # With the lock held: a release that is decided right after this must not be forgotten with the rest.
                self._void()
                effects.asks += self._spoken_for(before, until)
            self._serve_all(effects, asked=False if is_anew else None)
            return self.session.epoch

    def kept(self, keep: Keep, *, effect: bool) -> None:
        """Take in whether the engine knows a lease again."""
        with self._deciding() as effects:
            slot = self._slots[keep.key]
            kept = self._kept.pop(keep.key, None)
            if effect and kept is not None and slot.lease is None and kept[0].generation > slot.given_back:
                slot.lease = kept[0]
                slot.lease.epoch, slot.lease.until = self.session.epoch, None
            slot.asked = False
            self._serve(keep.key, slot, effects)

    def _spoken_for(self, epoch: int, until: int) -> list[Ask]:
        """Return what the engine must hear before it grants anything: floors its clock does not imply, and leases.

        A turn may be under way, with a number of which nobody knows here yet; it lies below what was reserved for it.
        """
        asks = self._floors_ahead()
        self._kept = dict(self._still_ours(epoch, until))
        for slot in self._slots.values():
            slot.lease, slot.wanted, slot.given_back, slot.watch, slot.doubted = None, 0, 0, None, 0
        keeps = [Keep(key, lease.generation, self._floor_of(key, lease)) for key, (lease, _) in self._kept.items()]
        return [*asks, *keeps]

    def _still_ours(self, epoch: int, until: int) -> Iterator[tuple[str, tuple[Lease, int]]]:
        now = self._clock.boot_ns()
        yield from ((key, kept) for key, kept in self._kept.items() if now <= kept[1])
        for key, slot in self._slots.items():
            lease = slot.lease
            if lease is None or lease.alone or lease.epoch != epoch:
                continue
            ends = until if lease.until is None else min(until, lease.until)
            if now <= ends:
                yield key, (lease, ends)

    def _floor_of(self, key: str, lease: Lease) -> int:
        return max(self._slots[key].floor, lease.high)

    def _floors_ahead(self) -> list[Ask]:
        now = self.session.engine_ns(self._clock.boot_ns())
        floors = dict(self._floors.ahead(now)) if self._floors is not None else {}
        for key, slot in self._slots.items():
            reserved = slot.lease.high if slot.lease is not None and not slot.lease.alone else 0
            floors[key] = max(slot.floor, reserved, floors.get(key, 0))
        return [Raise(key, floor) for key, floor in floors.items() if floor > now]
