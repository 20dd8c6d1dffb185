"""The trading methods: what answers them, what they take, and what a key needs for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from krakenonce.simulator.websocket import cancelling, placing
from krakenonce.simulator.websocket.finding import Answer
from krakenonce.simulator.websocket.orders import ROW_FIELDS

if TYPE_CHECKING:
    from krakenonce.simulator.rest.account import Caller
    from krakenonce.simulator.websocket.params import Params


@dataclass(frozen=True, slots=True)
class TradingMethod:
    """A method; any one of *permissions* is enough. *fields* are the params it knows beside the token."""

    answer: Callable[[Caller, Params], Iterator[Answer]]
    permissions: tuple[str, ...]
    fields: frozenset[str] = frozenset()


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
    "triggers",
    "display_qty",
    "post_only",
    "reduce_only",
    "fee_preference",
    "order_userref",
    "deadline",
    "validate",
)
_NAMED = frozenset({"order_id", "cl_ord_id", "order_userref"})

METHODS = {
    "add_order": TradingMethod(placing.add_order, _TRADE, ROW_FIELDS | {"symbol", "deadline", "validate"}),
    "amend_order": TradingMethod(placing.amend_order, _TRADE, frozenset(_AMENDED)),
    "edit_order": TradingMethod(placing.edit_order, _TRADE, frozenset(_EDITED)),
    "cancel_order": TradingMethod(cancelling.cancel_order, _CANCEL, _NAMED),
    "cancel_all": TradingMethod(cancelling.cancel_all, _CANCEL),
    "cancel_all_orders_after": TradingMethod(cancelling.cancel_after, _CANCEL, frozenset({"timeout"})),
    "batch_add": TradingMethod(placing.batch_add, _TRADE, frozenset({"symbol", "orders", "deadline", "validate"})),
    "batch_cancel": TradingMethod(cancelling.batch_cancel, _CANCEL, frozenset({"orders", "cl_ord_id"})),
}
