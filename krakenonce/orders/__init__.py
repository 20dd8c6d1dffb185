"""Orders exactly once: an intent in a journal, one transmission, and the truth about what became of it."""

from krakenonce.orders.desk import OrderDesk, Recovered
from krakenonce.orders.journal import Journal, open_journal
from krakenonce.orders.records import (
    Executed,
    Fill,
    NotExecuted,
    Order,
    OrderState,
    OrderType,
    Placement,
    Side,
    Verdict,
)  # fmt: skip
from krakenonce.orders.resolution import Patience

__all__ = [
    "Executed", "Fill", "Journal", "NotExecuted", "Order", "OrderDesk", "OrderState", "OrderType", "Patience",
    "Placement", "Recovered", "Side", "Verdict", "open_journal",
]  # fmt: skip
