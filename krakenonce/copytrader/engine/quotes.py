"""The last prices, and what follows from them: rates between any two assets. Belongs to one event loop."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from krakenonce.broker import PairRules
from krakenonce.copytrader.amounts import multiply, share
from krakenonce.copytrader.mapping import Rate

_ONE = Decimal(1)


class QuoteBoard:
    """Prices as they are fed, with the moment they were true.

    Parameters:
        rules: of every pair, by key.
        currency: the asset (its key) that money is counted in.
    """

    def __init__(self, rules: Mapping[str, PairRules], currency: str) -> None:
        self._currency = currency
        self._pair_of = {(one.base, one.quote): key for key, one in rules.items()}
        self._prices: dict[str, Rate] = {}

    def take(self, prices: Mapping[str, Decimal], at_ns: int) -> None:
        """Note the last *prices*, by pair key, as of *at_ns*."""
        self._prices.update((pair, Rate(price, at_ns)) for pair, price in prices.items() if price > 0)

    def price(self, pair: str) -> Decimal | None:
        """Return the last price of *pair* in its quote asset; None if none is known."""
        known = self._prices.get(pair)
        return None if known is None else known.value

    def rate(self, source: str, target: str) -> Rate | None:
        """Return what one unit of *source* is worth in *target*: by their own pair, else by way of the currency."""
        direct = self._direct(source, target)
        if direct is not None or self._currency in (source, target):
            return direct
        first, second = self._direct(source, self._currency), self._direct(self._currency, target)
        if first is None or second is None:
            return None
        return Rate(multiply(first.value, second.value), min(first.at_ns, second.at_ns))

    def worth(self, asset: str) -> Decimal | None:
        """Return what one unit of *asset* is worth in the currency; None if nobody knows."""
        known = self.rate(asset, self._currency)
        return None if known is None else known.value

    def _direct(self, source: str, target: str) -> Rate | None:
        if source == target:
            return Rate(_ONE, 2**63 - 1)
        known = self._prices.get(self._pair_of.get((source, target), ""))
        if known is not None:
            return known
        turned = self._prices.get(self._pair_of.get((target, source), ""))
        return None if turned is None else Rate(share(_ONE, _ONE, turned.value), turned.at_ns)
