"""How orders ended: told by the stream, or found out by look-ups, until it is known."""

from __future__ import annotations

import logging

from krakenonce.broker.account import KrakenBroker
from krakenonce.broker.streaming.flights import Flight, Flights
from krakenonce.broker.streaming.lookups import Lookups
from krakenonce.broker.streaming.options import StreamOptions
from krakenonce.broker.streaming.stream import AccountStream, News
from krakenonce.client.budget import Sleep
from krakenonce.clock import NS_PER_SECOND
from krakenonce.errors import OutcomeUnknown, RequestRefused, TryLater
from krakenonce.lanes import Priority
from krakenonce.orders.fence import LATE_NS
from krakenonce.orders.records import Executed, NotExecuted, Order, OrderState

log = logging.getLogger("krakenonce")

_LOOK_BACK_NS = 120 * NS_PER_SECOND
_SHORTEST_WAIT_S = 0.2
_UNTOLD_S = 0.5


class _NotYet(Exception):
    """It is not known yet; ask again. A signal inside this room."""


class Endings:
    """Finds out how the orders of one account ended. Any number of tasks of one event loop.

    An order whose answer was lost may exist until its deadline is over by the exchange's own clock: nothing is accepted
    after it (https://docs.kraken.com/api/docs/websocket-v2/add_order). Only then, looked for twice across the settle
    time among the open and the closed orders and behind the trades, it counts as never executed.
    """

    def __init__(
        self, broker: KrakenBroker, stream: AccountStream, flights: Flights, options: StreamOptions, sleep: Sleep
    ) -> None:
        self._broker, self._stream, self._flights = broker, stream, flights
        self._options, self._sleep = options, sleep
        self._lookups = Lookups(broker.books, sleep)

    async def ending(self, order: Order, deadline_ns: int) -> OrderState | None:
        """Return how *order* ended; None if it never existed and never will. Goes on until that is known."""
        pause_s, cause = self._options.pause_s, ""
        while True:
            try:
                found = await self._once(order, deadline_ns)
            except _NotYet:
                continue
            except (RequestRefused, OutcomeUnknown, TryLater) as error:
                if str(error) != cause:
                    cause = str(error)
                    log.warning("%s: %s can't be looked up now (%s)", self._broker.name, order.cl_ord_id, cause)
                await self._sleep(pause_s)
                pause_s = min(2 * pause_s, self._options.longest_pause_s)
                continue
            self._forget(order, found)
            return found

    def _forget(self, order: Order, found: OrderState | None) -> None:
        name = order.cl_ord_id or ""
        self._flights.forget(name)
        self._broker.client.rates.forget(name, found.txid if found is not None else "")

    async def _once(self, order: Order, deadline_ns: int) -> OrderState | None:
        name = order.cl_ord_id or ""
        told, flight = self._stream.orders.named(name), self._flights.get(name)
        if told is not None and told.has_ended and told.is_told_completely:
            return told.state(order.pair)
        txid = told.order_id if told is not None else flight.txid if flight is not None else ""
        if txid:
            return await self._by_id(order, txid)
        if flight is not None and not flight.future.done():
            # News, not the future: the stream may tell that it exists long before the answer is given up.
            await self._stream.news(name, self._options.ending_s)
            raise _NotYet
        if flight is not None and flight.is_refused:
            return None
        return await self._lost(order, flight, deadline_ns)

    async def _by_id(self, order: Order, txid: str) -> OrderState | None:
        """Wait for news of an order that exists; without news, look."""
        told = self._stream.orders.get(txid)
        if told is None or not told.has_ended:
            news = await self._stream.news(order.cl_ord_id or "", self._patience_s(order, is_told=told is not None))
            if news is News.TOLD:
                raise _NotYet
        state = await self._lookups.state(txid)
        if state is None or state.is_open:
            if told is not None and told.has_ended:
                await self._sleep(self._options.pause_s)  # the stream is ahead of the books
            raise _NotYet
        return state

    def _patience_s(self, order: Order, *, is_told: bool) -> float:
        if order.ordertype == "market" or order.time_in_force == "ioc":
            # It has ended already. Without a stream nobody will say so.
            return self._options.ending_s if self._stream.is_live else min(self._options.ending_s, _UNTOLD_S)
        if not self._stream.is_live:
            return self._options.longest_pause_s
        return self._options.resting_s if is_told else self._options.ending_s

    async def _lost(self, order: Order, flight: Flight | None, deadline_ns: int) -> OrderState | None:
        """Find out about an order of which nobody knows whether it exists."""
        name = order.cl_ord_id or ""
        if flight is None or flight.path == "rest":
            verdict = await self._broker.resolve(name, priority=Priority.EXIT)
            if isinstance(verdict, Executed):
                return self._found(order, deadline_ns, verdict.state)
            if isinstance(verdict, NotExecuted):
                return None
        since_ns = deadline_ns - _LOOK_BACK_NS
        state = await self._look(name, since_ns)
        if state is None:
            await self._until_over(deadline_ns)
            state = await self._look(name, since_ns)
        if state is None:
            await self._sleep(self._options.settle_s)
            state = await self._look(name, since_ns)
        if state is None:
            log.info("%s: %s never reached the exchange", self._broker.name, name)
            return None
        return self._found(order, deadline_ns, state)

    def _found(self, order: Order, deadline_ns: int, state: OrderState) -> OrderState:
        if not state.is_open:
            return state
        flight = self._flights.get(order.cl_ord_id or "")
        if flight is None:
            flight = self._flights.begin(order, deadline_ns, Priority.EXIT)
        flight.acknowledge(state.txid, self._broker.clock.wall_ns())
        raise _NotYet

    async def _look(self, name: str, since_ns: int) -> OrderState | None:
        books = self._broker.proofs
        found = await books.find(name, priority=Priority.EXIT)
        if found is None:
            found = await books.find_by_trades(name, since_ns=since_ns, priority=Priority.EXIT)
        return found

    async def _until_over(self, deadline_ns: int) -> None:
        """Wait until the exchange's own clock has passed the deadline, and what was under way inside it has arrived."""
        while True:
            left_ns = deadline_ns + LATE_NS - self._broker.now_ns()
            if left_ns > 0:
                await self._sleep(left_ns / NS_PER_SECOND)
            if await self._broker.server_time_ns() >= deadline_ns + LATE_NS:
                return
            await self._sleep(_SHORTEST_WAIT_S)
