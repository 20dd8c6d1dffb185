"""Questions that are part of a proof: asked again while the exchange only says "not now"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from krakenonce.client import KrakenClient
from krakenonce.client.budget import Sleep
from krakenonce.client.encoding import Params
from krakenonce.kraken.catalogue import Action
from krakenonce.kraken.replies import Refused
from krakenonce.lanes import Priority
from krakenonce.orders.inquiry import Inquiry

T = TypeVar("T")

PAUSES_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 30.0, 30.0)
"""Together two minutes, in which the lowest tier's counter, full to the brim, fades to nothing twice."""


class PersistentInquiry(Inquiry):
    """Asks like `Inquiry`, but takes a refusal that passes (a rate limit, a market closed) for no answer.

    To prove that an order does not exist takes half a dozen questions, which cost more than the call counter of the
    lowest tier holds. If one of them were refused and all had to be asked again, the proof might never be complete.

    Parameters:
        account, client: see `Inquiry`.
        sleep: how to wait, in seconds.
    """

    def __init__(self, account: str, client: KrakenClient, sleep: Sleep) -> None:
        super().__init__(account, client)
        self._sleep = sleep

    async def ask(
        self,
        method: str,
        parse: Callable[[Any], T],
        params: Params | None = None,
        *,
        priority: Priority = Priority.READ,
    ) -> T:
        """Return the parsed result of a private call; raises as `Inquiry.ask` does, after two minutes of refusals."""
        for pause_s in PAUSES_S:
            outcome = await self._client.call(method, params, priority=priority)
            if not isinstance(outcome, Refused) or outcome.meaning.action is not Action.WAIT:
                return self.read(method, parse, outcome)
            await self._sleep(pause_s)
        return await super().ask(method, parse, params, priority=priority)
