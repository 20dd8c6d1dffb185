"""What a private call will cost, and at which counter. Pure.

Source: https://docs.kraken.com/api/docs/guides/spot-ratelimits; the costs themselves are `krakenonce.kraken.limits`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from krakenonce.errors import ConfigError
from krakenonce.kraken.limits import ENGINE_METHODS, engine_cost, rest_cost
from krakenonce.kraken.pairs import find_pair
from krakenonce.rates.counter import POINT
from krakenonce.rates.orders import KnownOrders

REST = "REST"
EVERY_PAIR = "*"

_CHANGES = {"CancelOrder": "cancel", "AmendOrder": "amend", "EditOrder": "edit"}

Params = Mapping[str, Any]


class Charge(NamedTuple):
    """What one call adds to one counter.

    Attributes:
        counter: `REST`, the key of a pair, or `EVERY_PAIR` for a call that touches pairs nobody knows.
        cost: in units.
        must_fit: False if Kraken takes the call even where it overshoots, as it does with mass cancellations, or if it
            is not known which counter it will be found at: then it is counted, and never waits.
    """

    counter: str
    cost: int
    must_fit: bool = True


def charges_of(method: str, params: Params, orders: KnownOrders, now_ns: int) -> tuple[Charge, ...]:
    """Return what *method* with *params* will cost. The first charge is the one that may have to be waited for.

    Parameters:
        method: the name as in Kraken's documentation.
        orders: what is known of the account's orders: which pair they are of, and since when they stand unchanged.
        now_ns: the present moment of the boot clock.
    """
    if method == "AddOrder":
        return _addition(str(params.get("pair")))
    if method not in ENGINE_METHODS:
        by_client_id = method in ("OpenOrders", "ClosedOrders") and params.get("cl_ord_id") is not None
        return (Charge(REST, rest_cost(method, by_client_id=by_client_id) * POINT),)
    if method in _CHANGES:
        return (_change(_CHANGES[method], params, orders, now_ns),)
    if method == "CancelOrderBatch":
        return _mass_cancellation(params, orders, now_ns)
    if method in ("CancelAll", "CancelAllOrdersAfter"):
        return (Charge(EVERY_PAIR, engine_cost("add") * POINT, must_fit=False),)
    return (Charge(pair_key(params.get("pair")), _rows(params) * POINT // 2),)


def pair_key(name: object) -> str:
    """Return the key of the pair called *name* in any spelling; a name nobody knows stands for itself."""
    return _pair_key(str(name))


@lru_cache(maxsize=4096)
def _pair_key(name: str) -> str:
    try:
        return find_pair(name).key
    except ConfigError:
        return name.upper()


def order_names(method: str, params: Params) -> list[str]:
    """Return by which names *params* mention orders that exist already: txids and cl_ord_ids."""
    if method == "CancelOrderBatch":
        return [str(name) for field in ("orders", "cl_ord_ids") for name in _listed(params.get(field))]
    return [str(params[field]) for field in ("txid", "cl_ord_id") if params.get(field) is not None]


@lru_cache(maxsize=4096)  # of a fan-out, all orders cost the same
def _addition(pair: str) -> tuple[Charge, ...]:
    return (Charge(_pair_key(pair), engine_cost("add") * POINT),)


def _rows(params: Params) -> int:
    """Return how many half points a batch costs: one for each row."""
    return len(_listed(params.get("orders")))


def _change(transaction: str, params: Params, orders: KnownOrders, now_ns: int) -> Charge:
    for name in order_names("", params):
        known = orders.get(name)
        if known is not None:
            return Charge(known.pair, engine_cost(transaction, now_ns - known.touched_ns) * POINT)
    worst = engine_cost(transaction, 0) * POINT
    if params.get("pair") is not None:
        return Charge(pair_key(params["pair"]), worst)
    return Charge(EVERY_PAIR, worst, must_fit=False)


def _mass_cancellation(params: Params, orders: KnownOrders, now_ns: int) -> tuple[Charge, ...]:
    costs: dict[str, int] = {}
    for name in order_names("CancelOrderBatch", params):
        known = orders.get(name)
        pair, age_ns = (EVERY_PAIR, 0) if known is None else (known.pair, now_ns - known.touched_ns)
        costs[pair] = costs.get(pair, 0) + engine_cost("cancel", age_ns) * POINT
    found = tuple(Charge(pair, cost, must_fit=False) for pair, cost in costs.items())
    return found or (Charge(EVERY_PAIR, 0, must_fit=False),)


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else ()
