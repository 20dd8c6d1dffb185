"""How a streaming account behaves. Immutable."""

from __future__ import annotations

from dataclasses import dataclass, field

from krakenonce.client.websocket import Timing


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """Choices of one account.

    Parameters:
        websocket: whether orders may go over the WebSocket at all; False: all of them over REST.
        settle_s: seconds between two looks at the exchange's books, which may lag, before an order counts as absent.
        ending_s: seconds after which an order that ends by itself (market, IOC) is looked up, if no ending was told.
        resting_s: the same for orders that rest.
        pause_s: seconds before a look-up that failed is tried again; doubled each time, up to *longest_pause_s*.
        longest_pause_s: see there.
        timing: how the connection is kept.
    """

    websocket: bool = True
    settle_s: float = 10.0
    ending_s: float = 2.0
    resting_s: float = 300.0
    pause_s: float = 0.5
    longest_pause_s: float = 30.0
    timing: Timing = field(default_factory=Timing)
