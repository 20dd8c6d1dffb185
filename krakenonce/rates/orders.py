"""What is known of an account's orders: their pair, and since when each stands unchanged. Pure but for its memory."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

MOST_ORDERS = 20_000


class KnownOrder(NamedTuple):
    """One order: the key of its pair, and the moment of the boot clock since which it certainly stands unchanged."""

    pair: str
    touched_ns: int


class KnownOrders:
    """Orders by each of their names (txid, cl_ord_id). The oldest are forgotten first. Not thread-safe.

    Kraken counts an order's age from its creation or last change. What is kept is the moment of the answer, which is
    later: so an order is taken to be younger, and its cancellation to be dearer, than the exchange will find.
    """

    def __init__(self, most: int = MOST_ORDERS) -> None:
        self._orders: OrderedDict[str, KnownOrder] = OrderedDict()
        self._most = most

    def get(self, name: str) -> KnownOrder | None:
        """Return what is known of the order called *name*."""
        return self._orders.get(name)

    def learn(self, name: str, pair: str, now_ns: int) -> None:
        """Note that the order called *name* is one of *pair*; if that is news, it counts as new."""
        if name and name not in self._orders:
            self.touch(name, pair, now_ns)

    def touch(self, name: str, pair: str, now_ns: int) -> None:
        """Note that the order called *name* was made or changed just now."""
        self._orders[name] = KnownOrder(pair, now_ns)
        self._orders.move_to_end(name)
        if len(self._orders) > self._most:
            self._orders.popitem(last=False)

    def forget(self, name: str) -> None:
        """Note that the order called *name* is gone."""
        self._orders.pop(name, None)

    def __len__(self) -> int:
        return len(self._orders)
