"""The exchange's books beside the stream: fills that were not told, and orders that are not what they seem."""

from __future__ import annotations

from collections.abc import Collection

from krakenonce.broker import KrakenBroker, OrderState
from krakenonce.broker.executions import OrderLog, StreamedOrder
from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader.feed.intake import Intake
from krakenonce.copytrader.feed.standing import FeedStanding
from krakenonce.copytrader.feed.translation import Translator
from krakenonce.copytrader.records import MasterOrderEvent
from krakenonce.errors import OutcomeUnknown, RequestRefused, TryLater
from krakenonce.lanes import Priority
from krakenonce.orders.books import MOST_PER_QUERY

NOT_READ = (RequestRefused, OutcomeUnknown, TryLater)
"""What is raised if the books can't be read now."""

SETTLED_NS = 15 * NS_PER_SECOND
"""How long an order must stand unchanged before the books, which lag, may contradict the stream."""


class Auditor:
    """Reads one master's books. One audit at a time.

    Every method raises `RequestRefused`, `OutcomeUnknown` or `TryLater` if the books could not be read.
    """

    def __init__(
        self,
        translator: Translator,
        broker: KrakenBroker,
        intake: Intake,
        orders: OrderLog,
        standing: FeedStanding,
    ) -> None:
        self._translator, self._broker, self._intake = translator, broker, intake
        self._orders, self._standing = orders, standing

    async def fills(self) -> int:
        """Read the trades since the last audit, all pages of them, and return how many were new.

        https://docs.kraken.com/api/docs/rest-api/get-trade-history
        """
        held_before = self._intake.held
        booked = await self._broker.fills(self._intake.since_ns, priority=Priority.EXIT)
        received_ns = self._broker.clock.wall_ns()
        fills = [self._translator.booked_fill(fill, received_ns) for fill in booked]
        found = self._intake.read(fills, held_before)
        self._standing.audits += 1
        self._standing.audited_ns = received_ns
        self._standing.found += found
        return found

    async def lost_orders(self) -> list[MasterOrderEvent]:
        """Return the ends of orders that the stream takes for open and the books do not."""
        before_ns = self._broker.now_ns() - SETTLED_NS
        suspects = [order for order in self._orders.open if order.moment_ns < before_ns]
        if not suspects:
            return []
        still_open = {state.txid for state in await self._broker.open_orders()}
        return await self.endings([order for order in suspects if order.order_id not in still_open])

    async def endings(self, orders: Collection[StreamedOrder]) -> list[MasterOrderEvent]:
        """Look up *orders*, and return the ends of those that have ended."""
        by_id = {order.order_id: order for order in orders}
        ids = list(by_id)
        states: dict[str, OrderState] = {}
        for start in range(0, len(ids), MOST_PER_QUERY):
            states |= await self._broker.query(ids[start : start + MOST_PER_QUERY], priority=Priority.EXIT)
        received_ns = self._broker.clock.wall_ns()
        ended = [(by_id[txid], state) for txid, state in states.items() if txid in by_id and not state.is_open]
        for order, _ in ended:
            self._orders.forget(order.order_id)
        events = [self._translator.ended(order, state, received_ns) for order, state in ended]
        return [event for event in events if event is not None]
