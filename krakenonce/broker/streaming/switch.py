"""Kraken's dead man's switch, kept from firing while we live: https://docs.kraken.com/api/docs/websocket-v2/cancel_after."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from krakenonce.client.budget import Sleep
from krakenonce.kraken.replies import Accepted, Outcome

log = logging.getLogger("krakenonce")

Tell = Callable[[int], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class CancelAfter:
    """If nothing is heard of us for *timeout_s* seconds, Kraken cancels ALL open orders of the account.

    All of them: also those that a person or another program has placed. So it is off unless somebody asks for it.

    Parameters:
        timeout_s: seconds until it fires, 10 to 86,400; every_s: how often it is wound up again.
    """

    timeout_s: int = 60
    every_s: float = 20.0


class Winder:
    """Winds one account's switch up again and again.

    Parameters:
        name: the account's name, for the log.
        tell: tells the exchange a timeout in seconds; 0 disarms.
        sleep: how to wait, in seconds.
    """

    def __init__(self, name: str, switch: CancelAfter, tell: Tell, sleep: Sleep) -> None:
        self._name, self._switch, self._tell, self._sleep = name, switch, tell, sleep
        self.is_armed = False

    async def run(self) -> None:
        """Keep it from firing until cancelled."""
        while True:
            worked = isinstance(await self._tell(self._switch.timeout_s), Accepted)
            if worked is not self.is_armed:
                text = "%s: cancel-after is armed" if worked else "%s: cancel-after could not be renewed; it may fire"
                log.log(logging.INFO if worked else logging.WARNING, text, self._name)
            self.is_armed = worked
            await self._sleep(self._switch.every_s if worked else min(1.0, self._switch.every_s))

    async def disarm(self) -> None:
        """Keep it from firing for good, if it is armed."""
        if self.is_armed:
            self.is_armed = False
            await self._tell(0)
