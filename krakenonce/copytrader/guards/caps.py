"""What cuts an entry: the most of an order, of exposure, of money. Pure; nothing in here is asked about an exit."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from krakenonce.copytrader.amounts import ZERO, multiply, share_down, subtract
from krakenonce.copytrader.circumstances import Usage
from krakenonce.copytrader.guards.entry import Entry
from krakenonce.copytrader.guards.reasons import Reason, plain, say
from krakenonce.copytrader.policy import Guards
from krakenonce.copytrader.prices import limit_within
from krakenonce.copytrader.sizing.funds import affordable

_ONE = Decimal(1)


class Cap(NamedTuple):
    """The most that something may be, in the base asset, and why.

    Attributes:
        most: that.
        reason: its code.
        words: why, with a place for each of *figures*. Put together only if somebody asks: most caps cut nothing.
    """

    most: Decimal
    reason: Reason
    words: str
    figures: tuple[Decimal, ...]

    @property
    def text(self) -> str:
        """The reason as it is kept."""
        return say(self.reason, self.words.format(*map(plain, self.figures)))


def order_cap(entry: Entry) -> Cap | None:
    """Return the most the copy of the master's whole order may be; None without such a limit."""
    caps = [
        Cap(
            _in_base(entry, guards.max_order),
            Reason.MAX_ORDER,
            "cut to {}, the most for one order",
            (guards.max_order,),
        )
        for guards in (entry.policy.guards, entry.circumstances.together_guards)
        if guards is not None and guards.max_order is not None
    ]
    return min(caps, key=_most, default=None)


def room(entry: Entry, waiting: Decimal) -> Cap:
    """Return by how much the target of *entry*'s line may grow now: by money, and by exposure.

    Parameters:
        waiting: what the line wants already (`unordered`), and money will be needed for.
    """
    circumstances = entry.circumstances
    own = _exposure(entry, entry.policy.guards, circumstances.user)
    together = _exposure(entry, circumstances.together_guards, circumstances.together)
    least = _funds(entry, waiting, circumstances.available)
    for cap in (own, together):
        if cap is not None and cap.most < least.most:
            least = cap
    return least


def unordered(entry: Entry) -> Decimal:
    """Return what the line wants already and no order is on its way for, at least 0."""
    line = entry.line
    return max(subtract(subtract(line.wanted, line.held), entry.circumstances.on_the_way), ZERO)


def below_own_minimum(entry: Entry, whole: Decimal) -> str | None:
    """Return why the copy of the master's whole order, *whole*, is too small for the config; None if it is not."""
    value = multiply(multiply(whole, entry.price), entry.circumstances.worth)
    for guards in (entry.policy.guards, entry.circumstances.together_guards):
        if guards is not None and guards.min_order is not None and value < guards.min_order:
            words = f"the copy would be worth {plain(value)}, and {plain(guards.min_order)} is the least"
            return say(Reason.BELOW_OWN_MINIMUM, words)
    return None


def _most(cap: Cap) -> Decimal:
    return cap.most


def _in_base(entry: Entry, money: Decimal) -> Decimal:
    return share_down(max(money, ZERO), _ONE, multiply(entry.price, entry.circumstances.worth))


def _exposure(entry: Entry, guards: Guards | None, usage: Usage) -> Cap | None:
    if guards is None or guards.max_exposure is None:
        return None
    left = _in_base(entry, subtract(guards.max_exposure, usage.exposure))
    words = "exposure is {}, and {} is the most"
    return Cap(left, Reason.MAX_EXPOSURE, words, (usage.exposure, guards.max_exposure))


def _funds(entry: Entry, waiting: Decimal, available: Decimal | None) -> Cap:
    if available is None:
        return _NO_CAP
    limit = limit_within("buy", entry.price, entry.policy.guards.slippage, entry.rules)
    most = affordable(available, limit, entry.circumstances.fee_rate, entry.rules.lot_decimals)
    words = "{} is free, which pays for {}, fee included"
    return Cap(max(subtract(most, waiting), ZERO), Reason.FUNDS, words, (available, most))


_NO_CAP = Cap(Decimal("Infinity"), Reason.FUNDS, "what is free is not known yet", ())
