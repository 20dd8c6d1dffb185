"""Orders in the words of WebSocket v2, and their rate charges in those of REST. Pure.

https://docs.kraken.com/api/docs/websocket-v2/add_order and the pages of amend_order and cancel_order.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple, Self

from krakenonce.client.encoding import Value
from krakenonce.client.websocket.frames import encoded
from krakenonce.clock import NS_PER_MS, NS_PER_SECOND, rfc3339
from krakenonce.kraken.replies import Accepted, Outcome
from krakenonce.orders.parsing import text
from krakenonce.orders.records import Order

REST_NAMES = {"add_order": "AddOrder", "cancel_order": "CancelOrder", "amend_order": "AmendOrder"}


class Worded(NamedTuple):
    """An order in the words of the WebSocket: *members* are its params, encoded; *charged* is what is counted of it."""

    order: Order
    deadline_ns: int
    members: str
    charged: Mapping[str, Value]

    @classmethod
    def of(cls, order: Order, symbol: str, deadline_ns: int) -> Self:
        """Put *order* into words; *symbol* is its pair's name there."""
        return cls(order, deadline_ns, add_order(order, symbol, deadline_ns), charged(order))


def deadline_text(deadline_ns: int) -> str:
    """Return a deadline as it travels, cut to milliseconds: those of one fan-out are then few, each written once."""
    return _milliseconds(deadline_ns // NS_PER_MS)


@lru_cache(maxsize=64)
def _milliseconds(ms: int) -> str:
    return rfc3339(ms * NS_PER_MS)


def add_order(order: Order, symbol: str, deadline_ns: int) -> str:
    """Return the params that place *order*, encoded; *symbol* is its pair's name there."""
    common = _common(symbol, order.side, order.ordertype, order.time_in_force, order.fees_in, deadline_ns // NS_PER_MS)
    own = {"order_qty": order.volume, **_prices(order), "cl_ord_id": order.cl_ord_id}
    return f"{common},{encoded(own)}"


@lru_cache(maxsize=64)
def _common(symbol: str, side: str, ordertype: str, time_in_force: str, fees_in: str | None, deadline_ms: int) -> str:
    """Return what the orders of one fan-out have in common."""
    return encoded(
        {
            "order_type": ordertype,
            "side": side,
            "symbol": symbol,
            "time_in_force": None if ordertype == "market" else time_in_force,
            "fee_preference": fees_in,
            "deadline": _milliseconds(deadline_ms),
        }
    )


def _prices(order: Order) -> dict[str, Value]:
    if order.ordertype in ("market", "limit"):
        return {"limit_price": order.price}  # a market order has none
    triggers = {"reference": "last", "price": order.price}
    return {"limit_price": order.price2, "triggers": triggers}


def amend_order(
    cl_ord_id: str, volume: Decimal, limit: Decimal | None, trigger: Decimal | None, deadline_ns: int
) -> dict[str, Value]:
    """Return the params that change an open order."""
    return {
        "cl_ord_id": cl_ord_id,
        "order_qty": volume,
        "limit_price": limit,
        "trigger_price": trigger,
        "deadline": deadline_text(deadline_ns),
    }


def cancel_order(cl_ord_id: str) -> dict[str, Value]:
    """Return the params that cancel one order. One at a time: replies to several name only those that worked."""
    return {"cl_ord_id": [cl_ord_id]}


def charged(order: Order) -> dict[str, Value]:
    """Return what the rate model has to know of an order that does not wait."""
    return {
        "pair": order.pair,
        "ordertype": order.ordertype,
        "cl_ord_id": order.cl_ord_id,
        "timeinforce": order.time_in_force,
    }


def as_rest(outcome: Outcome) -> Outcome:
    """Return *outcome* as REST would have told it, for the rate model to learn from."""
    result = outcome.result if isinstance(outcome, Accepted) else None
    if isinstance(result, Mapping) and isinstance(result.get("order_id"), str):
        return Accepted({"txid": [result["order_id"]]})
    return outcome


def placed_id(result: Mapping[str, object]) -> str:
    """Read the reply to add_order: the exchange's name for the order; raises as `krakenonce.orders.parsing.parsed`."""
    return text(result["order_id"])


def whole_seconds_left(deadline_ns: int, now_ns: int) -> int:
    """Return how many whole seconds there are until the deadline, at most the 60 that Kraken takes."""
    return min(60, (deadline_ns - now_ns) // NS_PER_SECOND)
