"""Requests that trade, as they travel: method, members, name. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from krakenonce.client.encoding import Value, decimal_text
from krakenonce.errors import ConfigError
from krakenonce.orders.intents import Kind
from krakenonce.orders.records import Order

DEFAULT_VALID_S = 45
"""How long a request is valid if nobody says: Kraken takes 2 to 60 s, counted by its own clock."""


_FEE_FLAGS = {"base": "fcib", "quote": "fciq"}


@dataclass(frozen=True, slots=True)
class Request:
    """One wanted order, cancel or amend, without nonce and deadline.

    Attributes:
        name: what the journal knows it by.
        method: Kraken's name of the call; members: what it takes, as text.
        valid_s: seconds after which it must not be accepted any more; None if the call takes no deadline.
        volume: what it commits to, if it places an order.
    """

    kind: Kind
    name: str
    method: str
    members: dict[str, Value]
    valid_s: int | None
    volume: Decimal = Decimal(0)


def placing(order: Order) -> Request:
    """Return the request that places *order*, which has a name (https://docs.kraken.com/api/docs/rest-api/add-order)."""
    members: dict[str, Value] = {
        "ordertype": order.ordertype,
        "type": order.side,
        "pair": order.pair,
        "volume": decimal_text(order.volume),
        "price": _text(order.price),
        "price2": _text(order.price2),
        "cl_ord_id": order.cl_ord_id,
        "timeinforce": "IOC" if order.time_in_force == "ioc" else None,
        "oflags": _FEE_FLAGS[order.fees_in] if order.fees_in else None,
    }
    valid_s = order.valid_s or DEFAULT_VALID_S
    return Request(Kind.PLACE, order.cl_ord_id or "", "AddOrder", _given(members), valid_s, order.volume)


def canceling(txid: str | None, cl_ord_id: str | None) -> Request:
    """Return the request that cancels an order (https://docs.kraken.com/api/docs/rest-api/cancel-order).

    Raises:
        ConfigError: not exactly one name is given.
    """
    target = _target(txid, cl_ord_id)
    return Request(Kind.CANCEL, f"cancel {txid or cl_ord_id}", "CancelOrder", target, None)


def amending(
    txid: str | None,
    cl_ord_id: str | None,
    volume: Decimal | None,
    price: Decimal | None,
    valid_s: int | None,
    trigger: Decimal | None = None,
) -> Request:
    """Return the request that amends an order (https://docs.kraken.com/api/docs/rest-api/amend-order).

    Raises:
        ConfigError: not exactly one name is given, or nothing to change.
    """
    members = _target(txid, cl_ord_id)
    members |= _given({"order_qty": _text(volume), "limit_price": _text(price), "trigger_price": _text(trigger)})
    if volume is None and price is None and trigger is None:
        raise ConfigError("volume, price, trigger", "none of them given", "Say what to change.")
    return Request(Kind.AMEND, f"amend {txid or cl_ord_id}", "AmendOrder", members, valid_s or DEFAULT_VALID_S)


def _target(txid: str | None, cl_ord_id: str | None) -> dict[str, Value]:
    if bool(txid) == bool(cl_ord_id):
        raise ConfigError("txid, cl_ord_id", "both or neither given", "Give exactly one of them.")
    return _given({"txid": txid, "cl_ord_id": cl_ord_id})


def _given(members: dict[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in members.items() if value}


def _text(value: Decimal | None) -> str | None:
    return None if value is None else decimal_text(value)
