"""What happens on the exchange, told to whoever listens: the WebSocket hub, the audit, a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from krakenonce.kraken.pairs import Pair
    from krakenonce.simulator.accounts import Account
    from krakenonce.simulator.orders import Order, Trade
    from krakenonce.simulator.wallets import LedgerEntry


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """A step in the life of an order; *kind* is WebSocket v2's exec_type. The order shows the state right after it.

    https://docs.kraken.com/api/docs/websocket-v2/executions
    """

    kind: str
    order: Order
    time_ns: int
    trade: Trade | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class LedgerEvent:
    """Money came to or left an account."""

    account: Account
    entry: LedgerEntry


@dataclass(frozen=True, slots=True)
class Print:
    """One trade on the public tape. *side* and *ordertype* are the taker's."""

    pair: Pair
    trade_id: int
    price: Decimal
    volume: Decimal
    side: str
    ordertype: str
    time_ns: int


@dataclass(frozen=True, slots=True)
class BookChanged:
    """The book of *pair* is not what it was: the market's own levels moved, or an order came or went."""

    pair: Pair


@dataclass(frozen=True, slots=True)
class MarketChanged:
    """The exchange went to another market state, such as ``post_only``."""

    state: str


Event = OrderEvent | LedgerEvent | Print | BookChanged | MarketChanged


class Events:
    """Calls every listener, in the order they came, while the exchange is in the state the event tells of.

    Listeners must not call the exchange back; they take notes and act later.
    """

    def __init__(self) -> None:
        self._listeners: list[Callable[[Event], None]] = []

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Have *listener* called for every event from now on. Returns the function that ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def tell(self, event: Event) -> None:
        """Call every listener."""
        for listener in self._listeners:
            listener(event)
