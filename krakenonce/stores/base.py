"""What a store promises: exclusive grants, first come first served, and floors that only rise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from krakenonce.nonce import ClockStatus


@dataclass(frozen=True, slots=True)
class Grant:
    """A store's permission for one holder to issue nonces of one key inside ``[low, high)``.

    Intervals of successive holders never overlap and only rise, so a late request of an old holder lies below
    everything of the new one: the exchange itself refuses it.

    Attributes:
        key: the name of the lane, made of fingerprints.
        low: the first number that may be issued.
        high: the first number that may not.
        until_boot_ns: the moment of the boot clock after which nothing may be sent, or None if the grant does not end
            by itself.
        generation: counts the grants of this key; a holder with an older one has been superseded.
        offset: the store's own clock minus the boot clock, in nanoseconds, where numbers follow that clock and not this
            host's; else None.
    """

    key: str
    low: int
    high: int
    until_boot_ns: int | None
    generation: int
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a key: a process, known to the host by *pid*, since the moment *since_boot_ns* of the boot clock."""

    pid: int
    since_boot_ns: int


class NumberSource(Protocol):
    """Where a lane takes its numbers from. Safe from any thread."""

    def next(self) -> int:
        """Return a number that does not lag behind the clock."""
        ...

    def check_process(self) -> None:
        """Raise `ForkedProcess` where another process issues the same numbers."""
        ...


class Numbers(NumberSource, Protocol):
    """Unique, rising numbers for everybody who shares a store, whatever key they are for. Safe from any thread."""

    @property
    def began(self) -> tuple[int, int]:
        """What the wall and the boot clock showed when this process opened the store, in nanoseconds."""
        ...

    @property
    def for_lanes(self) -> NumberSource:
        """Numbers for use inside a grant, which makes them unique for its key.

        As high as the clock, and counted, but made without asking the other processes.
        """
        ...

    def peek(self) -> tuple[int, int]:
        """Return the last number this process issued (0 before the first) and how many it issued."""
        ...

    def clock_status(self) -> ClockStatus:
        """Return what the store thinks of the wall clock."""
        ...

    def confirm_clock(self) -> None:
        """Follow the wall clock as it stands, for everybody. Irreversible."""
        ...


class PendingGrant(Protocol):
    """A place in the store's own queue."""

    def result(self) -> Grant:
        """Return the grant. Call it after the wake-up only.

        Raises:
            StoreUnavailable: the store could not grant.
        """
        ...

    def cancel(self) -> None:
        """Leave the queue. A grant that had already arrived is released. Safe to call at any time, and twice."""
        ...


class ThreadPlace(PendingGrant, Protocol):
    """A place in the store's own queue, for a thread that has nothing else to do and no time-out."""

    def sleep(self) -> None:
        """Sleep in the calling thread until the grant, or an error, is there: then `result` tells.

        Signals are handled meanwhile, in the main thread. An exception (KeyboardInterrupt) leaves the queue.
        """
        ...


class Store(Protocol):
    """Floors and exclusive grants per key. Every method is safe to call from any thread and never blocks for long.

    In the steady state (one holder, nobody waiting) no method makes a round trip.
    """

    @property
    def survives_fork(self) -> bool:
        """True if a forked child may go on using this object: it then is one more process that shares the store."""
        ...

    @property
    def numbers(self) -> Numbers | None:
        """Numbers for everybody who shares the store, or None if each process has to count for itself."""
        ...

    @property
    def url(self) -> str:
        """The address of the store, fit for printing: without a password."""
        ...

    def acquire(self, key: str, floor: int) -> Grant | None:
        """Return a grant of *key* at once, or None if somebody else holds one: then `queue`.

        Parameters:
            key: the name of the lane.
            floor: the lowest number the caller can use. The grant's `low` is at least this, and above every number
                of every earlier grant that was released or may have been used.

        Raises:
            StoreUnavailable: the store can't be read or written.
        """
        ...

    def queue(self, key: str, floor: int, wake: Callable[[], None]) -> PendingGrant:
        """Join the queue for *key*, first come first served. *wake* is called once, from any thread, when the grant
        (or an error) is there. It must return at once and may run before this method returns.
        """
        ...

    # A store may have one method more: `line_up(key, floor) -> ThreadPlace | None`, as `queue`, for a thread that then
    # calls `ThreadPlace.sleep` itself and so is woken without a detour. None: use `queue` this time.
    # One where a hand-over between processes costs time may be a `LingeringStore` as well.

    def renew(self, grant: Grant, last: int) -> Grant:
        """Return a longer grant in place of *grant*; *last* is the highest number used of it.

        Raises:
            GrantEnded, StoreUnavailable: the grant has ended and somebody else may hold the key.
        """
        ...

    def release(self, grant: Grant, last: int) -> None:
        """Give *grant* back and wake the next in line; *last* is the highest number used (``low - 1`` for none)."""
        ...

    def holder(self, key: str) -> Holder | None:
        """Return who in another process holds *key*, for messages; None if nobody does or the store can't tell."""
        ...

    def note_refusal(self, key: str) -> None:
        """Remember, for everybody who shares the store, that a request of *key* was refused for its nonce."""
        ...

    def remember(self, key: str, event: str) -> None:
        """Keep *event*, one line of text, for everybody who shares the store. At least the last 32 of a key are kept.

        Called rarely, and for one key by one holder of its grant at a time. Never raises: what cannot be kept is lost.
        """
        ...

    def remembered(self, key: str) -> tuple[str, ...]:
        """Return the events of *key*, oldest first; the very same object as long as there is nothing new.

        Called for every turn, so it must be cheap and make no round trip. What another process has remembered is seen
        once the key was granted again.
        """
        ...

    def close(self) -> None:
        """Give up what is held and free what is open. Safe to call twice."""
        ...


class LingeringStore(Protocol):
    """A store that may leave a key for a while with a process that has more to send, though others wait for it.

    A hand-over costs round trips to an engine, and a request to the exchange takes long; so a busy process keeps the
    key for a few requests. For how long is the store's business.
    """

    def linger(self, grant: Grant, last: int) -> None:
        """As `Store.release`, by somebody who is followed: `Store.acquire` of the same key comes next, or `forgo`."""
        ...

    def forgo(self, key: str) -> None:
        """Tell that nobody follows after all. Harmless if somebody did."""
        ...
