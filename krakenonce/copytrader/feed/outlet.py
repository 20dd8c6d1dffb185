"""What goes out to whoever subscribed: fills and steps of orders, with all that comes in the same turn of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from krakenonce.copytrader.engine.protocols import OnFills, OnOrders
from krakenonce.copytrader.feed.intake import Intake
from krakenonce.copytrader.feed.standing import FeedStanding
from krakenonce.copytrader.feed.volumes import OrderVolumes
from krakenonce.copytrader.records import MasterOrderEvent, OrderStep

_ENDS = frozenset({OrderStep.FILLED, OrderStep.CANCELED, OrderStep.EXPIRED})

Spawn = Callable[[Coroutine[Any, Any, None]], None]


class Outlet:
    """Delivers for one feed. Belongs to one event loop.

    Parameters:
        intake: where fills come from; volumes: of their orders.
        standing: is kept up to date.
        spawn: runs what has to wait.
    """

    def __init__(self, intake: Intake, volumes: OrderVolumes, standing: FeedStanding, spawn: Spawn) -> None:
        self._intake, self._volumes, self._standing, self._spawn = intake, volumes, standing, spawn
        self._on_fills: list[OnFills] = []
        self._on_orders: list[OnOrders] = []
        self._events: list[MasterOrderEvent] = []
        self._is_flushing = self._is_asking = False

    @property
    def follows_orders(self) -> bool:
        """Whether anybody wants to know of orders."""
        return bool(self._on_orders)

    def subscribe(self, on_fills: OnFills, on_orders: OnOrders | None) -> None:
        """See `ExecutionsFeed.subscribe`."""
        self._on_fills.append(on_fills)
        if on_orders is not None:
            self._on_orders.append(on_orders)

    def flush_soon(self, events: list[MasterOrderEvent]) -> None:
        """Deliver *events*, and the fills that are ready, once everything that has arrived is read."""
        self._events += events
        if not self._is_flushing:
            self._is_flushing = True
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Deliver what is ready; have the volumes asked for that the rest waits for."""
        self._is_flushing = False
        self._standing.is_held = self._intake.in_doubt
        fills = self._intake.ready()
        if fills:
            self._standing.delivered += len(fills)
            for on_fills in self._on_fills:
                on_fills(fills)
        events, self._events = self._ripe()
        for on_orders in self._on_orders if events else ():
            on_orders(events)
        unknown = self._intake.unknown_orders()
        if unknown and not self._is_asking:
            self._is_asking = True
            self._spawn(self._ask(unknown))

    def _ripe(self) -> tuple[list[MasterOrderEvent], list[MasterOrderEvent]]:
        """Return the events that may go, and those that may not yet.

        The end of an order that was filled must not overtake its fills: what a follower's own order has bought would
        be taken for too much, and sold.
        """
        if self._intake.is_quiet:
            return self._events, []
        late = [event for event in self._events if event.step in _ENDS and event.executed > 0]
        return [event for event in self._events if event not in late], late

    async def _ask(self, txids: list[str]) -> None:
        try:
            await self._volumes.ask(txids)
        finally:
            self._is_asking = False
        self.flush()
