"""What is on an account on paper: what it begins with, and what its orders have changed. Pure but for its memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from krakenonce.broker import Balance, PairRules
from krakenonce.copytrader.amounts import ZERO, add, subtract
from krakenonce.copytrader.records import CopyOrder
from krakenonce.orders.records import Side


def wallet_after(orders: Iterable[CopyOrder], rules: Mapping[str, PairRules]) -> PaperWallet:
    """Return the wallet after *orders*, which were filled on paper by an earlier run."""
    wallet = PaperWallet()
    for order in orders:
        pair = rules.get(order.line.pair)
        if pair is not None and order.executed:
            wallet.book(pair, order.side, order.executed, order.cost, order.fee)
    return wallet


class PaperWallet:
    """Changes on paper, to be added to balances.

    Parameters:
        changes: what an earlier run has changed, by asset key.
    """

    def __init__(self, changes: Mapping[str, Decimal] | None = None) -> None:
        self.changes: dict[str, Decimal] = dict(changes or {})

    def book(self, pair: PairRules, side: Side, volume: Decimal, cost: Decimal, fee: Decimal) -> None:
        """Book what an order has bought or sold; the fee is paid in the quote asset."""
        sign = 1 if side == "buy" else -1
        self._add(pair.base, sign * volume)
        self._add(pair.quote, subtract(-sign * cost, fee))

    def over(self, balances: Mapping[str, Balance]) -> dict[str, Balance]:
        """Return *balances* with the changes in them. Nothing is below 0, whatever else moved the real account."""
        found = dict(balances)
        for asset, change in self.changes.items():
            real = balances.get(asset, Balance(asset, ZERO, ZERO, ZERO))
            total, available = (max(add(amount, change), ZERO) for amount in (real.total, real.available))
            found[asset] = Balance(asset, total, real.held, available)
        return found

    def _add(self, asset: str, change: Decimal) -> None:
        self.changes[asset] = add(self.changes.get(asset, ZERO), change)
