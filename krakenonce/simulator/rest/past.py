"""Public endpoints that look back: trades, candles, spreads."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from krakenonce.clock import NS_PER_SECOND
from krakenonce.simulator.candles import INTERVALS, LIMIT, MINUTE_NS, Candle
from krakenonce.simulator.refusals import invalid_arguments
from krakenonce.simulator.rest.arguments import Arguments
from krakenonce.simulator.rest.formats import long_price, price_text, unix, volume_text
from krakenonce.simulator.rest.public import named_pairs

if TYPE_CHECKING:
    from krakenonce.kraken.pairs import Pair
    from krakenonce.simulator.exchange import Exchange


def trades(exchange: Exchange, arguments: Arguments) -> dict[str, Any]:
    """Answer Trades."""
    ((name, pair),) = named_pairs(arguments, required=True)
    count = arguments.integer("count", 1000, 1, 1000)
    since = _since_ns(arguments)
    tape = exchange.market(pair).tape
    prints = tape.latest(count) if since is None else tape.since(since, count)
    rows = [
        [
            long_price(pair, row.price),
            volume_text(pair, row.volume),
            unix(row.time_ns),
            row.side[0],
            row.ordertype[0],
            "",
            row.trade_id,
        ]
        for row in prints
    ]
    last_ns = prints[-1].time_ns if prints else since if since is not None else exchange.now
    return {name: rows, "last": str(last_ns)}


def _since_ns(arguments: Arguments) -> int | None:
    """Return *since*, which clients give in seconds or in nanoseconds."""
    if "since" not in arguments:
        return None
    text = arguments.text("since")
    if len(text) > 12 and text.isascii() and text.isdigit():
        return int(text) if len(text) <= 20 else _refuse_since()
    return arguments.moment("since")


def _refuse_since() -> int:
    raise invalid_arguments("since")


def ohlc(exchange: Exchange, arguments: Arguments) -> dict[str, Any]:
    """Answer OHLC: up to 720 candles, of which the last is still forming."""
    ((name, pair),) = named_pairs(arguments, required=True)
    minutes = arguments.integer("interval", 1)
    if minutes not in INTERVALS:
        raise invalid_arguments("interval")
    size_ns = minutes * MINUTE_NS
    current_ns = exchange.now - exchange.now % size_ns
    first_ns = max(current_ns - (LIMIT - 1) * size_ns, ((_since_ns(arguments) or 0) // size_ns + 1) * size_ns)
    candles = exchange.market(pair).tape.candles.between(min(first_ns, current_ns), exchange.now, minutes)
    return {name: [_candle_row(pair, row) for row in candles], "last": (current_ns - size_ns) // NS_PER_SECOND}


def _candle_row(pair: Pair, row: Candle) -> list[Any]:
    average = row.cost / row.volume if row.volume else Decimal(0)
    prices = [price_text(pair, price) for price in (row.open, row.high, row.low, row.close, average)]
    return [row.start_ns // NS_PER_SECOND, *prices, volume_text(pair, row.volume), row.trades]


def spread(exchange: Exchange, arguments: Arguments) -> dict[str, Any]:
    """Answer Spread: how bid and ask have moved, oldest first."""
    ((name, pair),) = named_pairs(arguments, required=True)
    since = _since_ns(arguments) or 0
    rows = [
        [at_ns // NS_PER_SECOND, long_price(pair, bid), long_price(pair, ask)]
        for at_ns, bid, ask in exchange.market(pair).spreads
        if at_ns >= since
    ]
    return {name: rows, "last": rows[-1][0] if rows else since // NS_PER_SECOND}
