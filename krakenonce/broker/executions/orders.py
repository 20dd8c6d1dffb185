"""What is known of an account's orders by what the channel has told of them. Pure but for its memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from krakenonce.broker.executions.reports import ENDINGS, Report, Trade
from krakenonce.clock import NS_PER_SECOND
from krakenonce.orders.records import OrderState

MOST_CLOSED = 2_000
KEPT_NS = 60 * NS_PER_SECOND
"""How long an order that has ended is remembered. Who asks later finds it in the exchange's books."""
_STATES = {"filled": "closed", "canceled": "canceled", "expired": "expired", "pending_new": "pending"}


class StreamedOrder(NamedTuple):
    """One order, as far as it was told.

    Attributes:
        order_id, cl_ord_id, symbol, side, ordertype, volume, limit, trigger, time_in_force: see `Report`.
        status: ``order_status`` of the newest report.
        opened_ns, moment_ns: when the first and the newest report happened.
        executed, cost, price: totals of the exchange's; traded: the sum of the trades that were told.
        fees: what these trades were charged, by asset.
        exec_ids: their ids.
        is_triggered: see `Report`.
        reason: why it ended.
    """

    order_id: str
    cl_ord_id: str = ""
    symbol: str = ""
    side: str = ""
    ordertype: str = ""
    volume: Decimal | None = None
    limit: Decimal | None = None
    trigger: Decimal | None = None
    time_in_force: str = ""
    status: str = ""
    opened_ns: int = 0
    moment_ns: int = 0
    executed: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    price: Decimal = Decimal(0)
    traded: Decimal = Decimal(0)
    fees: tuple[tuple[str, Decimal], ...] = ()
    exec_ids: frozenset[str] = frozenset()
    is_triggered: bool = False
    reason: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self.status in ENDINGS

    @property
    def is_told_completely(self) -> bool:
        """Whether the trades that were told make up all that it has filled, and its own terms are known."""
        return self.traded == self.executed and self.volume is not None and self.symbol != ""

    def state(self, pair: str) -> OrderState:
        """Return it as the rest of the house knows orders; *pair* in the spelling that is wanted."""
        return OrderState(
            txid=self.order_id,
            cl_ord_id=self.cl_ord_id,
            pair=pair,
            side=self.side,
            ordertype=self.ordertype,
            status=_STATES.get(self.status, "open"),
            volume=self.volume or Decimal(0),
            executed=self.executed,
            price=self.price,
            cost=self.cost,
            fee=sum((fee for _, fee in self.fees), Decimal(0)),
            opened_ns=self.opened_ns,
            reason=self.reason,
            limit=self.limit or Decimal(0),
            trigger=self.trigger or Decimal(0),
            closed_ns=self.moment_ns if self.has_ended else 0,
        )


class OrderLog:
    """Every order that was told of: the open ones, and those that have ended lately. One owner.

    What is remembered depends on how much happens in `KEPT_NS`, and not on how long the account has been heard.

    Parameters:
        most_closed: how many of those that have ended are remembered at the most.
    """

    def __init__(self, most_closed: int = MOST_CLOSED) -> None:
        self._orders: dict[str, StreamedOrder] = {}
        self._names: dict[str, str] = {}
        self._closed: OrderedDict[str, int] = OrderedDict()
        self._most_closed = most_closed

    def __iter__(self) -> Iterator[StreamedOrder]:
        return iter(list(self._orders.values()))

    def get(self, order_id: str) -> StreamedOrder | None:
        """Return what is known of an order by the exchange's name for it."""
        return self._orders.get(order_id)

    def named(self, cl_ord_id: str) -> StreamedOrder | None:
        """Return what is known of the newest order that its owner calls so."""
        order_id = self._names.get(cl_ord_id)
        return None if order_id is None else self._orders.get(order_id)

    @property
    def open(self) -> list[StreamedOrder]:
        """The orders that have not ended, as far as it was told."""
        return [order for order in self._orders.values() if not order.has_ended]

    def take(self, report: Report) -> StreamedOrder:
        """Take in a report, and return the order as it stands. A repeated one changes nothing."""
        known = self._orders.get(report.order_id) or StreamedOrder(report.order_id, opened_ns=report.moment_ns)
        order = fold(known, report)
        self._orders[order.order_id] = order
        if order.cl_ord_id:
            self._names[order.cl_ord_id] = order.order_id
        if order.has_ended:
            self._close(order)
        return order

    def forget(self, order_id: str) -> None:
        """Drop an order: it ended without our being told how."""
        order = self._orders.pop(order_id, None)
        self._closed.pop(order_id, None)
        if order is not None and self._names.get(order.cl_ord_id) == order_id:
            del self._names[order.cl_ord_id]

    def _close(self, order: StreamedOrder) -> None:
        self._closed.setdefault(order.order_id, order.moment_ns)
        while len(self._closed) > self._most_closed or self._is_faded(order.moment_ns):
            self.forget(next(iter(self._closed)))

    def _is_faded(self, now_ns: int) -> bool:
        return next(iter(self._closed.values()), now_ns) < now_ns - KEPT_NS


def fold(order: StreamedOrder, report: Report) -> StreamedOrder:
    """Return *order* after *report*. What has ended stays ended; trades that were told before count once."""
    trade = report.trade
    if trade is not None and trade.exec_id in order.exec_ids:
        return order
    status = order.status if order.has_ended else report.status
    executed = order.executed if report.executed is None else max(order.executed, report.executed)
    is_newest = report.executed is None or report.executed >= order.executed
    folded = order._replace(
        cl_ord_id=order.cl_ord_id or report.cl_ord_id,
        symbol=order.symbol or report.symbol,
        side=order.side or report.side,
        ordertype=order.ordertype or report.ordertype,
        volume=order.volume if report.volume is None else report.volume,
        limit=order.limit if report.limit is None else report.limit,
        trigger=order.trigger if report.trigger is None else report.trigger,
        time_in_force=order.time_in_force or report.time_in_force,
        status=status,
        moment_ns=max(order.moment_ns, report.moment_ns),
        executed=executed,
        cost=report.cost if report.cost is not None and is_newest else order.cost,
        price=report.price if report.price is not None and is_newest else order.price,
        is_triggered=order.is_triggered or report.is_triggered,
        reason=report.reason if report.kind in ENDINGS else order.reason,
    )
    return folded if trade is None else _with_trade(folded, trade)


def _with_trade(order: StreamedOrder, trade: Trade) -> StreamedOrder:
    fees = dict(order.fees)
    for asset, fee in trade.fees.items():
        fees[asset] = fees.get(asset, Decimal(0)) + fee
    return order._replace(
        traded=order.traded + trade.volume,
        fees=tuple(fees.items()),
        exec_ids=order.exec_ids | {trade.exec_id},
    )
