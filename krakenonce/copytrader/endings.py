"""What follows from how an order of ours ended: is the rest tried again, or given up? Pure.

What was to be bought is tried again as its policy says while the master's fill is young enough, then written off. What
is to be sold is never written off: it is tried again after pauses that grow.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader.amounts import ZERO, subtract
from krakenonce.copytrader.guards.reasons import Reason, plain, say
from krakenonce.copytrader.policy import Rest, UserPolicy
from krakenonce.copytrader.records import CopyOrder, OrderPhase

FIRST_PAUSE_NS = NS_PER_SECOND // 2
LONGEST_PAUSE_NS = 60 * NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What is to be done after an order has ended.

    Attributes:
        give_up: how much to write off (`lines.write_off`), in the base asset.
        pause_ns: how long to wait before the line's next order is planned; 0: at once.
        tries, left: what those of `ordering.Moment` are from now on, until the line's next decision sets them to 0.
        reason: why the order did not do all it was to do; empty if it did.
    """

    give_up: Decimal = ZERO
    pause_ns: int = 0
    tries: int = 0
    left: int = 0
    reason: str = ""


def after(
    order: CopyOrder,
    policy: UserPolicy,
    *,
    tries: int,
    left: int = 0,
    now_ns: int,
    fresh_until_ns: int,
    passing: bool = False,
) -> Aftermath:
    """Return what follows from *order*, which has ended: filled, canceled, expired, refused, or never sent.

    Parameters:
        order: as it ended: phase DONE with what it executed, or REFUSED with the reason.
        policy: of its user.
        tries: how many orders of the line before it, in a row, have not done all they were to do; left: of how many of
            those the market has left something.
        now_ns: the exchange's clock.
        fresh_until_ns: until when the entry may be tried again: its fill's time plus the most age.
        passing: it was refused for a reason that passes (a rate limit, a closed market, no connection).
    """
    rest = subtract(order.volume, order.executed)
    if rest <= 0:
        return Aftermath()
    reason = _why(order, rest)
    if order.side == "buy" and not (now_ns <= fresh_until_ns and _tries_again(order, policy, passing=passing)):
        return Aftermath(give_up=rest, reason=reason)
    was_sent = order.phase is not OrderPhase.REFUSED
    pause_ns = 0 if was_sent and not left and order.limit is not None else pause_after(tries)
    # Of an order that did not get out, the market has left nothing: whatever is to become of a rest, it is sent again.
    return Aftermath(pause_ns=pause_ns, tries=tries + 1, left=left + was_sent, reason=reason)


def pause_after(tries: int) -> int:
    """Return how long to wait after that many tries in a row that came to nothing, in nanoseconds."""
    return min(FIRST_PAUSE_NS << min(tries, 30), LONGEST_PAUSE_NS)


def _tries_again(order: CopyOrder, policy: UserPolicy, *, passing: bool) -> bool:
    if order.phase is OrderPhase.REFUSED:
        return passing
    return policy.rest is Rest.RETRY or (policy.rest is Rest.MARKET and order.limit is not None)


def _why(order: CopyOrder, rest: Decimal) -> str:
    if order.phase is OrderPhase.REFUSED:
        return say(Reason.REFUSED, order.reason or "the exchange did not take it")
    return say(Reason.NOT_FILLED, f"{plain(rest)} of {plain(order.volume)} found no counterpart at that price")
