"""What the master trades: buys and sells that follow from a seed and the prices of the moment."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from decimal import Decimal

from krakenonce.broker import Order, PairRules
from krakenonce.copytrader.amounts import floor_to_lot

MARKETS = ("XXBTZUSD", "XETHZUSD", "SOLUSD")
BUDGET_USD = 40_000
"""What all orders together may cost: with the largest multiplier still below what each account is funded with."""

MULTIPLIERS = tuple(map(Decimal, ("1", "0.5", "0.25", "2", "0.1")))
"""The users' sizes in units of the master's, dealt out in turn."""

SELLING_SHARE = 0.4
DIGITS = 6


def master_orders(
    seed: int, count: int, prices: Mapping[str, Decimal], rules: Mapping[str, PairRules]
) -> Iterator[Order]:
    """Yield *count* market orders. Nothing is sold that was not bought before.

    Parameters:
        seed: the same seed and prices give the same orders.
        count: how many.
        prices: the last price of each market, in US dollars.
        rules: lot and minimums of each market.
    """
    dice = random.Random(seed)  # noqa: S311 - a script to repeat, not a secret
    held: dict[str, Decimal] = dict.fromkeys(MARKETS, Decimal(0))
    largest = min(2_000, BUDGET_USD // count)
    for _ in range(count):
        pair = dice.choice(MARKETS)
        selling = held[pair] > 0 and dice.random() < SELLING_SHARE
        worth = Decimal(dice.randint(largest // 2, largest))
        volume = held[pair] if selling else _volume(worth, prices[pair], rules[pair])
        held[pair] += -volume if selling else volume
        yield Order(pair, "sell" if selling else "buy", volume)


def _volume(worth: Decimal, price: Decimal, rules: PairRules) -> Decimal:
    volume = floor_to_lot(worth / price, min(rules.lot_decimals, DIGITS))
    return max(volume, rules.order_min)
