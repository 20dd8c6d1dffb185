"""Questions to the exchange: asked until they are answered, and read into records or refused by exception."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from krakenonce.client import KrakenClient
from krakenonce.client.encoding import Params
from krakenonce.errors import OutcomeUnknown, RequestRefused
from krakenonce.kraken.replies import Accepted, Outcome, Refused
from krakenonce.lanes import Priority
from krakenonce.orders.parsing import parsed

T = TypeVar("T")


class Inquiry:
    """Asks for one account. For calls that change nothing: the client repeats them until its budget is spent.

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
            OutcomeUnknown: no answer came within the client's budget, or none that can be read.
        """
        return self.read(method, parse, await self._client.call(method, params, priority=priority))

    async def public(self, method: str, parse: Callable[[Any], T], params: Params | None = None) -> T:
        """Return the parsed result of a public call; raises as `ask` does."""
        return self.read(method, parse, await self._client.public(method, params))

    def read(self, method: str, parse: Callable[[Any], T], outcome: Outcome) -> T:
        """Return the parsed result of an outcome; raises as `ask` does."""
        if isinstance(outcome, Accepted):
            return parsed(method, parse, outcome.result)
        if isinstance(outcome, Refused):
            raise RequestRefused(f"{method} for {self._account}: {outcome.error}")
        raise OutcomeUnknown(f"{method} for {self._account}: {outcome.cause}")
