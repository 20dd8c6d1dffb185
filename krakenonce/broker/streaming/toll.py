"""Orders over a WebSocket count at the same counters as those over REST: https://docs.kraken.com/api/docs/guides/spot-ratelimits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from krakenonce.lanes import Priority
from krakenonce.rates import KeyRates, NotSent, Permit


class Toll:
    """Asks the rate model of one key. Belongs to one event loop."""

    def __init__(self, rates: KeyRates) -> None:
        self._rates = rates

    def pass_now(self, method: str, params: Mapping[str, Any], priority: Priority) -> Permit | NotSent | None:
        """Return the right to make a call, why it is not to be made, or None if it would have to wait."""
        return self._rates.enter_at_once(method, params, priority)

    async def wait(self, method: str, params: Mapping[str, Any], priority: Priority) -> Permit | NotSent:
        """Wait for the right to make a call, or return why it is not to be made."""
        return await self._rates.enter(method, params, priority)
