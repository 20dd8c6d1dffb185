"""Why a fill was skipped, a copy cut, an order given up: a closed list. Pure.

A reason is kept as text: its code, a colon, and what was the matter in plain words, with figures. The code is for
programs and never changes; the words are for people.
"""

from __future__ import annotations

from decimal import Context, Decimal
from enum import Enum


class Reason(Enum):
    """Every code there is."""

    # an entry is skipped
    PAUSED = "paused"
    STOPPED = "stopped"
    KILLED = "killed"
    LEAVING = "leaving"
    FAILURES = "failures"
    PAIR_NOT_ALLOWED = "pair_not_allowed"
    MARKET_CLOSED = "market_closed"
    TOO_OLD = "too_old"
    PRICE_MOVED = "price_moved"
    MAX_POSITIONS = "max_positions"
    MASTER_HAS_SOLD = "master_has_sold"
    ORDER_COUNTED = "order_counted"
    UNKNOWN_FIGURE = "unknown_figure"
    BELOW_OWN_MINIMUM = "below_own_minimum"
    BELOW_MINIMUM = "below_minimum"
    # an entry is cut, or skipped if nothing is left
    MAX_ORDER = "max_order"
    MAX_EXPOSURE = "max_exposure"
    FUNDS = "funds"
    # an entry is raised
    ROUNDED_UP = "rounded_up"
    # it stays in the target and waits
    CARRIED = "carried"
    RATE = "rate"
    # an exit has nothing to do
    NOTHING_COPIED = "nothing_copied"
    # the pair
    UNMAPPED = "unmapped"
    NO_RATE = "no_rate"
    STALE_RATE = "stale_rate"
    # joining
    NOT_JOINED = "not_joined"
    WORSE_PRICE = "worse_price"
    # an order
    NOT_FILLED = "not_filled"
    REFUSED = "refused"
    NOTHING_AVAILABLE = "nothing_available"
    SETTLED = "settled"


def say(reason: Reason, words: str) -> str:
    """Return the text that is kept of *reason*."""
    return f"{reason.value}: {words}"


def code_of(text: str) -> Reason | None:
    """Return the code that *text*, made by `say`, begins with; None if it is no such text."""
    head, colon, _ = text.partition(": ")
    return _BY_CODE.get(head) if colon else None


_BY_CODE = {reason.value: reason for reason in Reason}


def plain(number: Decimal) -> str:
    """Return *number* as people write it: no exponent, no trailing zeros, at most ten decimal places."""
    text = f"{number.quantize(FINEST, context=_WIDE):f}"
    return text.rstrip("0").rstrip(".")


FINEST = Decimal(1).scaleb(-10)
"""The smallest amount that `plain` can write."""

_WIDE = Context(prec=400)
