"""Public endpoints: https://docs.kraken.com/api/docs/rest-api/ (market data)."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from krakenonce.clock import NS_PER_SECOND
from krakenonce.kraken.pairs import ASSETS, PAIRS, Asset, Pair
from krakenonce.simulator.refusals import Refusal, invalid_arguments
from krakenonce.simulator.rest.arguments import Arguments, known_pair
from krakenonce.simulator.rest.formats import digits, iso_seconds, long_price, volume_text

if TYPE_CHECKING:
    from krakenonce.simulator.exchange import Exchange
    from krakenonce.simulator.market import Market
    from krakenonce.simulator.orders import Side

_NAMED_ASSETS = {name: asset for asset in ASSETS for name in (asset.name, asset.altname, asset.symbol)}


def time(exchange: Exchange, _: Arguments) -> dict[str, Any]:
    """Answer Time."""
    seconds = exchange.shown_ns // NS_PER_SECOND
    text = f"{datetime.fromtimestamp(seconds, UTC):%a, %d %b %y %H:%M:%S +0000}"
    return {"unixtime": seconds, "rfc1123": text}


def system_status(exchange: Exchange, _: Arguments) -> dict[str, Any]:
    """Answer SystemStatus."""
    state = "online" if exchange.market_state == "limit_only" else exchange.market_state
    return {"status": state, "timestamp": iso_seconds(exchange.shown_ns)}


def assets(_: Exchange, arguments: Arguments) -> dict[str, Any]:
    """Answer Assets."""
    names = arguments.names("asset", 500)
    unknown = [name for name in names if name not in _NAMED_ASSETS]
    if unknown:
        raise Refusal("EQuery:Unknown asset")
    chosen = [_NAMED_ASSETS[name] for name in names] or ASSETS
    modern = arguments.integer("assetVersion") == 1
    return {asset.symbol if modern else asset.name: _asset_row(asset) for asset in chosen}


def _asset_row(asset: Asset) -> dict[str, Any]:
    row: dict[str, Any] = {
        "aclass": "currency",
        "altname": asset.altname,
        "decimals": asset.decimals,
        "display_decimals": asset.display_decimals,
        "status": "enabled",
    }
    if asset.collateral_value is not None:
        row["collateral_value"] = asset.collateral_value
    if asset.margin_rate:
        row["margin_rate"] = asset.margin_rate
    return row


def asset_pairs(exchange: Exchange, arguments: Arguments) -> dict[str, Any]:
    """Answer AssetPairs."""
    info = arguments.choice("info", ("info", "leverage", "fees", "margin"), "info")
    modern = arguments.integer("assetVersion") == 1
    return {name: _pair_row(exchange, pair, info, modern=modern) for name, pair in named_pairs(arguments)}


def named_pairs(arguments: Arguments, *, required: bool = False) -> list[tuple[str, Pair]]:
    """Return (name in the result, pair): asked for as ``BTC/USD``, a pair keeps that name, else it gets its key."""
    names = arguments.names("pair", 2000)
    if required and len(names) != 1:
        raise invalid_arguments("pair")
    modern = arguments.integer("assetVersion") == 1
    chosen = [(name, known_pair(name)) for name in names] or [(pair.key, pair) for pair in PAIRS]
    return [(pair.symbol if modern or name == pair.symbol else pair.key, pair) for name, pair in chosen]


def _pair_row(exchange: Exchange, pair: Pair, info: str, *, modern: bool) -> dict[str, Any]:
    parts: dict[str, dict[str, Any]] = {
        "leverage": {"leverage_buy": list(pair.leverage), "leverage_sell": list(pair.leverage)},
        "fees": {"fees": [], "fees_maker": [], "fee_volume_currency": "ZUSD"},
        "margin": {"margin_call": 80, "margin_stop": 40},
    }
    return parts[info] if info in parts else _whole_pair(exchange, pair, modern=modern)


def _whole_pair(exchange: Exchange, pair: Pair, *, modern: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "altname": pair.altname,
        "wsname": pair.wsname,
        "aclass_base": "currency",
        "base": pair.base.symbol if modern else pair.base.name,
        "aclass_quote": "currency",
        "quote": pair.quote.symbol if modern else pair.quote.name,
        "lot": "unit",
        "cost_decimals": pair.cost_decimals,
        "pair_decimals": pair.price_decimals,
        "lot_decimals": pair.lot_decimals,
        "lot_multiplier": 1,
        "leverage_buy": list(pair.leverage),
        "leverage_sell": list(pair.leverage),
        "fees": [],
        "fees_maker": [],
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": f"{pair.order_min:f}",
        "costmin": f"{pair.cost_min:f}",
        "tick_size": f"{pair.tick:f}",
        "status": "online" if exchange.market_state == "maintenance" else exchange.market_state,
        "execution_venue": "international",
    }
    if pair.position_limits is not None:
        row["long_position_limit"], row["short_position_limit"] = pair.position_limits
    return row


def ticker(exchange: Exchange, arguments: Arguments) -> dict[str, Any]:
    """Answer Ticker."""
    return {name: _ticker_row(exchange.market(pair), exchange.now) for name, pair in named_pairs(arguments)}


def _ticker_row(market: Market, now_ns: int) -> dict[str, Any]:
    pair = market.pair
    spans = [market.tape.figures(now_ns, today=today) for today in (True, False)]
    latest = market.tape.latest(1)
    last_volume = latest[0].volume if latest else pair.order_min
    return {
        "a": _quote(market, "sell"),
        "b": _quote(market, "buy"),
        "c": [long_price(pair, market.last), volume_text(pair, last_volume)],
        "v": [volume_text(pair, span.volume) for span in spans],
        "p": [long_price(pair, span.average) for span in spans],
        "t": [span.trades for span in spans],
        "l": [long_price(pair, min(span.low, market.last)) for span in spans],
        "h": [long_price(pair, max(span.high, market.last)) for span in spans],
        "o": long_price(pair, spans[0].open),
    }


def _quote(market: Market, side: Side) -> list[str]:
    rows = depth_rows(market, side, 1)
    price, volume = rows[0] if rows else (market.best(side), Decimal(0))
    return [long_price(market.pair, price), str(int(volume)), digits(volume, 3)]


def depth_rows(market: Market, side: Side, count: int) -> list[tuple[Decimal, Decimal]]:
    """Return up to *count* (price, volume) rows of one side of the book, best first, one row per price."""
    rows: list[tuple[Decimal, Decimal]] = []
    for offer in market.side(side).offers():
        if rows and rows[-1][0] == offer.price:
            rows[-1] = (offer.price, rows[-1][1] + offer.volume)
        elif len(rows) == count:
            break
        else:
            rows.append((offer.price, offer.volume))
    return rows


def depth(exchange: Exchange, arguments: Arguments) -> dict[str, Any]:
    """Answer Depth."""
    ((name, pair),) = named_pairs(arguments, required=True)
    count = arguments.integer("count", 100, 1, 500)
    market, seconds = exchange.market(pair), exchange.now // NS_PER_SECOND
    sides: dict[str, Side] = {"asks": "sell", "bids": "buy"}
    return {
        name: {
            label: [
                [long_price(pair, price), digits(volume, 3), seconds]
                for price, volume in depth_rows(market, side, count)
            ]
            for label, side in sides.items()
        }
    }
