"""One key as this process sees it: the lease it has from the engine, who uses it, who waits for it here."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from krakenonce.errors import StoreUnavailable
from krakenonce.stores.base import Grant
from krakenonce.stores.leases.engine import KEPT_EVENTS, Ask


class Lease:
    """What the engine granted, or, if *alone*, what this host grants itself while the engine is away.

    Attributes:
        low: the first number.
        high: numbers below it are reserved whatever the time; see `Granted`.
        generation: the engine's.
        epoch: the session's when it was granted.
        since: when it was had, by the timers' clock.
        until: the moment of the boot clock up to which it may be used without having been claimed; None once it was.
    """

    __slots__ = ("alone", "epoch", "generation", "high", "low", "since", "until")

    def __init__(
        self, low: int, high: int, generation: int, epoch: int, since: int, *, alone: bool = False,
        until: int | None = None,
    ) -> None:  # fmt: skip
        self.low, self.high, self.generation = low, high, generation
        self.epoch, self.since, self.alone, self.until = epoch, since, alone, until


class Withdrawal(Protocol):
    """Whoever can take a place out of a queue."""

    def withdraw(self, pending: Pending) -> None:
        """Take *pending* out of its queue, or release its grant if it has one already."""
        ...


class Pending:
    """A place in this process's queue for one key."""

    __slots__ = ("_owner", "error", "floor", "grant", "key", "wake")

    def __init__(self, owner: Withdrawal, key: str, floor: int, wake: Callable[[], None]) -> None:
        self._owner, self.key, self.floor, self.wake = owner, key, floor, wake
        self.grant: Grant | None = None
        self.error = "the store was closed while this grant was awaited"

    def result(self) -> Grant:
        if self.grant is None:
            raise StoreUnavailable(self.error)
        return self.grant

    def cancel(self) -> None:
        self._owner.withdraw(self)


class Slot:
    """The state of one key. Not locked: the book's lock guards it.

    Attributes:
        lease: what the engine granted, or None.
        holder: the generation of the grant that is in use here; 0 if none is.
        handed_out: how many grants were made here.
        floor: the lowest number that may still be used.
        asked: True while the engine knows that this process wants the key.
        expected: True while somebody here is about to acquire the key again.
        doubted: the generation of a lease that the engine is to confirm before it is used again; 0 if there is none.
        wanted: the generation of the lease that others wait for; 0 if nobody does.
        given_back: the highest generation that was given back in this epoch. A message that brings one up to this has
            been overtaken: the engine gives its numbers to others as soon as it hears.
        watch: what shows whether the present holder is alive, and since when it has been the same, by the boot clock.
        waiting: who waits here; made on first contention.
        events: what is remembered of the key; the same object as long as there is nothing new.
        untold: those of them that come from here, and that the engine has not confirmed yet.
    """

    __slots__ = (
        "asked", "doubted", "events", "expected", "floor", "given_back", "handed_out", "holder", "lease", "untold",
        "waiting", "wanted", "watch",
    )  # fmt: skip

    def __init__(self) -> None:
        self.lease: Lease | None = None
        self.holder = 0
        self.handed_out = 0
        self.floor = 0
        self.asked = self.expected = False
        self.doubted = self.wanted = 0
        self.given_back = 0
        self.watch: tuple[str, int] | None = None
        self.waiting: deque[Pending] | None = None
        self.events: tuple[str, ...] = ()
        self.untold: tuple[str, ...] = ()

    def remember(self, event: str) -> None:
        """Add an event of this process, which the engine is to be told."""
        self.events = (*self.events, event)[-KEPT_EVENTS:]
        self.untold += (event,)

    def told(self, event: str) -> None:
        """Note that the engine keeps *event* now."""
        self.untold = tuple(line for line in self.untold if line != event)

    def recall(self, events: tuple[str, ...]) -> None:
        """Take in what the engine remembered when it granted the key: it may not have been told everything by then.

        What was told on a connection that broke may have been told twice. An engine that lost its data remembers
        nothing; what is known here stays.
        """
        known = tuple(dict.fromkeys((*events, *self.untold)))[-KEPT_EVENTS:]
        if events and known != self.events:
            self.events = known

    def push(self, pending: Pending) -> None:
        """Put *pending* behind all others."""
        self.waiting = self.waiting or deque()
        self.waiting.append(pending)

    def pop(self) -> Pending | None:
        """Take out and return the first."""
        return self.waiting.popleft() if self.waiting else None

    def drain(self) -> Iterator[Pending]:
        """Take out all."""
        while self.waiting:
            yield self.waiting.popleft()


@dataclass(slots=True)
class Effects:
    """What a decision leads to, to be done without the lock: asks for the engine, waiters to wake."""

    asks: list[Ask] = field(default_factory=list)
    wakes: list[Pending] = field(default_factory=list)

    def wake_all(self) -> None:
        """Wake the waiters. One whose event loop was closed meanwhile gives its grant back."""
        for pending in self.wakes:
            try:
                pending.wake()
            except RuntimeError:
                pending.cancel()
