"""What a session is told to listen to, who hears it, and how the session is doing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from krakenonce.client.encoding import Value
from krakenonce.client.websocket.frames import Told


@dataclass(frozen=True, slots=True)
class Subscription:
    """A private channel, and with what parameters it is subscribed to."""

    channel: str
    params: Mapping[str, Value] = field(default_factory=dict)


class Listener(Protocol):
    """Whoever hears what the channels tell. Its methods must not wait."""

    def on_subscribed(self, channel: str) -> None:
        """A new subscription begins: what the channel tells from here on counts from its first message."""

    def on_told(self, told: Told) -> None:
        """A channel tells something."""

    def on_up(self) -> None:
        """All channels are subscribed to; requests can be sent."""

    def on_down(self, cause: str) -> None:
        """The connection is over. Requests that were under way have ended as ``Unknown``."""


@dataclass(slots=True)
class Standing:
    """How a session is doing; moments by the wall clock, in nanoseconds since 1970, 0 for never.

    Attributes:
        up_since_ns: since when it is subscribed and ready; 0 while it is not.
        heard_ns: when the last frame came.
        frames, skipped: how many frames came, and how many of them could not be used.
        losses: how many connections were lost; cause: why the last one was, or why there is none.
        system: what the exchange says of itself: online, maintenance, cancel_only or post_only.
    """

    up_since_ns: int = 0
    heard_ns: int = 0
    frames: int = 0
    skipped: int = 0
    losses: int = 0
    cause: str = ""
    system: str = "online"
