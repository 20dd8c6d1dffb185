"""From the exchange's words about a master to the copy trader's. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import cast, get_args

from krakenonce.broker import Fill, OrderState
from krakenonce.broker.executions import Report, StreamedOrder
from krakenonce.broker.symbols import Symbols
from krakenonce.copytrader.records import MasterFill, MasterOrderEvent, OrderStep, Source
from krakenonce.orders.records import OrderType, Side

_ENDINGS = {
    "filled": OrderStep.FILLED,
    "closed": OrderStep.FILLED,
    "canceled": OrderStep.CANCELED,
    "expired": OrderStep.EXPIRED,
}
_MIRRORED = frozenset(get_args(OrderType))


class Translator:
    """Translates for one master. Immutable.

    Parameters:
        master: his name.
        symbols: the names of pairs.
    """

    def __init__(self, master: str, symbols: Symbols) -> None:
        self._master, self._symbols = master, symbols

    def streamed_fill(self, report: Report, order: StreamedOrder | None, received_ns: int) -> MasterFill:
        """Return the fill that a report with a trade tells of; *order* is what is known of its order.

        Raises:
            LookupError, ValueError: its pair is unknown, or it lacks a side.
        """
        trade, side = report.trade, report.side or (order.side if order is not None else "")
        symbol = report.symbol or (order.symbol if order is not None else "")
        if trade is None or side not in get_args(Side):
            raise ValueError("no trade, or one without a side")
        return MasterFill(
            self._master,
            trade.exec_id,
            report.order_id,
            self._key(symbol),
            cast("Side", side),
            trade.volume,
            trade.price,
            report.moment_ns,
            received_ns,
        )

    def booked_fill(self, fill: Fill, received_ns: int) -> MasterFill:
        """Return a fill that was found in the books."""
        return MasterFill(
            self._master,
            fill.exec_id,
            fill.order_txid,
            fill.pair,
            fill.side,
            fill.volume,
            fill.price,
            fill.time_ns,
            received_ns,
            source=Source.AUDIT,
        )

    def step(self, before: StreamedOrder | None, after: StreamedOrder, received_ns: int) -> MasterOrderEvent | None:
        """Return what happened to an order between two reports; None if it is nothing that is followed.

        Raises:
            LookupError: its pair is unknown.
        """
        step = _step(before, after)
        if step is None or after.volume is None:
            return None
        return self._event(step, after, after.volume, after.executed, after.moment_ns, received_ns)

    def shown(self, order: StreamedOrder, since_ns: int, received_ns: int) -> MasterOrderEvent | None:
        """Return an open order as it stands: OPENED, if that was after *since_ns*; None if it is not followed."""
        if order.volume is None or not order.symbol:
            return None
        step = OrderStep.SHOWN if order.opened_ns < since_ns else OrderStep.OPENED
        return self._event(step, order, order.volume, order.executed, order.moment_ns, received_ns)

    def ended(self, before: StreamedOrder, state: OrderState, received_ns: int) -> MasterOrderEvent | None:
        """Return the end of an order that nobody told us of, as the books show it; None if it is open after all."""
        step = _ENDINGS.get(state.status)
        if step is None:
            return None
        return self._event(step, before, state.volume, state.executed, received_ns, received_ns)

    def _event(
        self,
        step: OrderStep,
        order: StreamedOrder,
        volume: Decimal,
        executed: Decimal,
        moment_ns: int,
        received_ns: int,
    ) -> MasterOrderEvent | None:
        """Return *step* of *order*, or None if it is of a kind that is not followed."""
        if order.ordertype not in _MIRRORED or order.side not in get_args(Side):
            return None
        return MasterOrderEvent(
            self._master,
            order.order_id,
            step,
            self._key(order.symbol),
            cast("Side", order.side),
            cast("OrderType", order.ordertype),
            volume,
            executed,
            order.limit,
            order.trigger,
            moment_ns,
            received_ns,
        )

    def _key(self, symbol: str) -> str:
        key = self._symbols.key(symbol)
        if key is None:
            raise LookupError("a pair that AssetPairs did not list at the start")
        return key


def _step(before: StreamedOrder | None, after: StreamedOrder) -> OrderStep | None:
    if after.has_ended:
        return None if before is not None and before.has_ended else _ENDINGS[after.status]
    if before is None or before.volume is None or not before.symbol:
        return OrderStep.OPENED
    if after.is_triggered and not before.is_triggered:
        return OrderStep.TRIGGERED
    changed = (before.volume, before.limit, before.trigger) != (after.volume, after.limit, after.trigger)
    return OrderStep.AMENDED if changed else None
