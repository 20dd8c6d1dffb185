"""What a fill does: money moves, the order and both histories grow, listeners hear of it."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING

from krakenonce.simulator.events import Events, LedgerEvent, OrderEvent
from krakenonce.simulator.fees import tier_at
from krakenonce.simulator.orders import Order, Trade
from krakenonce.simulator.wallets import LedgerEntry, Vault

if TYPE_CHECKING:
    from krakenonce.simulator.accounts import Account
    from krakenonce.simulator.exchange import Exchange
    from krakenonce.simulator.identifiers import Mint
    from krakenonce.simulator.market import Market


class Settlement:
    """Moves the money of fills and keeps every open order's reservation right. Belongs to the exchange's thread."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._vault: Vault = exchange.vault
        self._mint: Mint = exchange.mint
        self._events: Events = exchange.events
        self._settings = exchange.settings

    def fill(
        self, market: Market, order: Order, price: Decimal, volume: Decimal, number: int, *, maker: bool, now_ns: int
    ) -> Trade:
        """Let *order* trade *volume* at *price* with the clearing house, and return the trade of this *number*.

        The cost is exact; the fee is cut to the pair's cost decimals, so what was reserved always suffices.
        """
        cost = price * volume
        trade = self._trade(market, order, price, volume, number, maker=maker, now_ns=now_ns)
        self._pay(trade)
        order.filled += volume
        order.cost += cost
        order.fee += trade.fee
        order.trades.append(trade)
        order.account.trades.append(trade)
        order.account.count_volume(now_ns, market.in_usd(cost))
        return trade

    def reserve(self, order: Order) -> None:
        """Bring the reservation for *order* to what it now needs, which is nothing once it is closed."""
        asset, amount = order.amount_to_hold()
        if order.waits_for_trigger and not self._settings.stop_orders_hold:
            amount = Decimal(0)
        if order.held_asset:
            order.account.wallet.hold(order.held_asset, -order.held)
        order.held_asset, order.held = asset, amount
        if amount:
            order.account.wallet.hold(asset, amount)

    def fund(self, account: Account, asset: str, amount: Decimal, now_ns: int) -> None:
        """Pay *amount* of *asset* into *account* from outside."""
        self._vault.move(self._vault.funding, account.wallet, asset, amount)
        self._note(account, self._mint.transaction("F"), now_ns, "deposit", asset, amount)

    def fee_rate(self, market: Market, account: Account, *, maker: bool) -> Decimal:
        """Return the share of the cost that *account* pays at its present volume."""
        return market.schedule[tier_at(market.schedule, account.volume)].rate(maker=maker)

    def _trade(
        self, market: Market, order: Order, price: Decimal, volume: Decimal, number: int, *, maker: bool, now_ns: int
    ) -> Trade:
        pair, cost = order.pair, price * volume
        rate = self.fee_rate(market, order.account, maker=maker)
        fee = (cost * rate).quantize(Decimal(1).scaleb(-pair.cost_decimals), rounding=ROUND_DOWN)
        asset, paid = pair.quote, fee
        if order.ticket.fee_in_base and not order.ticket.leverage:
            asset = pair.base
            paid = (volume * rate).quantize(Decimal(1).scaleb(-asset.decimals), rounding=ROUND_DOWN)
        trade = Trade(
            self._mint.transaction("T"), order, number, now_ns, price, volume, cost, fee, asset.name, paid, maker
        )
        if not order.ticket.leverage:
            return trade
        effect = self._exchange.margin.trade(order, price, volume, fee)
        return replace(trade, position=effect.position, closing=effect.closing, realised=effect.realised)

    def _pay(self, trade: Trade) -> None:
        account = trade.order.account
        self._vault.move(account.wallet, self._vault.fees, trade.fee_asset, trade.fee_paid)
        kind = "margin" if trade.order.ticket.leverage else "trade"
        for asset, amount in movements(trade):
            self._vault.move(self._vault.market, account.wallet, asset, amount)
            fee = trade.fee_paid if asset == trade.fee_asset else Decimal(0)
            self._note(account, trade.txid, trade.time_ns, kind, asset, amount, fee)

    def _note(
        self,
        account: Account,
        reference: str,
        now_ns: int,
        kind: str,
        asset: str,
        amount: Decimal,
        fee: Decimal = Decimal(0),
    ) -> None:
        balance = account.wallet.balances[asset]
        entry = LedgerEntry(self._mint.transaction("L"), reference, now_ns, kind, asset, amount, fee, balance)
        account.ledger.append(entry)
        self._events.tell(LedgerEvent(account, entry))

    def announce(self, trade: Trade) -> None:
        """Tell listeners of a trade, and that the order is filled if it is."""
        order = trade.order
        self._events.tell(OrderEvent("trade", order, trade.time_ns, trade))
        if order.status == "closed":
            self._events.tell(OrderEvent("filled", order, trade.time_ns))


def movements(trade: Trade) -> list[tuple[str, Decimal]]:
    """Return what comes to the account, before the fee: both assets, or on margin the realised profit alone."""
    pair, sign = trade.order.pair, 1 if trade.order.side == "buy" else -1
    if trade.order.ticket.leverage:
        return [(pair.quote.name, trade.realised)]
    return [(pair.quote.name, -trade.cost * sign), (pair.base.name, trade.volume * sign)]
