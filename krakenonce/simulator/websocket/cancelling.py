"""Cancelling orders. Each method yields what is to be answered: one result, or one per order.

https://docs.kraken.com/api/docs/websocket-v2/cancel_order and the pages of cancel_all, cancel_after and batch_cancel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from krakenonce.simulator.refusals import Refusal, invalid_arguments
from krakenonce.simulator.rest.trading import cancel_all_orders_after
from krakenonce.simulator.websocket.finding import Answer, find, find_by_client_id, find_by_userref
from krakenonce.simulator.websocket.params import Params, wrong_type

if TYPE_CHECKING:
    from krakenonce.simulator.orders import Order
    from krakenonce.simulator.rest.account import Caller

CANCEL_BATCH = range(2, 51)
MANY = range(1, 1001)


def cancel_order(caller: Caller, params: Params) -> Iterator[Answer]:
    """Cancel orders, with one answer each."""
    finders: list[Callable[[], list[Order]]] = [
        *(partial(_only, find, caller, name) for name in _texts(params, "order_id", MANY)),
        *(partial(_only, find_by_client_id, caller, name) for name in _texts(params, "cl_ord_id", MANY)),
        *(partial(find_by_userref, caller, number) for number in _numbers(params, "order_userref", MANY)),
    ]
    if not finders:
        raise invalid_arguments("order_id")
    for named in finders:
        yield from _canceled(caller, named)


def _canceled(caller: Caller, named: Callable[[], list[Order]]) -> Iterator[Answer]:
    try:
        for order in named():
            caller.exchange.desk.cancel(caller.account, order)
            row = {"order_id": order.txid}
            yield row if order.ticket.cl_ord_id is None else row | {"cl_ord_id": order.ticket.cl_ord_id}
    except Refusal as refusal:
        yield refusal


def _only(look_up: Callable[[Caller, str], Order], caller: Caller, name: str) -> list[Order]:
    return [look_up(caller, name)]


def cancel_all(caller: Caller, _: Params) -> Iterator[Answer]:
    """Cancel every open order of the account."""
    yield {"count": caller.exchange.desk.cancel_all(caller.account)}


def cancel_after(caller: Caller, params: Params) -> Iterator[Answer]:
    """Arm the dead man's switch, or disarm it."""
    yield cancel_all_orders_after(caller, params)


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
