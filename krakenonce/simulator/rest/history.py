"""Private endpoints that look orders and trades up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from krakenonce.simulator.refusals import invalid_arguments
from krakenonce.simulator.rest.arguments import Arguments
from krakenonce.simulator.rest.formats import order_row, trade_row

if TYPE_CHECKING:
    from krakenonce.simulator.orders import Order, Trade
    from krakenonce.simulator.rest.account import Caller

_Row = TypeVar("_Row")
PAGE = 50
TRADE_TYPES = ("all", "any position", "closed position", "closing position", "no position")


def open_orders(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """Answer OpenOrders, newest first."""
    trades = arguments.flag("trades")
    seen = [order for order in _candidates(caller) if _seen_open(order, caller.seen_ns)]
    orders = reversed(_matching(caller, arguments, seen))
    return {"open": {order.txid: order_row(order, trades=trades) for order in orders}}


def closed_orders(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """Answer ClosedOrders: 50 per page, latest first, with the number there are in all."""
    by_open = arguments.choice("closetime", ("open", "close", "both"), "both") == "open"
    closed = [
        order for order in caller.account.orders.values() if order.closed_ns and order.closed_ns <= caller.seen_ns
    ]
    found = _matching(caller, arguments, closed)
    in_span = span(arguments, caller)
    found = [order for order in found if in_span(order.opened_ns if by_open else order.closed_ns)]
    found.sort(key=lambda order: (order.opened_ns if by_open else order.closed_ns, order.rank), reverse=True)
    trades = arguments.flag("trades")
    rows = {order.txid: order_row(order, trades=trades) for order in _page(arguments, found)}
    return {"closed": rows} | ({} if arguments.flag("without_count") else {"count": len(found)})


def query_orders(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """Answer QueryOrders: unknown ids are simply absent. A cl_ord_id alone is not enough."""
    ids = arguments.names("txid", 50)
    if not ids:
        raise invalid_arguments()
    orders = caller.account.orders
    found = [orders[txid] for txid in ids if txid in orders and orders[txid].opened_ns <= caller.seen_ns]
    trades = arguments.flag("trades")
    return {order.txid: order_row(order, trades=trades) for order in _matching(caller, arguments, found)}


def trades_history(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """Answer TradesHistory: 50 per page, latest first."""
    kind = arguments.choice("type", TRADE_TYPES, "all")
    trades = [trade for trade in caller.account.trades if _of_type(trade, kind)]
    in_span = span(arguments, caller)
    found = [trade for trade in reversed(trades) if trade.time_ns <= caller.seen_ns and in_span(trade.time_ns)]
    rows = {trade.txid: trade_row(trade) for trade in _page(arguments, found)}
    if arguments.flag("ledgers"):
        _add_ledgers(caller, rows)
    return {"trades": rows} | ({} if arguments.flag("without_count") else {"count": len(found)})


def _add_ledgers(caller: Caller, rows: dict[str, dict[str, Any]]) -> None:
    for row in rows.values():
        row["ledgers"] = []
    for entry in caller.account.ledger:
        if entry.reference in rows:
            rows[entry.reference]["ledgers"].append(entry.ledger_id)


def query_trades(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """Answer QueryTrades."""
    ids = arguments.names("txid", 20)
    if not ids:
        raise invalid_arguments("txid")
    return {trade.txid: trade_row(trade) for trade in caller.account.trades if trade.txid in ids}


def _candidates(caller: Caller) -> Iterable[Order]:
    # Reads are rarely stale, and an account's past is long: look through it only when it matters.
    is_stale = caller.seen_ns < caller.exchange.now
    return caller.account.orders.values() if is_stale else caller.account.open_orders.values()


def _seen_open(order: Order, seen_ns: int) -> bool:
    return order.opened_ns <= seen_ns and (order.is_open or order.closed_ns > seen_ns)


def _matching(caller: Caller, arguments: Arguments, orders: list[Order]) -> list[Order]:
    if "userref" in arguments:
        userref = arguments.integer("userref", 0, -(2**31))
        orders = [order for order in orders if order.ticket.userref == userref]
    if "cl_ord_id" in arguments:
        cl_ord_id = arguments.text("cl_ord_id")
        orders = [order for order in orders if order.ticket.cl_ord_id == cl_ord_id]
    return orders


def span(arguments: Arguments, caller: Caller) -> Callable[[int], bool]:
    """Return the test for moments between ``start`` and ``end``."""
    start_ns, end_ns = _bound(arguments, "start", caller), _bound(arguments, "end", caller)
    return lambda at_ns: (start_ns is None or at_ns > start_ns) and (end_ns is None or at_ns <= end_ns)


def _bound(arguments: Arguments, name: str, caller: Caller) -> int | None:
    """Return the moment of a bound that is given in unix seconds or as the id of an order or trade."""
    text = arguments.text(name)
    if not text or text[0].isdigit():
        return arguments.moment(name)
    if text in caller.account.orders:
        return caller.account.orders[text].opened_ns
    moment = next((trade.time_ns for trade in caller.account.trades if trade.txid == text), None)
    if moment is None:
        raise invalid_arguments(name)
    return moment


def _page(arguments: Arguments, rows: Sequence[_Row]) -> Sequence[_Row]:
    offset = arguments.integer("ofs")
    return rows[offset : offset + PAGE]


def _of_type(trade: Trade, kind: str) -> bool:
    is_open = trade.position in trade.order.account.positions
    return {
        "all": True,
        "any position": bool(trade.position),
        "closed position": bool(trade.position) and not is_open,
        "closing position": trade.closing,
        "no position": not trade.position,
    }[kind]
