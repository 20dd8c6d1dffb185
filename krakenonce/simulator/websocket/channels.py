"""Subscribing: which channels there are, what they take, and what a new subscriber is sent first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from krakenonce.kraken.limits import TIERS
from krakenonce.simulator.candles import INTERVALS
from krakenonce.simulator.refusals import Refusal
from krakenonce.simulator.websocket.books import DEPTHS
from krakenonce.simulator.websocket.frames import dump, update
from krakenonce.simulator.websocket.market_data import (
    SNAPSHOT_TRADES,
    candles_frame,
    instruments_frame,
    ticker_row,
    trades_frame,
)
from krakenonce.simulator.websocket.money import holdings
from krakenonce.simulator.websocket.params import Params
from krakenonce.simulator.websocket.reports import report_open, report_past
from krakenonce.simulator.websocket.session import Subscription

if TYPE_CHECKING:
    from krakenonce.kraken.pairs import Pair
    from krakenonce.simulator.exchange import Exchange
    from krakenonce.simulator.websocket.hub import Hub

_DEPRECATED = ["cancel_reason is deprecated, use reason"]
_NO_TIER_RATE = TIERS["pro"].engine_max


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel.

    Parameters:
        read: returns (result of the ack, wants) for the params, without the symbol;
        fields: the params it knows beside channel, token and snapshot; permissions: any one of them is enough, and
            none at all means that the channel is public; per_symbol: whether there is one subscription per symbol;
        topic: what to listen to, given the result; first: yields the snapshot frames of a new subscription.
    """

    read: Callable[[Exchange, Params], tuple[dict[str, Any], dict[str, bool]]]
    first: Callable[[Hub, Exchange, Subscription, Pair | None], Iterator[str]]
    fields: frozenset[str] = frozenset()
    permissions: tuple[str, ...] = ()
    per_symbol: bool = False
    topic: Callable[[dict[str, Any]], tuple[Any, ...]] = lambda _: ()


def _read_ticker(_: Exchange, params: Params) -> tuple[dict[str, Any], dict[str, bool]]:
    trigger = params.choice("event_trigger", ("trades", "bbo"), "trades")
    return {"channel": "ticker", "event_trigger": trigger, "snapshot": params.flag("snapshot", default=True)}, {}


def _first_ticker(_: Hub, exchange: Exchange, __: Subscription, pair: Pair | None) -> Iterator[str]:
    if pair is not None:
        yield update("ticker", [ticker_row(exchange.market(pair), exchange.now)], "snapshot")


def _read_trade(_: Exchange, params: Params) -> tuple[dict[str, Any], dict[str, bool]]:
    return {"channel": "trade", "snapshot": params.flag("snapshot")}, {}


def _first_trades(_: Hub, exchange: Exchange, __: Subscription, pair: Pair | None) -> Iterator[str]:
    if pair is not None:
        yield trades_frame(exchange.market(pair).tape.latest(SNAPSHOT_TRADES), "snapshot")


def _read_book(_: Exchange, params: Params) -> tuple[dict[str, Any], dict[str, bool]]:
    depth = params.integer("depth", DEPTHS[0], -(2**63), 2**63)
    if depth not in DEPTHS:
        raise Refusal("Subscription depth not supported")
    return {"channel": "book", "depth": depth, "snapshot": params.flag("snapshot", default=True)}, {}


def _first_book(hub: Hub, _: Exchange, subscription: Subscription, pair: Pair | None) -> Iterator[str]:
    if pair is not None:
        yield hub.ladder(pair, subscription.result["depth"]).snapshot()


def _read_ohlc(_: Exchange, params: Params) -> tuple[dict[str, Any], dict[str, bool]]:
    minutes = params.integer("interval", INTERVALS[0], -(2**63), 2**63)
    if minutes not in INTERVALS:
        raise Refusal("Subscription ohlc interval not supported")
    result = {"channel": "ohlc", "interval": minutes, "snapshot": params.flag("snapshot", default=True)}
    return result | {"warnings": ["timestamp is deprecated, use interval_begin"]}, {}


def _first_ohlc(_: Hub, exchange: Exchange, subscription: Subscription, pair: Pair | None) -> Iterator[str]:
    if pair is not None:
        yield candles_frame(exchange.market(pair), subscription.result["interval"], exchange.now, "snapshot")


def _read_instrument(_: Exchange, params: Params) -> tuple[dict[str, Any], dict[str, bool]]:
    params.flag("include_tokenized_assets")
    return {"channel": "instrument", "snapshot": params.flag("snapshot", default=True)}, {}


def _first_instrument(_: Hub, exchange: Exchange, __: Subscription, ___: Pair | None) -> Iterator[str]:
    yield instruments_frame(exchange.market_state, "snapshot")


def _read_executions(exchange: Exchange, params: Params) -> tuple[dict[str, Any], dict[str, bool]]:
    params.choice("users", ("all",), "all")
    params.flag("rebased", default=True)
    # The two older names still work; the newer ones win.
    orders = params.flag("snap_orders", default=params.flag("snapshot", default=True))
    trades = params.flag("snap_trades", default=params.flag("snapshot_trades"))
    silent = "users" in params
    wants = {
        "snap_orders": orders and not silent,
        "snap_trades": trades and not silent,
        "order_status": params.flag("order_status", default=True),
        "ratecounter": params.flag("ratecounter"),
    }
    rate = exchange.tier.engine_max if exchange.tier is not None else _NO_TIER_RATE
    result = {"channel": "executions", "maxratecount": rate, "snap_orders": orders, "snap_trades": trades}
    return result | {"warnings": _DEPRECATED}, wants


def _first_executions(_: Hub, exchange: Exchange, subscription: Subscription, __: Pair | None) -> Iterator[str]:
    """Yield open orders and past trades apart: clients tell the kind of a whole message by its first report."""
    if subscription.token is None:
        return
    account = subscription.token.account
    if subscription.wants["snap_orders"]:
        orders = [report_open(order, exchange.now) for order in account.open_orders.values()]
        yield _numbered(subscription, orders)
    trades = account.trades[-SNAPSHOT_TRADES:]
    if subscription.wants["snap_trades"] and (trades or not subscription.wants["snap_orders"]):
        yield _numbered(subscription, [report_past(trade) for trade in trades])


def _read_balances(_: Exchange, params: Params) -> tuple[dict[str, Any], dict[str, bool]]:
    params.choice("users", ("all",), "all")
    params.flag("rebased", default=True)
    return {"channel": "balances", "snapshot": params.flag("snapshot", default=True)}, {}


def _first_balances(_: Hub, __: Exchange, subscription: Subscription, ___: Pair | None) -> Iterator[str]:
    if subscription.token is not None:
        yield _numbered(subscription, holdings(subscription.token.account))


def _numbered(subscription: Subscription, rows: list[dict[str, Any]]) -> str:
    frame = {"channel": subscription.channel, "type": "snapshot", "data": rows}
    return dump(frame | {"sequence": subscription.count()})


def _read_nothing(name: str) -> Callable[[Exchange, Params], tuple[dict[str, Any], dict[str, bool]]]:
    return lambda _, __: ({"channel": name}, {})


def _nothing(_: Hub, __: Exchange, ___: Subscription, ____: Pair | None) -> Iterator[str]:
    yield from ()


_QUERY = ("query-open-trades", "query-closed-trades")
_EXECUTIONS = {"snap_orders", "snap_trades", "order_status", "ratecounter", "users", "rebased", "snapshot_trades"}

CHANNELS = {
    "ticker": Channel(
        _read_ticker,
        _first_ticker,
        frozenset({"symbol", "event_trigger"}),
        per_symbol=True,
        topic=lambda result: (result["event_trigger"],),
    ),
    "trade": Channel(_read_trade, _first_trades, frozenset({"symbol"}), per_symbol=True),
    "book": Channel(
        _read_book,
        _first_book,
        frozenset({"symbol", "depth"}),
        per_symbol=True,
        topic=lambda result: (result["depth"],),
    ),
    "ohlc": Channel(
        _read_ohlc,
        _first_ohlc,
        frozenset({"symbol", "interval"}),
        per_symbol=True,
        topic=lambda result: (result["interval"],),
    ),
    "instrument": Channel(_read_instrument, _first_instrument, frozenset({"include_tokenized_assets"})),
    "executions": Channel(_read_executions, _first_executions, frozenset(_EXECUTIONS), _QUERY),
    "balances": Channel(_read_balances, _first_balances, frozenset({"users", "rebased"}), ("query-funds",)),
    "heartbeat": Channel(_read_nothing("heartbeat"), _nothing),
    "status": Channel(_read_nothing("status"), _nothing),
}
