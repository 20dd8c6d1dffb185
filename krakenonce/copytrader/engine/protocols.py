"""What the engine needs of the world: one user's account, one master's feed, the journal, and prices.

Everything here belongs to one event loop. Who implements these may be a socket, a REST client, a dry run or a script in
a test: the engine does no input or output but through them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol, TypeAlias

from krakenonce.broker import Acknowledged, Balance, OrderState
from krakenonce.copytrader.journal.records import Changes, FillRow, Snapshot
from krakenonce.copytrader.mapping import Rate
from krakenonce.copytrader.records import CopyOrder, MasterFill, MasterOrderEvent
from krakenonce.kraken.replies import Refused

OnFills: TypeAlias = Callable[[list[MasterFill]], None]
OnOrders: TypeAlias = Callable[[list[MasterOrderEvent]], None]
Sleep: TypeAlias = Callable[[float], Awaitable[None]]


class Account(Protocol):
    """One user's account, as far as copying needs it. Any number of tasks of one event loop."""

    @property
    def name(self) -> str:
        """``USER:<name>``."""

    @property
    def fingerprint(self) -> str:
        """The name by which its API key is known, the same for the same key."""

    @property
    def path(self) -> str:
        """How an order would go out now: ``ws``, ``rest`` or ``dry``."""

    def get_ready(self, order: CopyOrder) -> None:
        """Do what can be done of sending *order* before it may be sent. Nothing leaves, and it may never be sent."""

    def send(self, order: CopyOrder) -> asyncio.Future[Acknowledged | Refused]:
        """Hand *order* over for sending, at once, and return what will be known of it. Never waits, never raises.

        The order is sent at most once, under its ``cl_ord_id`` and with its deadline. ``Refused``: it does not exist
        and never will. The future fails with `OutcomeUnknown` if nobody knows, and with `TryLater` if it certainly was
        not sent.
        """

    async def ending(self, order: CopyOrder) -> OrderState | None:
        """Return how *order* ended, once it is closed; None if it is proved that it never existed and never will.

        Learns it from the account's stream, else by look-ups (an order may exist until its deadline is over by the
        exchange's clock, and books lag), and goes on until it is known: it does not fail for lost connections.
        """

    def was_switched_off(self, state: OrderState) -> bool:
        """Return whether *state*, of an order that has ended, is the work of Kraken's cancel-after switch."""

    def executed(self, cl_ord_id: str) -> Decimal:
        """Return what one open order has executed so far, as far as is told; 0 if nothing is. Never waits."""

    async def cancel(self, cl_ord_id: str) -> None:
        """Have one open order cancelled; `ending` tells what became of it. One that is closed already is no error.

        Raises:
            KrakenonceError: it could not be cancelled now.
        """

    async def cancel_all_copies(self, names: Collection[str]) -> None:
        """Have the open orders *names* cancelled, before anything else that waits to be sent; raises as `cancel`.

        Those of them that have not left yet must not leave any more: this is what the kill switch calls.
        """

    async def amend(self, cl_ord_id: str, *, volume: Decimal, limit: Decimal | None, trigger: Decimal | None) -> None:
        """Change an open order to this *volume* (base asset) and these prices (quote asset); raises as `cancel`.

        Raises:
            RequestRefused: the exchange does not want it so; the order stands as it was, or is closed.
        """

    async def balances(self) -> dict[str, Balance]:
        """Return what the account holds, by asset key, as freshly as can be had; raises `KrakenonceError`."""


class Feed(Protocol):
    """One master's fills, as they happen and after every gap. One event loop."""

    @property
    def master(self) -> str:
        """``MASTER`` or ``MASTER:<name>``."""

    def subscribe(self, on_fills: OnFills, on_orders: OnOrders | None = None) -> None:
        """Have *on_fills* called with what was filled, *on_orders* with what became of the master's own orders.

        Each list is in the exchange's order. A fill may come more than once.
        """

    async def run(self, cursor_ns: int) -> None:
        """Deliver every fill from *cursor_ns* (the exchange's clock) on, until cancelled; never fails."""

    async def audit(self) -> int:
        """Ask the exchange for fills that were missed, deliver them, and return how many there were."""


class Journal(Protocol):
    """The truth: what was filled, decided, ordered. See `krakenonce.copytrader.journal`."""

    def commit(self, changes: Changes) -> asyncio.Future[frozenset[str]]:
        """Write all of *changes*, in the order of the calls; what is written together shares one sync.

        Done means durable. While the database can't be reached it is tried again, and nothing later gets ahead. The
        future holds the users of whom nothing was written, because another worker has them now.
        """

    async def load(self) -> Snapshot:
        """Return where everything stands; raises `StoreUnavailable`."""

    async def undecided(self, user: str) -> list[FillRow]:
        """Return the fills that *user* has to decide on and has not, oldest first; raises `StoreUnavailable`."""

    async def select(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT with ``?`` for values; raises `StoreUnavailable`."""

    async def close(self) -> None:
        """Write what waits to be written, then close the database."""


class Quotes(Protocol):
    """The last prices, as fresh as they are fed. Never waits."""

    def price(self, pair: str) -> Decimal | None:
        """Return the last price of *pair* (its key) in its quote asset; None if none is known."""

    def rate(self, source: str, target: str) -> Rate | None:
        """Return what one unit of the asset *source* is worth in *target* (asset keys); None if nobody knows."""

    def worth(self, asset: str) -> Decimal | None:
        """Return what one unit of *asset* (its key) is worth in the currency of the config; None if nobody knows."""


class Purseholder(Protocol):
    """Whose balances are looked at and nothing else: a master, for sizes in proportion to his equity."""

    async def balances(self) -> dict[str, Balance]:
        """Return what the account holds, by asset key; raises `KrakenonceError`."""


Balances: TypeAlias = Mapping[str, Balance]
