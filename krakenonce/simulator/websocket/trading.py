"""The trading methods. Each yields what is to be answered: one result, or one per order.

https://docs.kraken.com/api/docs/websocket-v2/add_order and the pages beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from krakenonce.simulator.amendments import Changes
from krakenonce.simulator.refusals import Refusal, invalid_arguments
from krakenonce.simulator.rest.deadlines import check_deadline
from krakenonce.simulator.rest.trading import BATCH, cancel_all_orders_after
from krakenonce.simulator.websocket.orders import ROW_FIELDS, read_order, read_price
from krakenonce.simulator.websocket.params import Params, wrong_type

if TYPE_CHECKING:
    from decimal import Decimal

    from krakenonce.simulator.orders import Order, Ticket
    from krakenonce.simulator.rest.account import Caller

EARLIEST_DEADLINE_S = 0.5
CANCEL_BATCH = range(2, 51)
MANY = range(1, 1001)
Answer = dict[str, Any] | list[dict[str, Any]] | Refusal


@dataclass(frozen=True, slots=True)
class TradingMethod:
    """A method; any one of *permissions* is enough. *fields* are the params it knows beside the token."""

    answer: Callable[[Caller, Params], Iterator[Answer]]
    permissions: tuple[str, ...]
    fields: frozenset[str] = frozenset()


def add_order(caller: Caller, params: Params) -> Iterator[Answer]:
    """Place one order. With ``validate`` it is only checked, and has no id."""
    ticket = read_order(caller.exchange, params, params.pair())
    check_deadline(caller, params, EARLIEST_DEADLINE_S)
    if params.flag("validate"):
        caller.exchange.desk.validate(caller.account, ticket)
        yield _placed(ticket, "")
    else:
        yield _placed(ticket, caller.exchange.desk.add(caller.account, ticket).txid)


def _placed(ticket: Ticket, order_id: str) -> dict[str, Any]:
    row: dict[str, Any] = {"order_id": order_id}
    if ticket.cl_ord_id is not None:
        row["cl_ord_id"] = ticket.cl_ord_id
    if ticket.userref is not None:
        row["order_userref"] = ticket.userref
    return row


def amend_order(caller: Caller, params: Params) -> Iterator[Answer]:
    """Change an open order in place."""
    order = _one_order(caller, params)
    check_deadline(caller, params, EARLIEST_DEADLINE_S)
    changes = Changes(
        volume=params.decimal("order_qty"),
        display_volume=_above_zero(params, "display_qty"),
        limit_price=_new_price(caller, order, params, "limit_price"),
        trigger_price=_new_price(caller, order, params, "trigger_price"),
        post=params.flag("post_only"),
    )
    named = {name: params.text(name) for name in ("order_id", "cl_ord_id") if name in params}
    yield {"amend_id": caller.exchange.desk.amend(caller.account, order, changes)} | named


def edit_order(caller: Caller, params: Params) -> Iterator[Answer]:
    """Put a new order in an open one's stead. Orders with a cl_ord_id or a conditional close can't be edited."""
    order = _find(caller, params.required("order_id"))
    if params.pair() is not order.pair:
        raise invalid_arguments("symbol")
    if order.ticket.cl_ord_id is not None or order.ticket.close is not None:
        raise Refusal("EOrder:Invalid order")
    check_deadline(caller, params, EARLIEST_DEADLINE_S)
    userref = params.integer("order_userref", 0, -(2**31)) if "order_userref" in params else None
    price = _new_price(caller, order, params, "limit_price")
    desk = caller.exchange.desk
    ticket = desk.edited_ticket(order, _above_zero(params, "order_qty"), price, userref)
    if params.flag("validate"):
        caller.exchange.engine.check(caller.account, ticket, replaced=order)
        yield {"order_id": "", "original_order_id": order.txid}
    else:
        yield {"order_id": desk.edit(caller.account, order, ticket).txid, "original_order_id": order.txid}


def cancel_order(caller: Caller, params: Params) -> Iterator[Answer]:
    """Cancel orders, with one answer each."""
    finders: list[Callable[[], list[Order]]] = [
        *(partial(_only, _find, caller, name) for name in _texts(params, "order_id", MANY)),
        *(partial(_only, _find_by_client_id, caller, name) for name in _texts(params, "cl_ord_id", MANY)),
        *(partial(_find_by_userref, caller, number) for number in _numbers(params, "order_userref", MANY)),
    ]
    if not finders:
        raise invalid_arguments("order_id")
    for find in finders:
        yield from _canceled(caller, find)


def _canceled(caller: Caller, find: Callable[[], list[Order]]) -> Iterator[Answer]:
    try:
        for order in find():
            caller.exchange.desk.cancel(caller.account, order)
            row = {"order_id": order.txid}
            yield row if order.ticket.cl_ord_id is None else row | {"cl_ord_id": order.ticket.cl_ord_id}
    except Refusal as refusal:
        yield refusal


def _only(find: Callable[[Caller, str], Order], caller: Caller, name: str) -> list[Order]:
    return [find(caller, name)]


def cancel_all(caller: Caller, _: Params) -> Iterator[Answer]:
    """Cancel every open order of the account."""
    yield {"count": caller.exchange.desk.cancel_all(caller.account)}


def cancel_after(caller: Caller, params: Params) -> Iterator[Answer]:
    """Arm the dead man's switch, or disarm it."""
    yield cancel_all_orders_after(caller, params)


def batch_add(caller: Caller, params: Params) -> Iterator[Answer]:
    """Place 2 to 15 orders of one pair. What lacks funds fails alone; how Kraken words that row is not documented."""
    pair = params.pair()
    rows = [_row(params, row) for row in params.array("orders", BATCH)]
    if not rows:
        raise invalid_arguments("orders")
    tickets = [read_order(caller.exchange, row, pair) for row in rows]
    check_deadline(caller, params, EARLIEST_DEADLINE_S)
    desk = caller.exchange.desk
    if params.flag("validate"):
        desk.check_batch(caller.account, tickets)
        yield [_placed(ticket, "") for ticket in tickets]
    else:
        results = desk.add_batch(caller.account, tickets)
        yield [_batch_row(ticket, result) for ticket, result in zip(tickets, results, strict=True)]


def _row(params: Params, row: Any) -> Params:
    if not isinstance(row, dict):
        raise wrong_type("orders", "array of objects")
    inner = Params(row, params.kind)
    inner.only(ROW_FIELDS)
    return inner


def _batch_row(ticket: Ticket, result: Order | Refusal) -> dict[str, Any]:
    if isinstance(result, Refusal):
        ids = {name: value for name, value in _placed(ticket, "").items() if value != ""}
        return ids | {"success": False, "error": result.error}
    return _placed(ticket, result.txid)


def batch_cancel(caller: Caller, params: Params) -> Iterator[Answer]:
    """Cancel 2 to 50 orders, named by id or userref (as text), or by cl_ord_id. Those that are gone don't count."""
    names, ids = _texts(params, "orders", CANCEL_BATCH), _texts(params, "cl_ord_id", MANY)
    if len(names) + len(ids) not in CANCEL_BATCH:
        raise invalid_arguments("orders")
    orders = [order for name in names for order in _still_open(caller, name)]
    orders += [order for name in ids if (order := caller.account.open_by_client_id(name)) is not None]
    unique = list({order.txid: order for order in orders}.values())
    yield {"count": caller.exchange.desk.cancel_batch(caller.account, unique)}


def _still_open(caller: Caller, name: str) -> list[Order]:
    order = caller.account.open_orders.get(name)
    if order is not None:
        return [order]
    return [order for order in caller.account.open_orders.values() if str(order.ticket.userref) == name]


def _one_order(caller: Caller, params: Params) -> Order:
    if ("order_id" in params) == ("cl_ord_id" in params):
        raise invalid_arguments("order_id")
    if "order_id" in params:
        return _find(caller, params.text("order_id"))
    return _find_by_client_id(caller, params.text("cl_ord_id"))


def _find(caller: Caller, order_id: str) -> Order:
    try:
        return caller.exchange.desk.find(caller.account, order_id)
    except Refusal as refusal:
        raise _as_here(caller, refusal) from None


def _find_by_client_id(caller: Caller, cl_ord_id: str) -> Order:
    try:
        return caller.exchange.desk.find_by_client_id(caller.account, cl_ord_id)
    except Refusal as refusal:
        raise _as_here(caller, refusal) from None


def _find_by_userref(caller: Caller, userref: int) -> list[Order]:
    orders = [order for order in caller.account.open_orders.values() if order.ticket.userref == userref]
    if not orders:
        raise Refusal(caller.exchange.settings.ws_gone_order_error)
    return orders


def _as_here(caller: Caller, refusal: Refusal) -> Refusal:
    """Return what this API says of an order that is gone; REST words it otherwise."""
    settings = caller.exchange.settings
    return Refusal(settings.ws_gone_order_error) if refusal.error == settings.gone_order_error else refusal


def _new_price(caller: Caller, order: Order, params: Params, name: str) -> Decimal | None:
    if name not in params:
        return None
    return read_price(params, name, order.pair, caller.exchange.market(order.pair).last)


def _above_zero(params: Params, name: str) -> Decimal | None:
    number = params.decimal(name)
    if number is not None and not number:
        raise invalid_arguments(name)
    return number


def _texts(params: Params, name: str, lengths: range) -> list[str]:
    values = params.array(name, lengths)
    if not all(isinstance(value, str) for value in values):
        raise wrong_type(name, "array of strings")
    return values


def _numbers(params: Params, name: str, lengths: range) -> list[int]:
    values = params.array(name, lengths)
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        raise wrong_type(name, "array of integers")
    return values


_TRADE, _CANCEL = ("modify-trades",), ("modify-trades", "close-trades")
_AMENDED = (
    "order_id",
    "cl_ord_id",
    "order_qty",
    "limit_price",
    "limit_price_type",
    "display_qty",
    "post_only",
    "trigger_price",
    "trigger_price_type",
    "deadline",
    "symbol",
)
_EDITED = (
    "order_id",
    "order_qty",
    "symbol",
    "limit_price",
    "limit_price_type",
    "order_userref",
    "deadline",
    "validate",
)

METHODS = {
    "add_order": TradingMethod(add_order, _TRADE, ROW_FIELDS | {"symbol", "deadline", "validate"}),
    "amend_order": TradingMethod(amend_order, _TRADE, frozenset(_AMENDED)),
    "edit_order": TradingMethod(edit_order, _TRADE, frozenset(_EDITED)),
    "cancel_order": TradingMethod(cancel_order, _CANCEL, frozenset({"order_id", "cl_ord_id", "order_userref"})),
    "cancel_all": TradingMethod(cancel_all, _CANCEL),
    "cancel_all_orders_after": TradingMethod(cancel_after, _CANCEL, frozenset({"timeout"})),
    "batch_add": TradingMethod(batch_add, _TRADE, frozenset({"symbol", "orders", "deadline", "validate"})),
    "batch_cancel": TradingMethod(batch_cancel, _CANCEL, frozenset({"orders", "cl_ord_id"})),
}
