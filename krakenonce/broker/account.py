"""One account at Kraken: connected and checked once, then asked and told things in records instead of JSON."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Self

from krakenonce.broker import parsing
from krakenonce.broker.key_check import check_clock, check_key
from krakenonce.broker.records import Balance, Depth, KeyInfo, PairRules
from krakenonce.client import DEFAULT_BASE_URL, KrakenClient
from krakenonce.client.turns import LaneSource
from krakenonce.clock import NS_PER_SECOND, Clock, SystemClock
from krakenonce.errors import ConfigError
from krakenonce.global_nonce import GlobalKrakenNonceManager, get_global_nonce_manager
from krakenonce.kraken.credentials import Credentials
from krakenonce.kraken.replies import Refused
from krakenonce.lanes import Priority
from krakenonce.orders import (
    Fill,
    Journal,
    Order,
    OrderDesk,
    OrderState,
    Patience,
    Placement,
    Recovered,
    Verdict,
    open_journal,
)  # fmt: skip
from krakenonce.orders.books import Books
from krakenonce.orders.inquiry import Inquiry
from krakenonce.rates import Limits

log = logging.getLogger("krakenonce")

_ACCOUNT_NAME = re.compile(r"MASTER|(MASTER|USER):\s*\S.*", re.DOTALL)
HALF_A_SECOND = NS_PER_SECOND // 2


class KrakenBroker:
    """One account: ``MASTER`` (``MASTER:<name>`` if there are several) or ``USER:<name>``.

    Any number of tasks may use it at the same time; one event loop.

    Reads raise `RequestRefused` or `OutcomeUnknown` if they get no answer (an unanswered read is repeated with a new
    nonce first). Orders, cancels and amends are never repeated unless it is proved that they had no effect; see
    `krakenonce.orders.OrderDesk`.

    Parameters:
        name: the account's name in logs and receipts.
        credentials: its key.
        manager: where its lane comes from; the process's one nonce manager if None.
        base_url: scheme and host of the exchange, without a path.
        timeout: seconds one transmission may take.
        clock: where time is read.
        allow_withdraw: names of accounts whose key may be able to withdraw funds.
        patience: how long to try to place an order.
        journal: where orders are written before they are sent; brokers may share one, and it is the caller's to close.
            If None, one in memory: orders are exactly once then as long as this process lives.
        reissues: whether (1) or not (0) refused nonces are healed, limits: Kraken's rate limits; see `KrakenClient`.

    Raises:
        ConfigError: the name is neither ``MASTER`` nor ``MASTER:<name>`` nor ``USER:<name>``.
    """

    def __init__(
        self,
        name: str,
        credentials: Credentials,
        *,
        manager: LaneSource | None = None,
        base_url: str = DEFAULT_BASE_URL,
        timeout: float = 10.0,
        clock: Clock | None = None,
        allow_withdraw: Collection[str] = (),
        patience: Patience | None = None,
        reissues: int = 1,
        journal: Journal | None = None,
        limits: Limits | None = None,
    ) -> None:
        if not _ACCOUNT_NAME.fullmatch(name):
            mend = "Use 'MASTER', 'MASTER:<name>' or 'USER:<name>'."
            raise ConfigError("name", f"text of {len(name)} characters", mend)
        self.name = name
        self.clock_offset_ns = 0
        self._manager = manager or get_global_nonce_manager()
        self._allow_withdraw = allow_withdraw
        self._clock: Clock = clock or SystemClock()
        self._client = KrakenClient(
            credentials,
            manager=self._manager,
            base_url=base_url,
            timeout=timeout,
            reissues=reissues,
            limits=limits,
            account=name,
            clock=self._clock,
        )
        self._inquiry = Inquiry(name, self._client)
        self._journal = journal or open_journal("memory://")
        self._owns_journal = journal is None
        self._desk = OrderDesk(
            name,
            self._client,
            self._journal,
            clock=self._clock,
            patience=patience,
            offset_ns=lambda: self.clock_offset_ns,
        )

    def __repr__(self) -> str:
        return f"KrakenBroker({self.name!r}, {self._client!r})"

    @property
    def client(self) -> KrakenClient:
        """What the account's calls are made with."""
        return self._client

    @property
    def books(self) -> Books:
        """What the exchange shows of the account's orders and trades."""
        return self._desk.books

    @property
    def proofs(self) -> Books:
        """The same, for questions that are part of a proof: see `krakenonce.orders.persistence`."""
        return self._desk.proofs

    @property
    def clock(self) -> Clock:
        """Where the account reads time."""
        return self._clock

    def now_ns(self) -> int:
        """Return the exchange's clock as far as we know it: half a second off at the most, right after `connect`."""
        return self._clock.wall_ns() + self.clock_offset_ns

    @property
    def fingerprint(self) -> str:
        """The name by which the account's key may appear in logs."""
        return self._client.credentials.fingerprint

    async def __aenter__(self) -> Self:
        try:
            await self.connect()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def connect(self) -> KeyInfo:
        """Check clock and key, say so in the log, and find out what an earlier run left open in the journal.

        Nothing is changed at the exchange.

        Returns:
            what Kraken says of the key.

        Raises:
            ConfigError: the key may withdraw funds and the account is not named in *allow_withdraw*.
            RequestRefused, OutcomeUnknown: the exchange does not take the key, or does not answer.
        """
        self.clock_offset_ns = await self._measure_offset()
        info = await self._inquiry.ask("GetApiKeyInfo", parsing.key_info)
        for warning in check_key(self.name, info, self._allow_withdraw) + check_clock(self.name, self.clock_offset_ns):
            log.warning("%s", warning)
        if isinstance(self._manager, GlobalKrakenNonceManager):
            log.info("GLOBAL Kraken Nonce Manager installed for %s (%s)", self.name, self._manager.precision)
        log.info("Connected to Kraken Pro API (%s)", self.name)
        await self.recover()
        return info

    async def close(self) -> None:
        """Let calls on their way come to their end, then close the connection."""
        await self._desk.close()
        await self._client.close()
        if self._owns_journal:
            await self._journal.close()

    async def pairs(self) -> dict[str, PairRules]:
        """Return the rules of all pairs, by key. One call without a nonce: load it once and share it."""
        return await self._inquiry.public("AssetPairs", parsing.pairs)

    async def prices(self, pairs: Sequence[str] | None = None) -> dict[str, Decimal]:
        """Return the last price of each of *pairs* (None: of all), by the pair's key. One call without a nonce."""
        params = None if pairs is None else {"pair": ",".join(pairs)}
        return await self._inquiry.public("Ticker", parsing.last_prices, params)

    async def depth(self, pair: str, count: int = 100) -> Depth:
        """Return the best *count* prices of each side of the book of *pair*. One call without a nonce."""
        return await self._inquiry.public("Depth", parsing.depth, {"pair": pair, "count": count})

    async def balances(self, *, priority: Priority = Priority.READ) -> dict[str, Balance]:
        """Return what the account holds, by asset key."""
        return await self._inquiry.ask("BalanceEx", parsing.balances, priority=priority)

    async def place(self, order: Order, *, priority: Priority = Priority.ENTRY) -> Placement | Refused:
        """Place *order* so that it exists exactly once, or not at all; see `OrderDesk.place`."""
        return await self._desk.place(order, priority=priority)

    async def cancel(
        self, *, txid: str | None = None, cl_ord_id: str | None = None, priority: Priority = Priority.CANCEL
    ) -> OrderState | Refused:
        """Cancel one order by either of its names and return how it ended; see `OrderDesk.cancel`."""
        return await self._desk.cancel(txid=txid, cl_ord_id=cl_ord_id, priority=priority)

    async def amend(
        self,
        *,
        txid: str | None = None,
        cl_ord_id: str | None = None,
        volume: Decimal | None = None,
        price: Decimal | None = None,
        trigger: Decimal | None = None,
        priority: Priority = Priority.ENTRY,
    ) -> OrderState | Refused:
        """Change volume, limit or trigger price of one open order; see `OrderDesk.amend`."""
        return await self._desk.amend(
            txid=txid, cl_ord_id=cl_ord_id, volume=volume, price=price, trigger=trigger, priority=priority
        )

    async def resolve(self, cl_ord_id: str, *, priority: Priority = Priority.ENTRY) -> Verdict | None:
        """Find out what became of an order; see `OrderDesk.resolve`."""
        return await self._desk.resolve(cl_ord_id, priority=priority)

    async def recover(self) -> list[Recovered]:
        """Find out what an earlier run left open; see `OrderDesk.recover`. `connect` does so too."""
        return await self._desk.recover()

    async def open_orders(self, *, priority: Priority = Priority.READ) -> list[OrderState]:
        """Return the account's open orders."""
        return await self._desk.books.open_orders(priority=priority)

    async def query(self, txids: Sequence[str], *, priority: Priority = Priority.READ) -> dict[str, OrderState]:
        """Return the state of up to 50 orders by txid; an id that the exchange does not know is missing."""
        return await self._desk.books.query(txids, priority=priority)

    async def find(self, cl_ord_id: str, *, priority: Priority = Priority.READ) -> OrderState | None:
        """Look an order up by our own name for it, among the open and the closed ones; see `Books.find`."""
        return await self._desk.books.find(cl_ord_id, priority=priority)

    async def fills(self, since_ns: int, *, priority: Priority = Priority.READ) -> list[Fill]:
        """Return the account's trades from *since_ns* (exchange's clock, nanoseconds since 1970) on, oldest first."""
        return await self._desk.books.fills(since_ns, priority=priority)

    async def server_time_ns(self) -> int:
        """Return the exchange's clock, in nanoseconds since 1970, with the resolution of a second (rounded down)."""
        return await self._inquiry.public("Time", parsing.server_time)

    async def _measure_offset(self) -> int:
        before = self._clock.wall_ns()
        theirs = await self.server_time_ns()
        ours = (before + self._clock.wall_ns()) // 2
        return theirs + HALF_A_SECOND - ours
