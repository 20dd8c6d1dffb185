"""What Kraken's private methods are for: data about their names, and nothing else."""

from __future__ import annotations

from enum import Enum


class Purpose(Enum):
    """What a private call wants. The names are those of the lanes' priorities."""

    CANCEL = "take orders off the book"
    ENTRY = "put an order on the book, or change one"
    READ = "everything else"


PURPOSES: dict[str, Purpose] = {
    "CancelOrder": Purpose.CANCEL,
    "CancelOrderBatch": Purpose.CANCEL,
    "CancelAll": Purpose.CANCEL,
    "CancelAllOrdersAfter": Purpose.CANCEL,  # arms or disarms the dead man's switch: late is dangerous
    "AddOrder": Purpose.ENTRY,
    "AddOrderBatch": Purpose.ENTRY,
    "AmendOrder": Purpose.ENTRY,
    "EditOrder": Purpose.ENTRY,
}
"""The methods that trade. Source: https://docs.kraken.com/api/docs/rest-api/add-order and its neighbours."""

REPEATABLE = frozenset({
    "Balance", "BalanceEx", "TradeBalance", "OpenOrders", "ClosedOrders", "QueryOrders", "OrderAmends", "TradesHistory",
    "QueryTrades", "OpenPositions", "Ledgers", "QueryLedgers", "TradeVolume", "GetApiKeyInfo", "GetWebSocketsToken",
    "CreditLines", "ExportStatus", "RetrieveExport", "DepositMethods", "DepositStatus", "WithdrawMethods",
    "WithdrawAddresses", "WithdrawInfo", "WithdrawStatus", "Earn/AllocateStatus", "Earn/DeallocateStatus",
    "Earn/Strategies", "Earn/Allocations",
})  # fmt: skip
"""The methods that change nothing, so that asking twice does no harm. A list of what is known to be harmless: a method
that is missing here (a withdrawal, a transfer, one that Kraken adds tomorrow) is never repeated blindly.
"""


def purpose_of(method: str) -> Purpose:
    """Return what *method* is for. A method that is not in the table reads.

    Parameters:
        method: a name as in Kraken's documentation, such as ``AddOrder``, or a path that ends in one.
    """
    return PURPOSES.get(method.rpartition("/")[2], Purpose.READ)


def is_repeatable(method: str) -> bool:
    """Return True if *method*, named as in Kraken's documentation, changes nothing."""
    return method in REPEATABLE
