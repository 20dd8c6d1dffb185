"""Every REST method: what answers it, and what a key needs to call it.

Method names are case-sensitive; unknown ones get HTTP 404 (https://docs.kraken.com/api/docs/guides/spot-rest-intro).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from krakenonce.simulator.exchange import Exchange
from krakenonce.simulator.rest import account, changing, history, ledgers, past, public, trading
from krakenonce.simulator.rest.account import Caller
from krakenonce.simulator.rest.arguments import Arguments


@dataclass(frozen=True, slots=True)
class PrivateMethod:
    """A private method; any one of *permissions* is enough."""

    answer: Callable[[Caller, Arguments], Any]
    permissions: tuple[str, ...] = ()


PUBLIC: dict[str, Callable[[Exchange, Arguments], Any]] = {
    "Time": public.time,
    "SystemStatus": public.system_status,
    "Assets": public.assets,
    "AssetPairs": public.asset_pairs,
    "Ticker": public.ticker,
    "Depth": public.depth,
    "Trades": past.trades,
    "OHLC": past.ohlc,
    "Spread": past.spread,
}

_TRADE = ("modify-trades",)
_CANCEL = ("modify-trades", "close-trades")

PRIVATE = {
    "Balance": PrivateMethod(account.balance, ("query-funds",)),
    "BalanceEx": PrivateMethod(account.balance_ex, ("query-funds",)),
    "TradeBalance": PrivateMethod(account.trade_balance, ("query-open-trades",)),
    "TradeVolume": PrivateMethod(account.trade_volume, ("query-funds",)),
    "OpenOrders": PrivateMethod(history.open_orders, ("query-open-trades",)),
    "ClosedOrders": PrivateMethod(history.closed_orders, ("query-closed-trades",)),
    "QueryOrders": PrivateMethod(history.query_orders, ("query-open-trades", "query-closed-trades")),
    "OrderAmends": PrivateMethod(changing.order_amends, ("query-open-trades", "query-closed-trades")),
    "TradesHistory": PrivateMethod(history.trades_history, ("query-closed-trades",)),
    "QueryTrades": PrivateMethod(history.query_trades, ("query-closed-trades",)),
    "OpenPositions": PrivateMethod(ledgers.open_positions, ("query-open-trades",)),
    "Ledgers": PrivateMethod(ledgers.ledgers, ("query-ledger",)),
    "QueryLedgers": PrivateMethod(ledgers.query_ledgers, ("query-ledger",)),
    "GetWebSocketsToken": PrivateMethod(account.websockets_token, ("create-ws-token",)),
    "GetApiKeyInfo": PrivateMethod(account.api_key_info),
    "AddOrder": PrivateMethod(trading.add_order, _TRADE),
    "AddOrderBatch": PrivateMethod(trading.add_order_batch, _TRADE),
    "AmendOrder": PrivateMethod(changing.amend_order, _TRADE),
    "EditOrder": PrivateMethod(changing.edit_order, _TRADE),
    "CancelOrder": PrivateMethod(trading.cancel_order, _CANCEL),
    "CancelAll": PrivateMethod(trading.cancel_all, _CANCEL),
    "CancelOrderBatch": PrivateMethod(trading.cancel_order_batch, _CANCEL),
    "CancelAllOrdersAfter": PrivateMethod(trading.cancel_all_orders_after, _CANCEL),
}
