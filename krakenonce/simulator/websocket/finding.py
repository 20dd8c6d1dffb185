"""Finding the orders that a request names, and saying so where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from krakenonce.simulator.refusals import Refusal, invalid_arguments
from krakenonce.simulator.websocket.params import Params

if TYPE_CHECKING:
    from krakenonce.simulator.orders import Order
    from krakenonce.simulator.rest.account import Caller

Answer = dict[str, Any] | list[dict[str, Any]] | Refusal
"""What a trading method yields: a result, or why there is none."""


def one_order(caller: Caller, params: Params) -> Order:
    """Return the one order that order_id or cl_ord_id names."""
    if ("order_id" in params) == ("cl_ord_id" in params):
        raise invalid_arguments("order_id")
    if "order_id" in params:
        return find(caller, params.text("order_id"))
    return find_by_client_id(caller, params.text("cl_ord_id"))


def find(caller: Caller, order_id: str) -> Order:
    """Return the open order with this id, or refuse: it was never given, or the order has ended."""
    try:
        return caller.exchange.desk.find(caller.account, order_id)
    except Refusal as refusal:
        raise _as_here(caller, refusal) from None


def find_by_client_id(caller: Caller, cl_ord_id: str) -> Order:
    """Return the open order with this cl_ord_id, or refuse as find() does."""
    try:
        return caller.exchange.desk.find_by_client_id(caller.account, cl_ord_id)
    except Refusal as refusal:
        raise _as_here(caller, refusal) from None


def find_by_userref(caller: Caller, userref: int) -> list[Order]:
    """Return the open orders with this userref; refuse if there is none."""
    orders = [order for order in caller.account.open_orders.values() if order.ticket.userref == userref]
    if not orders:
        raise Refusal(caller.exchange.settings.ws_gone_order_error)
    return orders


def _as_here(caller: Caller, refusal: Refusal) -> Refusal:
    """Return what this API says of an order that is gone; REST words it otherwise."""
    settings = caller.exchange.settings
    return Refusal(settings.ws_gone_order_error) if refusal.error == settings.gone_order_error else refusal
