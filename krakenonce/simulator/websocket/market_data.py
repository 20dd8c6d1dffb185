"""What ``ticker``, ``trade``, ``ohlc`` and ``instrument`` show. Shapes: the pages of the channels under
https://docs.kraken.com/api/docs/websocket-v2/."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from krakenonce.kraken.pairs import ASSETS, PAIRS
from krakenonce.simulator.candles import MINUTE_NS
from krakenonce.simulator.rest.public import depth_rows
from krakenonce.simulator.websocket.frames import long_stamp, price, quantity, stamp, update

if TYPE_CHECKING:
    from krakenonce.kraken.pairs import Asset, Pair
    from krakenonce.simulator.candles import Candle
    from krakenonce.simulator.events import Print
    from krakenonce.simulator.market import Market
    from krakenonce.simulator.orders import Side

SNAPSHOT_TRADES = 50
SNAPSHOT_CANDLES = 10
_CENT = Decimal("0.01")
Quote = tuple[Decimal, Decimal]


def best_quotes(market: Market) -> tuple[Quote, Quote]:
    """Return (price, volume) of the best bid and of the best ask."""
    return _best(market, "buy"), _best(market, "sell")


def _best(market: Market, side: Side) -> Quote:
    rows = depth_rows(market, side, 1)
    return rows[0] if rows else (market.best(side), Decimal(0))


def ticker_row(market: Market, now_ns: int) -> dict[str, Any]:
    """Return the ticker of one pair: the best quotes, the last price, and the figures of the last 24 hours."""
    pair, day = market.pair, market.tape.figures(now_ns, today=False)
    (bid, bid_volume), (ask, ask_volume) = best_quotes(market)
    change = market.last - day.open
    return {
        "symbol": pair.symbol,
        "bid": price(pair, bid),
        "bid_qty": quantity(pair, bid_volume),
        "ask": price(pair, ask),
        "ask_qty": quantity(pair, ask_volume),
        "last": price(pair, market.last),
        "volume": quantity(pair, day.volume),
        "vwap": price(pair, day.average),
        "low": price(pair, min(day.low, market.last)),
        "high": price(pair, max(day.high, market.last)),
        "change": price(pair, change),
        "change_pct": (change * 100 / day.open).quantize(_CENT),
        "trades": day.trades,
        "timestamp": stamp(now_ns),
    }


def trades_frame(prints: Iterable[Print], kind: str) -> str:
    """Return public trades of one pair, oldest first."""
    return update("trade", [_trade_row(row) for row in prints], kind)


def _trade_row(row: Print) -> dict[str, Any]:
    return {
        "symbol": row.pair.symbol,
        "side": row.side,
        "price": price(row.pair, row.price),
        "qty": quantity(row.pair, row.volume),
        "ord_type": row.ordertype,
        "trade_id": row.trade_id,
        "timestamp": stamp(row.time_ns),
    }


def candles_frame(market: Market, minutes: int, now_ns: int, kind: str) -> str:
    """Return the candle that is forming; in a snapshot, also those before it in which something was traded."""
    size_ns = minutes * MINUTE_NS
    first_ns = now_ns - (SNAPSHOT_CANDLES - 1) * size_ns if kind == "snapshot" else now_ns
    *past, last = market.tape.candles.between(first_ns, now_ns, minutes)
    rows = [_candle_row(market.pair, row, minutes) for row in [*(row for row in past if row.trades), last]]
    return update("ohlc", rows, kind, timestamp=long_stamp(now_ns))


def _candle_row(pair: Pair, row: Candle, minutes: int) -> dict[str, Any]:
    average = row.cost / row.volume if row.volume else row.close
    return {
        "symbol": pair.symbol,
        "open": price(pair, row.open),
        "high": price(pair, row.high),
        "low": price(pair, row.low),
        "close": price(pair, row.close),
        "trades": row.trades,
        "volume": quantity(pair, row.volume),
        "vwap": price(pair, average),
        "interval_begin": long_stamp(row.start_ns),
        "interval": minutes,
        "timestamp": stamp(row.start_ns + minutes * MINUTE_NS),
    }


def instruments_frame(state: str, kind: str) -> str:
    """Return assets and pairs; an update repeats the pairs only, with the status they now have."""
    pairs = [_pair_row(pair, state) for pair in PAIRS]
    assets = [_asset_row(asset) for asset in ASSETS] if kind == "snapshot" else []
    return update("instrument", {"assets": assets, "pairs": pairs}, kind)


def _asset_row(asset: Asset) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": asset.symbol,
        "status": "enabled",
        "precision": asset.decimals,
        "precision_display": asset.display_decimals,
        "borrowable": bool(asset.margin_rate),
        "collateral_value": Decimal(str(asset.collateral_value or 0)).quantize(_CENT),
    }
    return row | ({"margin_rate": Decimal(asset.margin_rate)} if asset.margin_rate else {})


def _pair_row(pair: Pair, state: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "symbol": pair.symbol,
        "base": pair.base.symbol,
        "quote": pair.quote.symbol,
        "status": state,
        "qty_precision": pair.lot_decimals,
        "qty_increment": pair.lot,
        "price_precision": pair.price_decimals,
        "cost_precision": pair.cost_decimals,
        "marginable": bool(pair.leverage),
        "has_index": False,
        "cost_min": pair.cost_min,
    }
    if pair.leverage:
        row["margin_initial"] = (Decimal(1) / max(pair.leverage)).quantize(_CENT)
    if pair.position_limits is not None:
        row["position_limit_long"], row["position_limit_short"] = pair.position_limits
    return row | {"tick_size": pair.tick, "price_increment": pair.tick, "qty_min": pair.order_min}
