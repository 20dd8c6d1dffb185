"""Orders handed over: to the WebSocket at once, or through the order desk where there is none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

from krakenonce.broker.account import KrakenBroker
from krakenonce.broker.records import Acknowledged
from krakenonce.broker.streaming.flights import Flight, Flights
from krakenonce.broker.streaming.toll import Toll
from krakenonce.broker.streaming.wording import (
    Worded,
    as_rest,
    deadline_text,
    placed_id,
    whole_seconds_left,
)
from krakenonce.broker.symbols import Symbols
from krakenonce.client.websocket import Session
from krakenonce.client.websocket.connection import NOT_SENT
from krakenonce.clock import NS_PER_SECOND
from krakenonce.errors import KrakenonceError, OutcomeUnknown, TryLater
from krakenonce.kraken.catalogue import Action
from krakenonce.kraken.replies import Accepted, Meaning, Outcome, Refused, Unknown
from krakenonce.lanes import Priority
from krakenonce.orders.parsing import parsed
from krakenonce.orders.records import Order, Placement
from krakenonce.rates import NotSent, Permit

log = logging.getLogger("krakenonce")

PERMISSION_DENIED = "EGeneral:Permission denied"
_SHORTEST_VALID_S = 3  # Kraken takes deadlines of at least 2 s, and a request needs some time to get there
_LATE_S = 1.0
_TOO_LATE = Refused(("its time was over before it could be sent",), Meaning(Action.GIVE_UP, no_effect=True))


class HandingOver:
    """Sends one account's orders, each at most once. Belongs to one event loop.

    An order leaves a second time only behind a proof that the first had no effect: it was never written to the socket,
    or the exchange refused the socket's token or its right to trade.

    Parameters:
        broker: the account over REST; session: its WebSocket; symbols: the names of pairs.
        flights: where orders on their way are kept.
        websocket: whether orders may go over the WebSocket at all.
    """

    def __init__(
        self, broker: KrakenBroker, session: Session, symbols: Symbols, flights: Flights, *, websocket: bool
    ) -> None:
        self._broker, self._session, self._symbols, self._flights = broker, session, symbols, flights
        self._allowed = websocket
        self.toll = Toll(broker.client.rates)
        self._tasks: set[asyncio.Task[None]] = set()
        self._logged = ""
        self._worded: Worded | None = None

    @property
    def path(self) -> str:
        """How an order would go out now: ``ws`` or ``rest``."""
        return "ws" if self._allowed and self._session.is_up else "rest"

    def get_ready(self, order: Order, deadline_ns: int) -> None:
        """See `StreamingAccount.get_ready`."""
        symbol = self._symbols.symbol(order.pair)
        if symbol is not None and self.path == "ws":
            self._worded = Worded.of(order, symbol, deadline_ns)

    def send(self, order: Order, deadline_ns: int, priority: Priority) -> asyncio.Future[Acknowledged | Refused]:
        """See `StreamingAccount.send`."""
        known = self._flights.get(order.cl_ord_id or "")
        if known is not None and not known.is_refused:
            return known.future
        flight = self._flights.begin(order, deadline_ns, priority)
        symbol = self._symbols.symbol(order.pair)
        if self.path == "ws" and symbol is not None:
            self._over_websocket(flight, self._in_words(flight, symbol))
        else:
            self._over_rest(flight)
        return flight.future

    async def close(self) -> None:
        """Wait until nothing is on its way over REST any more."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _in_words(self, flight: Flight, symbol: str) -> Worded:
        worded, self._worded = self._worded, None
        if worded is not None and worded.order is flight.order and worded.deadline_ns == flight.deadline_ns:
            return worded
        return Worded.of(flight.order, symbol, flight.deadline_ns)

    def _over_websocket(self, flight: Flight, worded: Worded) -> None:
        flight.path = "ws"
        permit = self.toll.pass_now("AddOrder", worded.charged, flight.priority)
        if permit is None:
            self._spawn(self._when_there_is_room(flight, worded))
        else:
            self._hand(flight, worded.members, permit)

    async def _when_there_is_room(self, flight: Flight, worded: Worded) -> None:
        counted = {**worded.charged, "deadline": deadline_text(flight.deadline_ns)}
        self._hand(flight, worded.members, await self.toll.wait("AddOrder", counted, flight.priority))

    def _hand(self, flight: Flight, members: str, permit: Permit | NotSent) -> None:
        if isinstance(permit, NotSent):
            flight.refuse(permit)
            return
        left_s = (flight.deadline_ns - self._broker.now_ns()) / NS_PER_SECOND
        self._note(flight)
        answered = partial(self._answered, flight, permit)
        self._session.hand("add_order", members, max(0.0, left_s) + _LATE_S, answered)
        if flight.path == "ws":
            permit.sent()

    def _answered(self, flight: Flight, permit: Permit, outcome: Outcome) -> None:
        """Take in the answer, or that there will be none."""
        if outcome is NOT_SENT:
            with permit:  # gives back what was counted
                self._over_rest(flight)
            return
        permit.settle(as_rest(outcome))
        if isinstance(outcome, Accepted):
            try:
                txid = parsed("add_order", placed_id, outcome.result)
            except OutcomeUnknown as error:
                flight.lose(str(error))
            else:
                flight.acknowledge(txid, self._broker.clock.wall_ns())
        elif isinstance(outcome, Unknown):
            flight.lose(outcome.cause)
        else:
            self._refused(flight, outcome)

    def _refused(self, flight: Flight, refused: Refused) -> None:
        action = refused.meaning.action
        if action is Action.LOOK:
            flight.lose(refused.error)
        elif action is Action.NEW_TOKEN:
            self._session.drop("the token is not valid any more")
            self._over_rest(flight)
        elif refused.error.startswith(PERMISSION_DENIED) and self._allowed:
            self._allowed = False
            log.warning("%s: this key may not trade over WebSocket", self._broker.name)
            self._over_rest(flight)
        else:
            flight.refuse(refused)

    def _over_rest(self, flight: Flight) -> None:
        flight.path = "rest"
        self._note(flight)
        self._spawn(self._place(flight))

    async def _place(self, flight: Flight) -> None:
        left_s = whole_seconds_left(flight.deadline_ns, self._broker.now_ns())
        if left_s < _SHORTEST_VALID_S:
            flight.refuse(_TOO_LATE)
            return
        order = replace(flight.order, valid_s=left_s)
        try:
            placed = await self._broker.place(order, priority=flight.priority)
        except TryLater as error:
            flight.fail(error)
        except KrakenonceError as error:
            # Whatever it was, somebody waits for this flight: what became of the order has to be found out. Also if a
            # question about it was refused, and if the journal knows its name for another order.
            flight.lose(str(error))
        else:
            self._end(flight, placed)

    def _end(self, flight: Flight, placed: Placement | Refused) -> None:
        if isinstance(placed, Refused):
            flight.refuse(placed)
        else:
            flight.acknowledge(placed.txid, self._broker.clock.wall_ns())

    def _note(self, flight: Flight) -> None:
        """Say in the log by which way orders go, whenever that changes."""
        if flight.path != self._logged:
            self._logged = flight.path
            way = "WebSocket" if flight.path == "ws" else "REST"
            log.info("%s: orders go over %s", self._broker.name, way)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
