"""One account at Kraken: connected and checked once, then asked and told things in records instead of JSON."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Self

from krakenonce.broker import parsing
from krakenonce.broker.inquiry import Inquiry
from krakenonce.broker.key_check import check_clock, check_key
from krakenonce.broker.records import Balance, Fill, KeyInfo, Order, OrderState, PairRules, Placement
from krakenonce.broker.resolution import Patience, place_once, resolve
from krakenonce.client import DEFAULT_BASE_URL, KrakenClient
from krakenonce.client.encoding import Params
from krakenonce.client.turns import LaneSource
from krakenonce.clock import NS_PER_SECOND, Clock, SystemClock, rfc3339
from krakenonce.errors import ConfigError, OutcomeUnknown
from krakenonce.global_nonce import GlobalKrakenNonceManager, get_global_nonce_manager
from krakenonce.kraken.credentials import Credentials
from krakenonce.kraken.replies import Accepted, Outcome, Refused, Unknown
from krakenonce.lanes import Priority

log = logging.getLogger("krakenonce")

HALF_A_SECOND = NS_PER_SECOND // 2


class KrakenBroker:
    """One account, ``MASTER`` or ``USER:<name>``. Any number of tasks may use it at the same time; one event loop.

    Reads raise `RequestRefused` or `OutcomeUnknown` if they get no answer (an unanswered read is repeated with a new
    nonce first). Orders are never repeated unless it is proved that they had no effect.

    Parameters:
        name: the account's name in logs and receipts.
        credentials: its key.
        manager: where its lane comes from; the process's one nonce manager if None.
        base_url: scheme and host of the exchange, without a path.
        timeout: seconds one transmission may take.
        clock: where time is read.
        allow_withdraw: names of accounts whose key may be able to withdraw funds.
        patience: how long to try to place an order.
        reissues: how often a request refused for its nonce is sent again with a fresh one, see `KrakenClient`.

    Raises:
        ConfigError: the name is neither ``MASTER`` nor ``USER:<name>``.
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
    ) -> None:
        if name != "MASTER" and not (name.startswith("USER:") and name.removeprefix("USER:").strip()):
            raise ConfigError("name", f"text of {len(name)} characters", "Use 'MASTER' or 'USER:<name>'.")
        self.name = name
        self.clock_offset_ns = 0
        self.patience = patience or Patience()
        self._manager = manager or get_global_nonce_manager()
        self._allow_withdraw = allow_withdraw
        self._clock: Clock = clock or SystemClock()
        self._client = KrakenClient(
            credentials, manager=self._manager, base_url=base_url, timeout=timeout, reissues=reissues
        )
        self._inquiry = Inquiry(name, self._client)

    def __repr__(self) -> str:
        return f"KrakenBroker({self.name!r}, {self._client!r})"

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
        """Check clock and key, and say so in the log. Nothing is changed at the exchange.

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
        return info

    async def close(self) -> None:
        """Let calls on their way come to their end, then close the connection."""
        await self._client.close()

    async def pairs(self) -> dict[str, PairRules]:
        """Return the rules of all pairs, by key. One call without a nonce: load it once and share it."""
        return await self._inquiry.public("AssetPairs", parsing.pairs)

    async def prices(self, pairs: Sequence[str]) -> dict[str, Decimal]:
        """Return the last price of each of *pairs*, by the pair's key. One call without a nonce."""
        return await self._inquiry.public("Ticker", parsing.last_prices, {"pair": ",".join(pairs)})

    async def balances(self, *, priority: Priority = Priority.READ) -> dict[str, Balance]:
        """Return what the account holds, by asset key."""
        return await self._inquiry.ask("BalanceEx", parsing.balances, priority=priority)

    async def place(self, order: Order, *, priority: Priority | None = None) -> Placement | Refused | Unknown:
        """Send *order* once and return what became of it. Never raises for what network or exchange do."""
        outcome = await self._client.call("AddOrder", self._members(order), priority=priority)
        if not isinstance(outcome, Accepted):
            return outcome
        try:
            return Placement(parsing.parsed("AddOrder", parsing.first_txid, outcome.result), order.volume)
        except OutcomeUnknown as error:
            return Unknown(str(error))

    async def place_once(self, order: Order, *, priority: Priority = Priority.ENTRY) -> Placement | Refused:
        """Place *order* so that it exists at most once; see `krakenonce.broker.resolution.place_once`."""
        return await place_once(self, order, self.patience, asyncio.sleep, priority)

    async def resolve(self, cl_ord_id: str, *, priority: Priority = Priority.ENTRY) -> OrderState | None:
        """Find out the fate of an order whose answer was lost; see `krakenonce.broker.resolution.resolve`."""
        return await resolve(self, cl_ord_id, self.patience.settle_s, asyncio.sleep, priority)

    async def cancel(self, *, txid: str | None = None, cl_ord_id: str | None = None) -> Outcome:
        """Cancel one order by either of its names and return the outcome.

        ``EOrder:Unknown order`` means that it is closed already, filled or canceled: look it up.
        """
        if (txid is None) == (cl_ord_id is None):
            raise ConfigError("txid, cl_ord_id", "both or neither given", "Give exactly one of them.")
        return await self._client.call("CancelOrder", {"txid": txid, "cl_ord_id": cl_ord_id})

    async def open_orders(self, *, priority: Priority = Priority.READ) -> list[OrderState]:
        """Return the account's open orders."""
        return await self._inquiry.ask("OpenOrders", parsing.open_orders, priority=priority)

    async def query(self, txids: Sequence[str], *, priority: Priority = Priority.READ) -> dict[str, OrderState]:
        """Return the state of up to 50 orders by txid; an id that the exchange does not know is missing."""
        params = {"txid": ",".join(txids)}
        states = await self._inquiry.ask("QueryOrders", parsing.orders, params, priority=priority)
        return {state.txid: state for state in states}

    async def find(self, cl_ord_id: str, *, priority: Priority = Priority.READ) -> OrderState | None:
        """Look an order up by our own name for it, among the open and then the closed ones; None if it is in neither.

        An id may have been used several times; the order that executed most is the one that counts, then the newest.
        """
        for method, parse in (("OpenOrders", parsing.open_orders), ("ClosedOrders", parsing.closed_orders)):
            states = await self._inquiry.ask(method, parse, {"cl_ord_id": cl_ord_id}, priority=priority)
            named = [state for state in states if state.cl_ord_id == cl_ord_id]
            if named:
                return max(named, key=lambda state: (state.committed, state.opened_ns))
        return None

    async def barrier(self, *, priority: Priority = Priority.ENTRY) -> None:
        """Have a request accepted that changes nothing: every older request of this key is dead afterwards."""
        await self._inquiry.ask("GetApiKeyInfo", parsing.key_info, priority=priority)

    async def fills(self, since_ns: int, *, priority: Priority = Priority.READ) -> list[Fill]:
        """Return the account's trades from *since_ns* (exchange's clock, nanoseconds since 1970) on, oldest first.

        Pages of 50 are read until none is left (https://docs.kraken.com/api/docs/rest-api/get-trade-history). They come
        newest first: trades that happen meanwhile push others to a later page, where they are seen twice, never missed.
        """
        found: dict[str, Fill] = {}
        offset, total = 0, 1
        while offset < total:
            page, total = await self._page(since_ns, offset, priority)
            found.update((fill.exec_id, fill) for fill in page)
            offset += len(page)
            if not page:
                break
        return sorted(found.values(), key=lambda fill: (fill.time_ns, fill.exec_id))

    async def server_time_ns(self) -> int:
        """Return the exchange's clock, in nanoseconds since 1970, with the resolution of a second (rounded down)."""
        return await self._inquiry.public("Time", parsing.server_time)

    async def _page(self, since_ns: int, offset: int, priority: Priority) -> tuple[list[Fill], int]:
        seconds, rest = divmod(since_ns, NS_PER_SECOND)
        params: Params = {"start": f"{seconds}.{rest:09d}", "ofs": offset, "consolidate_taker": False}
        return await self._inquiry.ask("TradesHistory", parsing.fills, params, priority=priority)

    async def _measure_offset(self) -> int:
        before = self._clock.wall_ns()
        theirs = await self.server_time_ns()
        ours = (before + self._clock.wall_ns()) // 2
        return theirs + HALF_A_SECOND - ours

    def _members(self, order: Order) -> Params:
        return {
            "ordertype": order.ordertype,
            "type": order.side,
            "pair": order.pair,
            "volume": order.volume,
            "price": order.price,
            "cl_ord_id": order.cl_ord_id,
            "deadline": None if order.valid_s is None else self._deadline(order.valid_s),
        }

    def _deadline(self, valid_s: int) -> str:
        return rfc3339(self._clock.wall_ns() + self.clock_offset_ns + valid_s * NS_PER_SECOND)
