"""Open orders cancelled and amended, over the WebSocket or, where that gives no answer, over REST."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from decimal import Decimal

from krakenonce.broker.account import KrakenBroker
from krakenonce.broker.streaming.flights import Flights
from krakenonce.broker.streaming.handing import PERMISSION_DENIED, HandingOver
from krakenonce.broker.streaming.wording import REST_NAMES, amend_order, as_rest, cancel_order
from krakenonce.client.budget import Sleep
from krakenonce.client.encoding import Value
from krakenonce.client.websocket import Session
from krakenonce.client.websocket.connection import NOT_SENT
from krakenonce.clock import NS_PER_SECOND
from krakenonce.errors import KrakenonceError, RequestRefused
from krakenonce.kraken.catalogue import Action
from krakenonce.kraken.replies import Accepted, Outcome, Refused, Unknown
from krakenonce.lanes import Priority
from krakenonce.orders.fence import LATE_NS
from krakenonce.rates import NotSent

AMEND_VALID_S = 5
_PASSING = frozenset({Action.NEW_TOKEN, Action.WAIT, Action.NEW_NONCE})
_GONE = ("EOrder:Unknown order", "EOrder:Invalid order")


class Changing:
    """Cancels and amends one account's orders. Any number of tasks of one event loop."""

    def __init__(
        self, broker: KrakenBroker, session: Session, handing: HandingOver, flights: Flights, sleep: Sleep
    ) -> None:
        self._broker, self._session, self._handing = broker, session, handing
        self._flights, self._sleep = flights, sleep

    async def cancel(self, cl_ord_id: str) -> None:
        """Have an order cancelled. One that is closed already, or does not exist, is no error.

        Raises:
            RequestRefused, OutcomeUnknown, TryLater: it could not be cancelled now.
        """
        flight = self._flights.get(cl_ord_id)
        was_under_way = flight is not None and not flight.future.done()
        await self._cancel(cl_ord_id)
        if flight is not None and was_under_way:
            # The cancellation may have overtaken the order.
            await asyncio.wait((flight.future,))
            if flight.txid:
                await self._cancel(cl_ord_id)

    async def cancel_all(self, names: Collection[str]) -> None:
        """Have the orders called *names* cancelled; raises as `cancel`, after all have been tried."""
        results = await asyncio.gather(*(self.cancel(name) for name in names), return_exceptions=True)
        errors = [result for result in results if isinstance(result, BaseException)]
        if errors:
            raise errors[0]

    async def amend(self, cl_ord_id: str, volume: Decimal, limit: Decimal | None, trigger: Decimal | None) -> None:
        """Change an open order to this volume (base asset) and these prices (quote asset; None leaves them).

        Raises:
            RequestRefused: the exchange does not want it so; the order stands as it was, or is closed.
            OutcomeUnknown, TryLater: it could not be amended now.
        """
        deadline_ns = self._broker.now_ns() + AMEND_VALID_S * NS_PER_SECOND
        params = amend_order(cl_ord_id, volume, limit, trigger, deadline_ns)
        outcome = await self._ask("amend_order", params, {"cl_ord_id": cl_ord_id}, Priority.ENTRY)
        if isinstance(outcome, Unknown):
            # Once it can't be executed any more, nothing can undo what is sent after it.
            await self._sleep(max(0, deadline_ns + LATE_NS - self._broker.now_ns()) / NS_PER_SECOND)
        elif isinstance(outcome, Accepted):
            return
        elif not _may_pass_over_rest(outcome):
            raise RequestRefused(f"{self._broker.name}: amending {cl_ord_id}: {outcome.error}")
        state = await self._broker.amend(cl_ord_id=cl_ord_id, volume=volume, price=limit, trigger=trigger)
        if isinstance(state, Refused):
            raise RequestRefused(f"{self._broker.name}: amending {cl_ord_id}: {state.error}")

    async def wind(self, timeout_s: int) -> Outcome:
        """Wind up the cancel-after switch; 0 disarms it. https://docs.kraken.com/api/docs/websocket-v2/cancel_after."""
        outcome: Outcome = NOT_SENT
        if self._handing.path == "ws":
            outcome = await self._session.ask("cancel_all_orders_after", {"timeout": timeout_s})
        if isinstance(outcome, Accepted):
            return outcome
        try:
            params = {"timeout": timeout_s}
            return await self._broker.client.call("CancelAllOrdersAfter", params, priority=Priority.CANCEL)
        except KrakenonceError as error:
            return Unknown(type(error).__name__)

    async def _cancel(self, cl_ord_id: str) -> None:
        params: Mapping[str, Value] = cancel_order(cl_ord_id)
        outcome = await self._ask("cancel_order", params, {"cl_ord_id": cl_ord_id}, Priority.CANCEL)
        if isinstance(outcome, Accepted) or _is_gone(outcome):
            return
        state = await self._broker.cancel(cl_ord_id=cl_ord_id)
        if isinstance(state, Refused) and not _is_gone(state):
            raise RequestRefused(f"{self._broker.name}: cancelling {cl_ord_id}: {state.error}")

    async def _ask(
        self, method: str, params: Mapping[str, Value], charged: Mapping[str, Value], priority: Priority
    ) -> Outcome:
        """Send over the WebSocket and return the outcome; `NOT_SENT` if that is not the way now."""
        if self._handing.path != "ws":
            return NOT_SENT
        toll, name = self._handing.toll, REST_NAMES[method]
        permit = toll.pass_now(name, charged, priority) or await toll.wait(name, charged, priority)
        if isinstance(permit, NotSent):
            return permit
        with permit:
            answer = self._session.ask(method, params)
            if answer.done():
                return answer.result()
            permit.sent()
            outcome = await answer
            permit.settle(as_rest(outcome))
        if isinstance(outcome, Refused) and outcome.meaning.action is Action.NEW_TOKEN:
            self._session.drop("the token is not valid any more")
        return outcome


def _is_gone(outcome: Outcome) -> bool:
    return isinstance(outcome, Refused) and outcome.error.startswith(_GONE)


def _may_pass_over_rest(refused: Refused) -> bool:
    return refused.meaning.action in _PASSING or refused.error.startswith(PERMISSION_DENIED)
