"""How much the master's orders are for: sizes that are per order are shared out over the order's fills."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from decimal import Decimal

from krakenonce.broker import KrakenBroker
from krakenonce.broker.executions import OrderLog
from krakenonce.errors import OutcomeUnknown, RequestRefused, TryLater
from krakenonce.lanes import Priority
from krakenonce.orders.books import MOST_PER_QUERY

log = logging.getLogger("krakenonce")

MOST_KEPT = 5_000
LONGEST_S = 3.0
"""How long a fill waits for the volume of its order. Without it, the fill counts as an order of its own."""


class OrderVolumes:
    """Knows the volumes of one master's orders: as told by his stream, or asked for. Belongs to one event loop."""

    def __init__(self, broker: KrakenBroker, orders: OrderLog) -> None:
        self._broker, self._orders = broker, orders
        self._asked: OrderedDict[str, Decimal | None] = OrderedDict()

    def look(self, txid: str) -> tuple[bool, Decimal | None]:
        """Return whether the volume is as known as it ever will be, and what it is (base asset; None if unknown)."""
        told = self._orders.get(txid)
        if told is not None and told.volume is not None:
            return True, told.volume
        return txid in self._asked, self._asked.get(txid)

    async def ask(self, txids: Sequence[str]) -> None:
        """Have the volumes of these orders looked up. Afterwards they are as known as they ever will be."""
        found: dict[str, Decimal | None] = dict.fromkeys(txids)
        try:
            async with asyncio.timeout(LONGEST_S):
                for start in range(0, len(txids), MOST_PER_QUERY):
                    page = txids[start : start + MOST_PER_QUERY]
                    states = await self._broker.query(page, priority=Priority.EXIT)
                    found |= {txid: None if state.in_quote else state.volume for txid, state in states.items()}
        except (TimeoutError, OutcomeUnknown, RequestRefused, TryLater) as error:
            log.warning("%s: the volumes of orders are not to be had now (%s)", self._broker.name, type(error).__name__)
        self._asked |= found
        while len(self._asked) > MOST_KEPT:
            self._asked.popitem(last=False)
