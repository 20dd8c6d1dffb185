"""One account at Kraken, in records instead of JSON: connect, look, place, cancel, find out what became of it."""

from krakenonce.broker.account import KrakenBroker
from krakenonce.broker.records import Acknowledged, Balance, Depth, KeyInfo, PairRules
from krakenonce.orders import Fill, Order, OrderState, Patience, Placement, Side

__all__ = [
    "Acknowledged", "Balance", "Depth", "Fill", "KeyInfo", "KrakenBroker", "Order", "OrderState", "PairRules",
    "Patience", "Placement", "Side",
]  # fmt: skip
