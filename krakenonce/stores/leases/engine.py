"""What an engine must do for a lease store, and the words it is done in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class EngineAway(Exception):
    """The engine could not be asked, or did not answer. What was asked may or may not have been done."""


@dataclass(frozen=True, slots=True)
class Acquire:
    """Wants a lease of *key* whose numbers begin at *floor* or above; queues if somebody else has it.

    Attributes:
        watch: what the engine said to watch when it was asked last; see `Queued`.
        watched_ms: for how long this was watched, by this process's own clock.
    """

    key: str
    floor: int
    watch: str = ""
    watched_ms: int = 0


@dataclass(frozen=True, slots=True)
class Release:
    """Gives the lease *generation* of *key* back. Numbers below *floor* are used. *again*: queue for it at once."""

    key: str
    generation: int
    floor: int
    again: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """Takes a lease that was handed over. Granted, with all that is remembered, or done without effect: too late."""

    key: str
    generation: int


@dataclass(frozen=True, slots=True)
class Pass:
    """Asks that *key* be passed on if the one it was handed to, under *generation*, has not claimed it."""

    key: str
    generation: int


@dataclass(frozen=True, slots=True)
class Keep:
    """Tells an engine that has lost its data, or is another one, that this process has the lease *generation* of *key*.

    Numbers below *floor* are used or reserved.
    """

    key: str
    generation: int
    floor: int


@dataclass(frozen=True, slots=True)
class Raise:
    """Tells an engine that may have lost it that numbers of *key* below *floor* are used."""

    key: str
    floor: int


@dataclass(frozen=True, slots=True)
class Remember:
    """Keeps one line, *event*, with *key*, for everybody who is granted the key after this."""

    key: str
    event: str


Ask = Acquire | Release | Claim | Pass | Keep | Raise | Remember

KEPT_EVENTS = 32
"""How many events of a key are kept."""

PUSHED_NS = 1_000_000_000
"""How many numbers of a pushed grant may be used before it is claimed. If it never is, the next begins above them."""


@dataclass(frozen=True, slots=True)
class Granted:
    """The lease *generation* of a key, whose numbers begin at *low*.

    Attributes:
        high: numbers below it are reserved, whatever the clock shows; 0 if only the session's time bounds them.
        waiting: how many others wait for the key.
        events: what is remembered of the key, oldest first.
    """

    low: int
    high: int
    generation: int
    waiting: int
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Queued:
    """Somebody else has the key, or may have. Ask again after *seconds*: it may be dead.

    The engine can't tell the dead by its own clock alone, which may be set. So it names what changes while the holder
    is alive, *watch*; whoever has seen it unchanged for long enough, by a clock of its own, says so when asking again.
    """

    seconds: float
    watch: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """The answer to what grants nothing. *effect*: there was something to do.

    *handed*: the generation under which another process has the key now; 0 if it was not handed over.
    """

    effect: bool
    handed: int = 0


@dataclass(frozen=True, slots=True)
class NoSession:
    """The engine knows no live session of this name and incarnation."""


Reply = Granted | Queued | Done | NoSession


@dataclass(frozen=True, slots=True)
class Renewal:
    """A session's new end.

    Attributes:
        birth: when it began, at each node of the engine. While it is the same, nobody took the process for dead in
            between, and its leases still stand.
        now_ns: the engine's clock.
        until_ns: when the session ends, by the engine's clock.
    """

    birth: tuple[int, ...]
    now_ns: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class Handed:
    """A push: *key* was handed over under *generation*, at *at_ns* of the engine's clock, and is to be claimed.

    Attributes:
        granted: the grant, whose numbers below `PUSHED_NS` may be used for a moment before the claim is answered; None
            if all that is remembered of the key did not fit into a push.
    """

    key: str
    generation: int
    at_ns: int = 0
    granted: Granted | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A push: somebody waits for *key*, which the receiver has under *generation*."""

    key: str
    generation: int


@dataclass(frozen=True, slots=True)
class Knock:
    """A push that only shows that pushes arrive."""


Message = Handed | Wanted | Knock


class Ear(Protocol):
    """The connection on which an engine pushes. Used by one thread."""

    def open(self, session: str) -> None:
        """Connect and subscribe to what is pushed to *session*.

        Raises:
            EngineAway: it can't be reached.
        """
        ...

    def hear(self, seconds: float) -> Sequence[Message]:
        """Return what was pushed, or nothing after *seconds* in which the connection was seen to be alive.

        Raises:
            EngineAway: the connection is lost.
        """
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class Engine(Protocol):
    """The connection on which an engine is asked. Used by one thread, but for `close`."""

    def connect(self) -> None:
        """Connect, and check that the engine keeps what it is told.

        Raises:
            ConfigError: the engine is set up so that floors could be lost.
            EngineAway: it can't be reached.
        """
        ...

    def renew(self, session: str, incarnation: int) -> Renewal:
        """Begin or prolong *session*. What an older *incarnation* still asks, on lost connections, is void from now on.

        Raises:
            EngineAway: it can't be reached.
        """
        ...

    def run(self, asks: Sequence[Ask]) -> list[Reply]:
        """Do *asks* in order for the session renewed last, in one round trip, and return the replies.

        Raises:
            EngineAway: no or not every reply came.
        """
        ...

    def knock(self, session: str) -> None:
        """Push a `Knock` to *session*."""
        ...

    def interrupt(self) -> None:
        """Make a call that another thread waits for fail, if the connection has no time-out of its own."""
        ...

    def end(self, session: str) -> None:
        """End *session*, so that its keys are free, and wake its ear for the last time."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...

    def ear(self) -> Ear:
        """Return the other connection, on which the engine pushes. Not open yet."""
        ...
