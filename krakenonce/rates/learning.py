"""What an answer teaches about an account's orders. Whatever the exchange sends, nothing here raises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from krakenonce.rates.charges import order_names, pair_key
from krakenonce.rates.orders import KnownOrders

Params = Mapping[str, Any]

_GONE = ("CancelOrder", "CancelOrderBatch", "EditOrder")
_AT_ONCE = ("IOC", "FOK")


def learn_orders(orders: KnownOrders, method: str, params: Params, result: object, now_ns: int) -> None:
    """Take in the *result* of an accepted call: orders made, changed, gone and seen."""
    if method in ("OpenOrders", "QueryOrders"):
        _learn_seen(orders, result, now_ns)
        return
    if method == "AmendOrder":
        for name in order_names(method, params):
            known = orders.get(name)
            if known is not None:
                orders.touch(name, known.pair, now_ns)
        return
    if method in _GONE:
        for name in order_names(method, params):
            orders.forget(name)
    if method in ("AddOrder", "AddOrderBatch", "EditOrder"):
        _learn_made(orders, params, result, now_ns)


def _learn_made(orders: KnownOrders, params: Params, result: object, now_ns: int) -> None:
    if _is_over_at_once(params):
        return
    pair = pair_key(params.get("pair"))
    for name in (*_txids(result), *_client_ids(params)):
        orders.touch(name, pair, now_ns)


def _is_over_at_once(params: Params) -> bool:
    """Return whether what was placed never rests, so that it will not be changed or cancelled either."""
    return params.get("ordertype") == "market" or str(params.get("timeinforce")).upper() in _AT_ONCE


def _txids(result: object) -> Iterator[str]:
    if not isinstance(result, Mapping):
        return
    rows = result.get("orders")
    for row in _listed(rows) or (result,):
        found = row.get("txid") if isinstance(row, Mapping) else None
        for txid in _listed(found) or (found,):
            if isinstance(txid, str):
                yield txid


def _client_ids(params: Params) -> Iterator[str]:
    rows = params.get("orders")
    for row in _listed(rows) or (params,):
        name = row.get("cl_ord_id") if isinstance(row, Mapping) else None
        if isinstance(name, str):
            yield name


def _learn_seen(orders: KnownOrders, result: object, now_ns: int) -> None:
    seen = result.get("open", result) if isinstance(result, Mapping) else None
    for txid, entry in seen.items() if isinstance(seen, Mapping) else ():
        described = entry.get("descr") if isinstance(entry, Mapping) else None
        if isinstance(described, Mapping) and entry.get("status") in ("open", "pending"):
            for name in (txid, entry.get("cl_ord_id")):
                if isinstance(name, str):
                    orders.learn(name, pair_key(described.get("pair")), now_ns)


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else ()
