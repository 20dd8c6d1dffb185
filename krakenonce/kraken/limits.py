"""Kraken's rate limits as data: the REST counter of a key, the engine counter of an account and pair.

Sources: https://docs.kraken.com/api/docs/guides/spot-ratelimits and, for the REST costs,
https://docs.kraken.com/exchange/guides/rest/ratelimits.md. All decays are per second and continuous.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

NS_PER_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Tier:
    """What one verification level may do.

    Parameters:
        rest_max, rest_decay: the REST counter of an API key: its ceiling, and how much of it fades per second.
        engine_max, engine_decay: the engine's counter of an account and pair.
        open_orders: how many orders of one pair may be open at once.
    """

    name: str
    rest_max: int
    rest_decay: Decimal
    engine_max: int
    engine_decay: Decimal
    open_orders: int


TIERS = {
    "starter": Tier("starter", 15, Decimal("0.33"), 60, Decimal(1), 60),
    "intermediate": Tier("intermediate", 20, Decimal("0.5"), 125, Decimal("2.34"), 80),
    "pro": Tier("pro", 20, Decimal(1), 180, Decimal("3.75"), 225),
}

ENGINE_METHODS = frozenset(
    {
        "AddOrder",
        "AddOrderBatch",
        "AmendOrder",
        "EditOrder",
        "CancelOrder",
        "CancelAll",
        "CancelOrderBatch",
        "CancelAllOrdersAfter",
    }
)
"""Order entry stands outside the REST counter: the engine counts it instead."""

HISTORY_METHODS = frozenset({"Ledgers", "QueryLedgers", "TradesHistory"})

_AGE_STEPS_S = (5, 10, 15, 45, 90, 300)
_AGE_COSTS = {
    "amend": (3, 2, 1, 0, 0, 0),
    "edit": (6, 5, 4, 2, 1, 0),
    "cancel": (8, 6, 5, 4, 2, 1),
}
_FIXED_COSTS = {"add": 1, "amend": 1, "edit": 1, "cancel": 0}


def rest_cost(method: str, *, by_client_id: bool = False) -> int:
    """Return what one private call adds to its key's REST counter.

    Parameters:
        method: the last part of the path, such as ``Balance``.
        by_client_id: whether OpenOrders or ClosedOrders is asked for one ``cl_ord_id``; the official SDK charges 2.
    """
    if method in ENGINE_METHODS:
        return 0
    return 2 if method in HISTORY_METHODS or by_client_id else 1


def engine_cost(transaction: str, age_ns: int | None = None) -> int:
    """Return what an order transaction adds to the engine's counter of its account and pair.

    Parameters:
        transaction: ``add``, ``amend``, ``edit`` or ``cancel``.
        age_ns: how long ago the order was created or last amended, in nanoseconds; None for the fixed part alone.
    """
    fixed = _FIXED_COSTS[transaction]
    if age_ns is None or transaction == "add":
        return fixed
    for limit_s, cost in zip(_AGE_STEPS_S, _AGE_COSTS[transaction], strict=True):
        if age_ns < limit_s * NS_PER_SECOND:
            return fixed + cost
    return fixed
