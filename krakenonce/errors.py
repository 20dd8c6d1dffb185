"""Every error krakenonce raises, sorted by what the caller must do.

KrakenonceError
├── FixTheInput             the call itself is wrong; sending it again changes nothing
│   ├── ConfigError             a value is missing, malformed or contradicts another
│   ├── MissingExtra            an optional dependency is not installed
│   ├── UnsupportedClient       the object is no client krakenonce knows
│   ├── ReentrantUse            a turn was asked for inside a turn of the same key
│   ├── ForkedProcess           an in-memory source was carried through fork()
│   ├── NonceOutOfRange         no number is left below 2**63
│   └── UnitTooSmall            milliseconds were asked for on a key that has seen nanoseconds
├── TryLater                nothing was sent; the same call may succeed after a wait
│   ├── HeldBack                Kraken is known to refuse the call now
│   ├── LaneTimeout             the place in the lane was not reached in time
│   ├── LaneQuarantined         the key sends nothing until a stated moment, for a stated reason
│   └── StoreUnavailable        floors and grants cannot be read or written now
│       └── GrantEnded              the turn was held for longer than its grant lasts
├── RequestRefused          Kraken answered with an error: the request had no effect
└── OutcomeUnknown          the request may have executed: look before sending it again
"""

from __future__ import annotations


class KrakenonceError(Exception):
    """The root of every error krakenonce raises."""


class FixTheInput(KrakenonceError):
    """The call is wrong as it stands. Repeating it unchanged will fail again."""


class ConfigError(FixTheInput, ValueError):
    """A value is missing, malformed or contradicts another one.

    The message names the field, the shape of what was given (never the value of a secret) and the mend.
    """

    def __init__(self, field: str, shape: str, mend: str) -> None:
        self.field, self.shape, self.mend = field, shape, mend
        super().__init__(f"{field}: {shape}. {mend}")


class MissingExtra(FixTheInput, ImportError):
    """An optional dependency is not installed. The message names the extra that brings it."""

    def __init__(self, feature: str, extra: str) -> None:
        self.extra = extra
        super().__init__(f"{feature} needs an optional dependency. Install it: pip install 'krakenonce[{extra}]'")


class UnsupportedClient(FixTheInput, TypeError):
    """The object is not a client that krakenonce can install itself into. The message lists those it can."""


class ReentrantUse(FixTheInput, RuntimeError):
    """A turn was asked for where waiting for it could never end.

    It happens when the same thread or task already holds a turn of this key, for example in a signal handler that
    interrupted one, or when a synchronous call would block the event loop whose task is ahead of it in the lane.
    """


class ForkedProcess(FixTheInput, RuntimeError):
    """An in-memory nonce source was carried through fork(), where parent and child would issue equal numbers.

    Share a store between the processes (``file:///path``), or create the manager in the child.
    """


class NonceOutOfRange(FixTheInput, OverflowError):
    """The next nonce would exceed 2**63 - 1, the largest number Kraken's API description allows."""


class UnitTooSmall(FixTheInput, ValueError):
    """A coarser unit was asked for on a key that has already seen a finer one.

    Kraken refuses every nonce that is not above the highest one it has accepted, and that mark can't be lowered: a key
    that has seen nanoseconds (19 digits) refuses milliseconds (13 digits) for ever. Keep nanoseconds, or make a key.
    """


class TryLater(KrakenonceError):
    """Nothing was sent. The same call may succeed later."""


class LaneTimeout(TryLater, TimeoutError):
    """The place in the lane was not reached in time. Nothing was signed, nothing was sent."""


class LaneQuarantined(TryLater):
    """The key is kept from sending, up to a moment, for a reason; both are in the message. Nothing was sent.

    Attributes:
        until_ns: when the key goes on by itself, in nanoseconds since 1970. A probe comes first.
        reason: why.
    """

    def __init__(self, message: str, until_ns: int, reason: str) -> None:
        self.until_ns, self.reason = until_ns, reason
        super().__init__(message)

    def __reduce__(self) -> tuple[type[LaneQuarantined], tuple[str, int, str]]:
        """Let it be pickled: it has more arguments than its message."""
        return type(self), (str(self), self.until_ns, self.reason)


class HeldBack(TryLater):
    """Kraken is known to refuse the call now: a rate limit, or a market that does not take it. Nothing was sent."""


class StoreUnavailable(TryLater, OSError):
    """The store that keeps floors and grants can't be read or written now. Nothing was sent."""


class GrantEnded(StoreUnavailable):
    """The turn was held for longer than its grant lasts, and another process may have the key. Nothing was sent."""


class RequestRefused(KrakenonceError):
    """Kraken refused the request, and it is proved that it had no effect."""


class OutcomeUnknown(KrakenonceError):
    """The request may have executed: the answer was lost, or says nothing about it. Look before sending it again."""
