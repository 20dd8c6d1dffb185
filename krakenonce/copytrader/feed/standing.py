"""How a feed is set up, and how it is doing."""

from __future__ import annotations

from dataclasses import dataclass, field

from krakenonce.client.websocket import Standing, Timing


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """Choices of one feed. Immutable; seconds.

    Parameters:
        audit_s: how often the books are asked for fills that the stream did not tell.
        polled_s: the same while there is no stream, so that the books are all there is. One question costs 2 of the
            key's call counter (https://docs.kraken.com/api/docs/guides/spot-ratelimits).
        overlap_s: how late a fill may show up in the books and still be found.
        hold_s: how long fills are held back at the most, after something was missed, so that they can be put in order.
        timing: how the connection is kept.
    """

    audit_s: float = 30.0
    polled_s: float = 8.0
    overlap_s: int = 60
    hold_s: float = 10.0
    timing: Timing = field(default_factory=Timing)


@dataclass(slots=True)
class FeedStanding:
    """How a feed is doing. Moments in nanoseconds since 1970 by our clock, 0 for never.

    Attributes:
        connection: how its WebSocket is doing: since when, the last frame, what was skipped.
        delivered: fills that were delivered; repeated: reports of fills that were known already.
        gaps: how often messages of the stream were found missing.
        audits: how often the books were read, failed: how often that did not work; audited_ns: when it last did.
        found: fills that only the books knew.
        is_held: whether fills are being held back until it is certain that none is missing before them.
    """

    connection: Standing = field(default_factory=Standing)
    delivered: int = 0
    repeated: int = 0
    gaps: int = 0
    audits: int = 0
    failed: int = 0
    audited_ns: int = 0
    found: int = 0
    is_held: bool = True
