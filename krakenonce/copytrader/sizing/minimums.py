"""What the exchange's minimums do to an amount. Pure.

A pair has two (https://docs.kraken.com/api/docs/rest-api/get-tradable-asset-pairs): ``ordermin``, a volume, and
``costmin``, a value. An order must meet both.
"""

from __future__ import annotations

from decimal import Decimal

from krakenonce.broker import PairRules
from krakenonce.copytrader.amounts import ceil_to_lot, floor_to_lot, multiply, share
from krakenonce.copytrader.guards.reasons import FINEST, Reason, plain, say


def meets_minimums(volume: Decimal, price: Decimal, rules: PairRules) -> bool:
    """Tell whether an order of *volume* at *price* (0: not known, only the volume counts) is large enough."""
    if volume < rules.order_min or volume <= 0:
        return False
    return not price > 0 or multiply(volume, price) >= rules.cost_min


def smallest(price: Decimal, rules: PairRules) -> Decimal:
    """Return the smallest volume, in whole lots, that meets both minimums at *price*."""
    volume = rules.order_min
    if price > 0:
        volume = max(volume, share(rules.cost_min, Decimal(1), price))
    smallest_lots = ceil_to_lot(volume, rules.lot_decimals)
    return max(smallest_lots, Decimal(1).scaleb(-rules.lot_decimals))


def in_words(rules: PairRules) -> str:
    """Return what the pair demands, for a reason."""
    return f"the pair's minimum of {rules.order_min.normalize():f} and {rules.cost_min.normalize():f} in its currency"


def waiting_for_more(volume: Decimal, rules: PairRules) -> str:
    """Return the reason why *volume* (above 0, not rounded to lots), which is due, is not ordered: it is too little."""
    lot, words = Decimal(1).scaleb(-rules.lot_decimals), plain(volume)
    if floor_to_lot(volume, rules.lot_decimals):
        return say(Reason.CARRIED, f"{words} is below {in_words(rules)}, and waits for more")
    amount = words if Decimal(words) else f"less than {plain(FINEST)}"
    return say(Reason.CARRIED, f"{amount} is less than a lot of {plain(lot)}, and waits for more")
