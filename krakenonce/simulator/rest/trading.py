"""Private endpoints that place and cancel orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from krakenonce.simulator.refusals import Refusal, invalid_arguments
from krakenonce.simulator.rest.arguments import Arguments
from krakenonce.simulator.rest.deadlines import check_deadline
from krakenonce.simulator.rest.formats import describe_close, describe_ticket, iso_seconds
from krakenonce.simulator.rest.tickets import ORDER_TYPES, read_ticket

if TYPE_CHECKING:
    from krakenonce.simulator.orders import Order, Ticket
    from krakenonce.simulator.rest.account import Caller

MAX_TIMEOUT_S = 86_399
BATCH = range(2, 16)
CANCEL_BATCH = range(1, 51)


def add_order(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """Answer AddOrder."""
    arguments.choice("ordertype", ORDER_TYPES)
    arguments.choice("type", ("buy", "sell"))
    ticket = read_ticket(caller.exchange, arguments, arguments.pair())
    check_deadline(caller, arguments)
    if arguments.flag("validate"):
        caller.exchange.desk.validate(caller.account, ticket)
        return {"descr": described(ticket)}
    order = caller.exchange.desk.add(caller.account, ticket)
    return {"descr": described(ticket), "txid": [order.txid]}


def add_order_batch(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """Answer AddOrderBatch: a row that lacks funds fails alone, any other fault fails the batch."""
    rows = arguments.raw("orders")
    if not isinstance(rows, list) or len(rows) not in BATCH or not all(isinstance(row, dict) for row in rows):
        raise invalid_arguments("orders")
    pair = arguments.pair()
    tickets = [read_ticket(caller.exchange, Arguments(_flat(row)), pair) for row in rows]
    check_deadline(caller, arguments)
    desk = caller.exchange.desk
    if arguments.flag("validate"):
        desk.check_batch(caller.account, tickets)
        return {"orders": [{"descr": described(ticket)} for ticket in tickets]}
    results = desk.add_batch(caller.account, tickets)
    return {"orders": [_batch_row(ticket, result) for ticket, result in zip(tickets, results, strict=True)]}


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    close = row.get("close")
    nested = {f"close[{name}]": value for name, value in close.items()} if isinstance(close, dict) else {}
    return {name: value for name, value in row.items() if name != "close"} | nested


def _batch_row(ticket: Ticket, result: Order | Refusal) -> dict[str, Any]:
    if isinstance(result, Refusal):
        return {"error": result.error}
    return {"txid": result.txid, "descr": described(ticket)}


def cancel_order(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """Answer CancelOrder, by txid, userref or cl_ord_id."""
    desk, account = caller.exchange.desk, caller.account
    if "cl_ord_id" in arguments:
        orders = [desk.find_by_client_id(account, arguments.text("cl_ord_id"))]
    else:
        orders = _named(caller, arguments.required("txid"))
    for order in orders:
        desk.cancel(account, order)
    return {"count": len(orders)}


def _named(caller: Caller, name: str) -> list[Order]:
    """Return the open orders that a txid or a userref names."""
    if not name.lstrip("-").isdigit():
        return [caller.exchange.desk.find(caller.account, name)]
    orders = [order for order in caller.account.open_orders.values() if str(order.ticket.userref) == name]
    if not orders:
        raise Refusal(caller.exchange.settings.gone_order_error)
    return orders


def cancel_all(caller: Caller, _: Arguments) -> dict[str, Any]:
    """Answer CancelAll."""
    return {"count": caller.exchange.desk.cancel_all(caller.account)}


def cancel_order_batch(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """Answer CancelOrderBatch: orders that are gone are not counted."""
    names, ids = arguments.raw("orders") or [], arguments.raw("cl_ord_ids") or []
    if not isinstance(names, list) or not isinstance(ids, list) or len(names) + len(ids) not in CANCEL_BATCH:
        raise invalid_arguments("orders")
    if ids and not caller.exchange.settings.batch_cancel_by_client_id:
        raise invalid_arguments("cl_ord_ids")
    orders = [order for name in names for order in _still_open(caller, _row_name(name))]
    orders += [order for name in ids if (order := caller.account.open_by_client_id(str(name))) is not None]
    unique = list({order.txid: order for order in orders}.values())
    return {"count": caller.exchange.desk.cancel_batch(caller.account, unique)}


def _row_name(row: Any) -> str:
    value = row.get("txid", row.get("userref")) if isinstance(row, dict) else row
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise invalid_arguments("orders")
    return str(value)


def _still_open(caller: Caller, name: str) -> list[Order]:
    try:
        return _named(caller, name)
    except Refusal:
        return []


def cancel_all_orders_after(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """Answer CancelAllOrdersAfter, the dead man's switch."""
    if "timeout" not in arguments:
        raise invalid_arguments("timeout")
    exchange = caller.exchange
    due_ns = exchange.desk.cancel_all_after(caller.account, arguments.integer("timeout", 0, 0, MAX_TIMEOUT_S))
    shift_ns = exchange.shown_ns - exchange.now
    trigger = iso_seconds(due_ns + shift_ns) if due_ns else "0"
    return {"currentTime": iso_seconds(exchange.shown_ns), "triggerTime": trigger}


def described(ticket: Ticket) -> dict[str, str]:
    """Return ``descr`` as order replies have it."""
    close = describe_close(ticket)
    return {"order": describe_ticket(ticket)} | ({"close": close} if close else {})
