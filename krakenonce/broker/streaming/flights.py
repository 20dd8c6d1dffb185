"""Orders on their way: from handing over to the answer."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from krakenonce.broker.records import Acknowledged
from krakenonce.errors import OutcomeUnknown, TryLater
from krakenonce.kraken.replies import Refused
from krakenonce.lanes import Priority
from krakenonce.orders.records import Order

MOST_KEPT = 5_000
MOST_REFUSED = 4
"""How many orders that are proved not to exist are remembered: hardly anybody asks how they ended."""


@dataclass(slots=True, eq=False)
class Flight:
    """One order that was handed over, and what is known of it.

    Attributes:
        order, deadline_ns, priority: as it was asked for.
        future: what the caller waits for.
        path: ``ws`` or ``rest``: the way it went last.
        txid: the exchange's name for it, once known.
    """

    order: Order
    deadline_ns: int
    priority: Priority
    future: asyncio.Future[Acknowledged | Refused] = field(repr=False)
    path: str = "ws"
    txid: str = ""

    @property
    def name(self) -> str:
        """Its ``cl_ord_id``."""
        return self.order.cl_ord_id or ""

    @property
    def is_refused(self) -> bool:
        """Whether it is proved that it does not exist and never will."""
        future = self.future
        if not future.done() or future.cancelled():
            return False
        error = future.exception()
        return isinstance(error, TryLater) if error is not None else isinstance(future.result(), Refused)

    def acknowledge(self, txid: str, now_ns: int) -> None:
        """It exists."""
        self.txid = txid
        if not self.future.done():
            self.future.set_result(Acknowledged(txid, now_ns))

    def refuse(self, refused: Refused) -> None:
        """It does not exist, and never will."""
        if not self.future.done():
            self.future.set_result(refused)

    def lose(self, cause: str) -> None:
        """Nobody knows."""
        self.fail(OutcomeUnknown(f"{self.name}: {cause}"))

    def fail(self, error: OutcomeUnknown | TryLater) -> None:
        """The answer is an error."""
        if not self.future.done():
            self.future.set_exception(error)
            self.future.exception()  # it is found out by look-ups, whether or not the caller waits for this future


class Flights:
    """The orders that were handed over, the newest few thousand of them. Belongs to one event loop."""

    def __init__(self) -> None:
        self._flights: OrderedDict[str, Flight] = OrderedDict()
        self._refused: deque[Flight] = deque()

    def begin(self, order: Order, deadline_ns: int, priority: Priority) -> Flight:
        """Note that *order* is being handed over."""
        flight = Flight(order, deadline_ns, priority, asyncio.get_running_loop().create_future())
        self._flights[flight.name] = flight
        flight.future.add_done_callback(lambda _: self._answered(flight))
        if len(self._flights) > MOST_KEPT:
            self._flights.popitem(last=False)
        return flight

    def get(self, name: str) -> Flight | None:
        """Return the flight of the order called *name*."""
        return self._flights.get(name)

    def forget(self, name: str) -> None:
        """Nobody will ask for it any more."""
        self._flights.pop(name, None)

    def _answered(self, flight: Flight) -> None:
        if not flight.is_refused:
            return
        self._refused.append(flight)
        if len(self._refused) > MOST_REFUSED:
            oldest = self._refused.popleft()
            if self._flights.get(oldest.name) is oldest:
                self.forget(oldest.name)
