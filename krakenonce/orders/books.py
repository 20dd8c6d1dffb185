"""Where an order can be found: among the open orders, the closed ones, and behind the trades."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from krakenonce.client.encoding import Params
from krakenonce.clock import NS_PER_SECOND
from krakenonce.lanes import Priority
from krakenonce.orders import parsing
from krakenonce.orders.inquiry import Inquiry
from krakenonce.orders.records import Fill, OrderState

MOST_PER_QUERY = 50


class Books:
    """What the exchange shows of one account's orders and trades. Every method raises as `Inquiry.ask` does.

    The three lists are kept apart at the exchange and may lag each for itself, so an order counts as absent only when
    it is in none of them (walk: https://docs.kraken.com/api/docs/guides/spot-clordid, and its published SDK).
    """

    def __init__(self, inquiry: Inquiry) -> None:
        self._inquiry = inquiry

    async def open_orders(self, *, priority: Priority = Priority.READ) -> list[OrderState]:
        """Return the open orders."""
        return await self._inquiry.ask("OpenOrders", parsing.open_orders, priority=priority)

    async def query(self, txids: Sequence[str], *, priority: Priority = Priority.READ) -> dict[str, OrderState]:
        """Return the state of up to 50 orders by txid; an id that the exchange does not know is missing."""
        params = {"txid": ",".join(txids)}
        states = await self._inquiry.ask("QueryOrders", parsing.orders, params, priority=priority)
        return {state.txid: state for state in states}

    async def find(self, cl_ord_id: str, *, since_ns: int = 0, priority: Priority = Priority.READ) -> OrderState | None:
        """Look an order up by our own name for it, among the open and then the closed ones; None if it is in neither.

        Parameters:
            since_ns: orders that were opened before this moment of the exchange's clock do not count: Kraken lets a
                name be used again once its order is closed. Of several the one that executed most counts, then the
                newest.
        """
        for method, parse in (("OpenOrders", parsing.open_orders), ("ClosedOrders", parsing.closed_orders)):
            states = await self._inquiry.ask(method, parse, {"cl_ord_id": cl_ord_id}, priority=priority)
            found = _named(states, cl_ord_id, since_ns)
            if found is not None:
                return found
        return None

    async def find_by_trades(self, cl_ord_id: str, *, since_ns: int, priority: Priority) -> OrderState | None:
        """Look an order up behind the account's trades since *since_ns*: trades know their order's txid only."""
        txids = list({fill.order_txid: None for fill in await self.fills(since_ns, priority=priority)})
        for start in range(0, len(txids), MOST_PER_QUERY):
            states = await self.query(txids[start : start + MOST_PER_QUERY], priority=priority)
            found = _named(states.values(), cl_ord_id, since_ns)
            if found is not None:
                return found
        return None

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

    async def _page(self, since_ns: int, offset: int, priority: Priority) -> tuple[list[Fill], int]:
        seconds, rest = divmod(max(since_ns, 0), NS_PER_SECOND)
        params: Params = {"start": f"{seconds}.{rest:09d}", "ofs": offset, "consolidate_taker": False}
        return await self._inquiry.ask("TradesHistory", parsing.fills, params, priority=priority)


def _named(states: Iterable[OrderState], cl_ord_id: str, since_ns: int) -> OrderState | None:
    named = [state for state in states if state.cl_ord_id == cl_ord_id and state.opened_ns >= since_ns]
    return max(named, key=lambda state: (state.committed, state.opened_ns)) if named else None
