"""One connection, seen from the exchange: what it has asked for, and the frames that wait to be sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from krakenonce.clock import NS_PER_SECOND

if TYPE_CHECKING:
    from krakenonce.simulator.tokens import Token

MAX_WAITING = 20_000
TRY_AGAIN_LATER, GOING_AWAY, POLICY = 1013, 1001, 1008
DROPPED = 1006
"""Not a code to send: the connection just ends."""


@dataclass(slots=True, eq=False)
class Session:
    """One connection. Belongs to the exchange's thread.

    Parameters:
        connection_id: as shown in the status frame; opened_ns: the exchange's time at the handshake.
        wake: called when there is something in *outbox* (frames, each with the earliest time to send it, 0 for now),
            or when *close_code* says that the connection is to end.
    """

    connection_id: int
    opened_ns: int
    wake: Callable[[], None]
    outbox: deque[tuple[int, str]] = field(default_factory=deque)
    subscriptions: dict[Hashable, Subscription] = field(default_factory=dict)
    account: str = ""
    close_code: int = 0
    last_in_ns: int = 0
    last_out_ns: int = 0
    allowance: float = -1.0
    counted_ns: int = 0

    def send(self, text: str, now_ns: int, due_ns: int = 0) -> None:
        """Have *text* sent, not before *due_ns*. A client that does not read is disconnected in the end."""
        if self.close_code:
            return
        if len(self.outbox) >= MAX_WAITING:
            self.close(TRY_AGAIN_LATER)
            return
        self.outbox.append((due_ns, text))
        self.last_out_ns = now_ns
        self.wake()

    def close(self, code: int) -> None:
        """Have the connection end; what still waits in the outbox is lost."""
        if not self.close_code:
            self.close_code = code
            self.wake()

    def may_speak(self, rate: float, now_ns: int) -> bool:
        """Return whether one more message is within *rate* per second (0 for any rate), and count it."""
        if not rate:
            return True
        grown = self.allowance + rate * (now_ns - self.counted_ns) / NS_PER_SECOND
        self.allowance = min(rate, grown) if self.allowance >= 0 else rate
        self.counted_ns = now_ns
        if self.allowance < 1:
            return False
        self.allowance -= 1
        return True


@dataclass(slots=True, eq=False)
class Subscription:
    """One session's interest in one topic.

    Parameters:
        identity: what may be subscribed to only once per connection, such as (ticker, BTC/USD).
        topic: where the frames come from; several identities with different options may share a channel.
        result: what the ack shows; token: what keeps a private subscription alive; sequence: messages sent so far.
    """

    session: Session
    channel: str
    identity: Hashable
    topic: Hashable
    result: dict[str, Any]
    token: Token | None = None
    sequence: int = 0
    wants: dict[str, bool] = field(default_factory=dict)

    def count(self) -> int:
        """Return the number of the next message."""
        self.sequence += 1
        return self.sequence
