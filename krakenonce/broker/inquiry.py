"""Questions to the exchange: asked again if the answer is lost, and read into records or refused by exception."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from krakenonce.broker.parsing import parsed
from krakenonce.client import KrakenClient
from krakenonce.client.encoding import Params
from krakenonce.errors import OutcomeUnknown, RequestRefused
from krakenonce.kraken.replies import Accepted, Outcome, Refused, Unknown
from krakenonce.lanes import Priority

T = TypeVar("T")

ATTEMPTS = 3


class Inquiry:
    """Asks for one account. For calls that change nothing: an unanswered one is asked again with a new nonce.

    Parameters:
        account: the account's name, for messages.
        client: what the calls are made with.
    """

    def __init__(self, account: str, client: KrakenClient) -> None:
        self._account, self._client = account, client

    async def ask(
        self,
        method: str,
        parse: Callable[[Any], T],
        params: Params | None = None,
        *,
        priority: Priority = Priority.READ,
    ) -> T:
        """Return the parsed result of a private call.

        Raises:
            RequestRefused: Kraken refused it.
            OutcomeUnknown: no answer came in three attempts, or none that can be read.
        """
        for _ in range(ATTEMPTS):
            outcome = await self._client.call(method, params, priority=priority)
            if not isinstance(outcome, Unknown):
                break
        return self._read(method, parse, outcome)

    async def public(self, method: str, parse: Callable[[Any], T], params: Params | None = None) -> T:
        """Return the parsed result of a public call; raises as `ask` does."""
        for _ in range(ATTEMPTS):
            outcome = await self._client.public(method, params)
            if not isinstance(outcome, Unknown):
                break
        return self._read(method, parse, outcome)

    def _read(self, method: str, parse: Callable[[Any], T], outcome: Outcome) -> T:
        if isinstance(outcome, Accepted):
            return parsed(method, parse, outcome.result)
        if isinstance(outcome, Refused):
            raise RequestRefused(f"{method} for {self._account}: {outcome.error}")
        raise OutcomeUnknown(f"{method} for {self._account}: {outcome.cause}")
