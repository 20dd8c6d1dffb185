"""The audit: has money been made or lost, and do orders, trades, holds and balances tell one story?

It recounts everything from the trades and deposits, without the sums the exchange kept while it ran.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from krakenonce.kraken.pairs import ASSETS

if TYPE_CHECKING:
    from krakenonce.simulator.accounts import Account
    from krakenonce.simulator.exchange import Exchange
    from krakenonce.simulator.market import Market
    from krakenonce.simulator.orders import Order, Trade

ZERO = Decimal(0)


def audit(exchange: Exchange) -> list[str]:
    """Return what does not add up, one sentence each: an empty list if the books balance."""
    problems = list(_totals(exchange))
    for account in exchange.accounts:
        problems += _balances(account)
        problems += _holds(account)
        problems += _positions(account)
        problems += [text for order in account.orders.values() for text in _order(account, order)]
    for market in exchange.markets.values():
        problems += _book(market)
    return problems


def _totals(exchange: Exchange) -> Iterator[str]:
    for asset in ASSETS:
        total = exchange.vault.total(asset.name)
        if total:
            yield f"{asset.name}: {total} came from nowhere"
    fees: defaultdict[str, Decimal] = defaultdict(Decimal)
    for trade in (trade for account in exchange.accounts for trade in account.trades):
        fees[trade.fee_asset] += trade.fee_paid
    for name, amount in fees.items():
        if exchange.vault.fees.balances[name] != amount:
            yield f"{name}: fees of {amount} were charged, {exchange.vault.fees.balances[name]} arrived"


def _balances(account: Account) -> Iterator[str]:
    expected: defaultdict[str, Decimal] = defaultdict(Decimal)
    for entry in account.ledger:
        if entry.kind == "deposit":
            expected[entry.asset] += entry.amount
    for trade in account.trades:
        for asset, amount in _effect(trade):
            expected[asset] += amount
    for name in expected.keys() | account.wallet.balances.keys():
        balance = account.wallet.balances.get(name, ZERO)
        if balance != expected[name]:
            yield f"{account.name}: {name} is {balance}, its deposits and trades come to {expected[name]}"
        if balance < 0 and not _has_margin(account):
            yield f"{account.name}: {name} is {balance}"


def _has_margin(account: Account) -> bool:
    # Losses on margin come out of the balance even where an order holds it.
    return any(trade.position for trade in account.trades)


def _positions(account: Account) -> Iterator[str]:
    """Compare the open positions with the volume that margin trades bought and sold."""
    expected: defaultdict[str, Decimal] = defaultdict(Decimal)
    for trade in account.trades:
        if trade.position:
            expected[trade.order.pair.key] += trade.volume * (1 if trade.order.side == "buy" else -1)
    for row in account.positions.values():
        expected[row.pair.key] -= row.volume * (1 if row.side == "buy" else -1)
    for name, volume in expected.items():
        if volume:
            yield f"{account.name}: {volume} {name} was traded on margin, but is in no position"


def _effect(trade: Trade) -> Iterator[tuple[str, Decimal]]:
    pair, sign = trade.order.pair, 1 if trade.order.side == "buy" else -1
    yield trade.fee_asset, -trade.fee_paid
    if trade.order.ticket.leverage:
        yield pair.quote.name, trade.realised
        return
    yield pair.base.name, trade.volume * sign
    yield pair.quote.name, -trade.price * trade.volume * sign


def _holds(account: Account) -> Iterator[str]:
    expected: defaultdict[str, Decimal] = defaultdict(Decimal)
    for order in account.open_orders.values():
        expected[order.held_asset] += order.held
    for name in expected.keys() | account.wallet.held.keys():
        held = account.wallet.held.get(name, ZERO)
        if held != expected[name]:
            yield f"{account.name}: {held} {name} is held, open orders need {expected[name]}"
        if held < 0 or (held > account.wallet.balances.get(name, ZERO) and not _has_margin(account)):
            yield f"{account.name}: {held} {name} is held of {account.wallet.balances.get(name, ZERO)}"


def _order(account: Account, order: Order) -> Iterator[str]:
    filled = sum((trade.volume for trade in order.trades), ZERO)
    cost = sum((trade.price * trade.volume for trade in order.trades), ZERO)
    fee = sum((trade.fee for trade in order.trades), ZERO)
    if (filled, cost, fee) != (order.filled, order.cost, order.fee):
        yield f"{order.txid}: shows {(order.filled, order.cost, order.fee)}, its trades come to {(filled, cost, fee)}"
    if order.remaining < 0:
        yield f"{order.txid}: filled {-order.remaining} too much"
    if order.is_open != (order.txid in account.open_orders):
        yield f"{order.txid}: is {order.status}, but is {'not ' if order.is_open else ''}among the open orders"
    if order.status == "closed" and not order.ticket.in_quote and order.remaining:
        yield f"{order.txid}: is closed with {order.remaining} left"


def _book(market: Market) -> Iterator[str]:
    resting = [*market.bids.orders, *market.asks.orders, *market.waiting]
    for order in resting:
        if order.status != "open":
            yield f"{order.txid}: is {order.status}, but still in the book"
    bid, ask = market.bids.first, market.asks.first
    if bid is not None and ask is not None and (bid.limit_price or ZERO) >= (ask.limit_price or ZERO):
        yield f"{market.pair.symbol}: the book is crossed, {bid.limit_price} bid and {ask.limit_price} asked"
