"""What keeps an entry from being made. Pure; nothing in here is ever asked about an exit.

Each guard returns the reason why it refuses, or None.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from krakenonce.broker import PairRules
from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader.circumstances import Circumstances, Usage
from krakenonce.copytrader.guards.reasons import Reason, plain, say
from krakenonce.copytrader.journal.records import State
from krakenonce.copytrader.policy import Guards, UserPolicy
from krakenonce.copytrader.prices import bound
from krakenonce.copytrader.records import Line, MasterFill

ENTERABLE = frozenset({"online", "limit_only"})
"""The states of a pair in which a limit order that takes at once is accepted
(https://docs.kraken.com/api/docs/rest-api/get-tradable-asset-pairs)."""

_STATES = {
    State.PAUSED: Reason.PAUSED,
    State.SOFT_STOP: Reason.STOPPED,
    State.HARD_STOP: Reason.STOPPED,
    State.KILLED: Reason.KILLED,
    State.LEAVING: Reason.LEAVING,
    State.LEFT: Reason.LEAVING,
}


class Entry(NamedTuple):
    """A buy of the master's as one user sees it.

    Attributes:
        fill, line, policy, rules, circumstances: as `deciding.decide` was given them.
        volume: by how much the master's position has grown, in the base asset: that is what is copied.
        order_share: which part of his order that is; order_volume: all of that order, in the base asset.
        price: the master's price in the quote asset of the user's pair.
    """

    fill: MasterFill
    line: Line
    volume: Decimal
    order_share: Decimal
    order_volume: Decimal
    price: Decimal
    policy: UserPolicy
    rules: PairRules
    circumstances: Circumstances


Guard: TypeAlias = Callable[[Entry], str | None]
Limit: TypeAlias = Callable[[Entry, Guards, Usage], str | None]


def refusal(entry: Entry) -> str | None:
    """Return the first reason against *entry*: those of its user, then those of everybody together."""
    for guard in OWN_GUARDS:
        reason = guard(entry)
        if reason:
            return reason
    circumstances = entry.circumstances
    common = circumstances.together_guards or _NO_GUARDS
    return _beyond(entry, entry.policy.guards, circumstances.user) or _beyond(entry, common, circumstances.together)


def _beyond(entry: Entry, guards: Guards, usage: Usage) -> str | None:
    for limit in LIMITS:
        reason = limit(entry, guards, usage)
        if reason:
            return reason
    return None


def standing(entry: Entry, guards: Guards, usage: Usage) -> str | None:
    """Refuse while paused, stopped, killed or leaving."""
    del entry, guards
    return state_refusal(usage.state, usage.state_reason)


def state_refusal(state: State, why: str = "") -> str | None:
    """Return why no entry is made in *state*, or None if entries are made."""
    if state is State.ACTIVE:
        return None
    words = f"no entries are made: {state.value}"
    return say(_STATES[state], f"{words}, {why}" if why else words)


def failures(entry: Entry) -> str | None:
    """Refuse after too many failures in a row."""
    count, most = entry.circumstances.user.failures, entry.policy.guards.max_failures
    if most is None or count < most:
        return None
    return say(Reason.FAILURES, f"{count} copies in a row have failed, {most} are enough")


def pairs(entry: Entry, guards: Guards, usage: Usage) -> str | None:
    """Refuse pairs that are not on the list."""
    del usage
    pair = entry.line.key.pair
    if guards.pairs is None or pair in guards.pairs:
        return None
    return say(Reason.PAIR_NOT_ALLOWED, f"{pair} is not among the pairs that may be entered")


def market_open(entry: Entry) -> str | None:
    """Refuse while the exchange takes no such orders."""
    status = entry.rules.status
    if status in ENTERABLE:
        return None
    return say(Reason.MARKET_CLOSED, f"the exchange has {entry.rules.altname} {status}")


def age(entry: Entry) -> str | None:
    """Refuse what was filled too long ago."""
    age_ns = entry.circumstances.now_ns - entry.fill.filled_ns
    most = entry.policy.guards.max_age_s
    if age_ns <= most * NS_PER_SECOND:
        return None
    seconds = Decimal(age_ns).scaleb(-9).quantize(Decimal("0.001"))
    return say(Reason.TOO_OLD, f"it was filled {seconds:f} s ago, and {most} s is the most")


def master_still_in(entry: Entry) -> str | None:
    """Refuse a buy that we learn of after the master has sold it again."""
    if entry.volume > 0:
        return None
    return say(Reason.MASTER_HAS_SOLD, "the master has sold again what he bought there")


def price_moved(entry: Entry) -> str | None:
    """Refuse when the price now is beyond the slippage limit already."""
    market, slippage = entry.circumstances.market, entry.policy.guards.slippage
    if market is None or market <= bound("buy", entry.price, slippage):
        return None
    words = f"the price is {plain(market)}, the master's was {plain(entry.price)}, and {plain(slippage.scaleb(2))} %"
    return say(Reason.PRICE_MOVED, f"{words} is the most")


def max_positions(entry: Entry, guards: Guards, usage: Usage) -> str | None:
    """Refuse one more pair than allowed."""
    most = guards.max_positions
    if most is None or entry.line.key.pair in usage.positions or len(usage.positions) < most:
        return None
    return say(Reason.MAX_POSITIONS, f"{len(usage.positions)} pairs are held, and {most} is the most")


OWN_GUARDS: tuple[Guard, ...] = (master_still_in, age, failures, market_open, price_moved)
LIMITS: tuple[Limit, ...] = (standing, pairs, max_positions)
_NO_GUARDS = Guards()
