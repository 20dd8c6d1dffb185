"""One account at Kraken, in records instead of JSON: connect, look, place, cancel, find out what became of it."""

from krakenonce.broker.account import KrakenBroker
from krakenonce.broker.records import Balance, Fill, KeyInfo, Order, OrderState, PairRules, Placement, Side
from krakenonce.broker.resolution import Patience

__all__ = [
    "Balance", "Fill", "KeyInfo", "KrakenBroker", "Order", "OrderState", "PairRules", "Patience", "Placement", "Side",
]  # fmt: skip
