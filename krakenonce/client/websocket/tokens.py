"""The token that stands for an account on a WebSocket: the only thing there that costs a nonce."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from krakenonce.client.rest import KrakenClient
from krakenonce.client.websocket.sockets import ConnectionLost
from krakenonce.errors import TryLater
from krakenonce.kraken.catalogue import Action
from krakenonce.kraken.replies import Accepted, Refused

TokenSource: TypeAlias = Callable[[], Awaitable[str]]

_REFUSED_S = 300.0


def token_source(client: KrakenClient) -> TokenSource:
    """Return a function that fetches a new token through the lane of *client*'s key.

    A token has to be used within 15 minutes and lives as long as a private subscription made with it
    (https://docs.kraken.com/api/docs/guides/spot-ws-auth). It raises `ConnectionLost` if there is none to be
    had: with a long pause if the key may not have one.
    """

    async def fetch() -> str:
        try:
            outcome = await client.call("GetWebSocketsToken")
        except TryLater as error:
            raise ConnectionLost(f"no token: {type(error).__name__}") from None
        if isinstance(outcome, Refused):
            for_good = outcome.meaning.action is Action.GIVE_UP
            raise ConnectionLost(f"no token: {outcome.error}", _REFUSED_S if for_good else 1.0)
        result = outcome.result if isinstance(outcome, Accepted) else None
        token = result.get("token") if isinstance(result, Mapping) else None
        if not isinstance(token, str) or not token:
            raise ConnectionLost("no token: the answer was lost, or holds none")
        return token

    return fetch
