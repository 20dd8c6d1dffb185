"""Kraken's WebSocket v2 for one account: orders without a nonce each, and channels that tell what happens.

Documentation: https://docs.kraken.com/api/docs/guides/spot-ws-intro
"""

from krakenonce.client.websocket.dialing import Dialer, websocket_url
from krakenonce.client.websocket.frames import Told
from krakenonce.client.websocket.listening import Listener, Standing, Subscription
from krakenonce.client.websocket.sequence import Continuity, SequenceWatch
from krakenonce.client.websocket.session import Dialing, Session
from krakenonce.client.websocket.sockets import ConnectionLost, Socket
from krakenonce.client.websocket.timing import Timing
from krakenonce.client.websocket.tokens import TokenSource, token_source

__all__ = [
    "ConnectionLost",
    "Continuity",
    "Dialer",
    "Dialing",
    "Listener",
    "SequenceWatch",
    "Session",
    "Socket",
    "Standing",
    "Subscription",
    "Timing",
    "TokenSource",
    "Told",
    "token_source",
    "websocket_url",
]  # fmt: skip
