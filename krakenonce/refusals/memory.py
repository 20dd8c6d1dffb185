"""What a store remembers of one key, and where the key stands by it."""

from __future__ import annotations

import os

from krakenonce.clock import Clock, rfc3339
from krakenonce.errors import LaneQuarantined
from krakenonce.nonce import MAX_NONCE, Unit
from krakenonce.refusals.causes import Cause
from krakenonce.refusals.events import Event, Kind, read_events
from krakenonce.refusals.healing import unit_named
from krakenonce.refusals.standing import CLEAN, Standing, standing_of
from krakenonce.stores.base import Store


class Memory:
    """The events of one key: those that everybody who shares the store sees, and those of this process alone.

    Used by the holder of the lane; `look` and `quarantined` by anybody.

    Parameters:
        key: the lane's name; store: where everybody looks; clock: where time is read.

    Attributes:
        account: whose key it is, for messages; empty if nobody said.
        standing: where the key stood when it was looked at last.
    """

    __slots__ = ("_clock", "_ends_boot", "_events", "_own_events", "_store", "account", "key", "standing")

    def __init__(self, key: str, store: Store, clock: Clock) -> None:
        self.key, self._store, self._clock = key, store, clock
        self.account = ""
        self.standing = CLEAN
        self._events: tuple[str, ...] = ()
        self._own_events: tuple[Event, ...] = ()
        self._ends_boot = 0

    @property
    def name(self) -> str:
        """The key as it may be shown: its fingerprint, and whose it is."""
        fingerprint = self.key.rpartition(":")[2]
        return f"{fingerprint} ({self.account})" if self.account else fingerprint

    @property
    def consent(self) -> Unit | None:
        """The unit that the operator has allowed the key to be raised to, if any."""
        return unit_named(self.look().consent)

    @property
    def rest_ns(self) -> int:
        """How long nothing may be sent from now on, in nanoseconds; 0 if it may."""
        return max(0, self._ends_boot - self._clock.boot_ns()) if self._ends_boot else 0

    def look(self) -> Standing:
        """Fold what the store remembers, if there is anything new, and return where the key stands."""
        events = self._store.remembered(self.key)
        if events is not self._events:
            self._events = events
            self.standing = standing_of((*read_events(events), *self._own_events))
            self._ends_boot = self._end_by_boot_clock(self.standing)
        return self.standing

    def add(
        self,
        kind: Kind,
        *,
        nonce: int = 0,
        cause: Cause | None = None,
        text: str = "",
        until_ns: int = 0,
        trail: str = "",
        shared: bool = True,
    ) -> None:
        """Remember what has happened to the key: for everybody, or (*shared* False) for this process alone."""
        name = cause.name if cause is not None else ""
        event = Event(kind, self._clock.wall_ns(), os.getpid(), self.account, nonce, name, text, until_ns, trail)
        if shared:
            self._store.remember(self.key, event.line())
        else:
            self._own_events += (event,)
        self._events = ("",)  # whatever the store returns is looked at anew
        self.look()

    def forget_own(self) -> None:
        """Forget what concerned this process alone."""
        self._own_events = ()

    def quarantined(self, reason: str = "") -> LaneQuarantined:
        """Return the error that says until when nothing is sent, and why."""
        until = self._clock.wall_ns() + self.rest_ns
        why = reason or self.standing.reason or f"too many refused nonces; the last: {self.standing.last_refusal}"
        message = f"key {self.name} sends nothing until {rfc3339(min(until, MAX_NONCE))}: {why}. Nothing was sent"
        return LaneQuarantined(message, until, why)

    def _end_by_boot_clock(self, standing: Standing) -> int:
        wall, boot = self._clock.wall_ns(), self._clock.boot_ns()
        rest = min(standing.until_ns - wall, standing.span_ns) if standing.is_open else 0
        budget_end = standing.budget_end(wall)
        return boot + max(0, rest, budget_end - wall if budget_end else 0)
