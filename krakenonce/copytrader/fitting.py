"""How a size is fitted into caps and minimums. Pure.

What concerns the size of an order (its most, its least) is judged by the copy of the master's *whole* order, of which a
fill brings its part; so it does not matter in how many parts the master was filled. What concerns the moment (money,
exposure) is judged as each fill comes.
"""

from __future__ import annotations

from decimal import Decimal

from krakenonce.copytrader.amounts import ZERO, add, floor_to_lot, multiply, share, share_down, subtract
from krakenonce.copytrader.guards.caps import Cap, below_own_minimum, order_cap, room, unordered
from krakenonce.copytrader.guards.entry import Entry
from krakenonce.copytrader.guards.reasons import Reason, plain, say
from krakenonce.copytrader.policy import BelowMinimum, Guards
from krakenonce.copytrader.sizing.minimums import in_words, meets_minimums, smallest, waiting_for_more


def asks_for_whole(entry: Entry) -> bool:
    """Tell whether anything depends on the size of the copy of the master's whole order."""
    if entry.policy.below_minimum is not BelowMinimum.ACCUMULATE:
        return True
    return _limits_order(entry.policy.guards) or _limits_order(entry.circumstances.together_guards)


def _limits_order(guards: Guards | None) -> bool:
    return guards is not None and (guards.min_order is not None or guards.max_order is not None)


def fitted(entry: Entry, part: Decimal, whole: Decimal | None) -> tuple[Decimal, str]:
    """Return what remains of *part* in caps and minimums, and why it is not *part*; 0 if nothing is bought.

    Parameters:
        entry: the master's buy.
        part: the size for this fill, in the base asset, above 0.
        whole: the size for all of the master's order; None if nothing asks for it (`asks_for_whole`).
    """
    if whole is None:
        return _placed(entry, part, "")
    too_small = below_own_minimum(entry, whole)
    if too_small:
        return ZERO, too_small
    part, whole, reason = _capped(part, whole, order_cap(entry))
    least = smallest(entry.price, entry.rules)
    if whole < least and entry.policy.below_minimum is not BelowMinimum.ACCUMULATE:
        return _raised(entry, part, whole, least)
    return _placed(entry, part, reason)


def _capped(part: Decimal, whole: Decimal, cap: Cap | None) -> tuple[Decimal, Decimal, str]:
    if cap is None or whole <= cap.most:
        return part, whole, ""
    return share_down(part, cap.most, whole), cap.most, cap.text


def _raised(entry: Entry, part: Decimal, whole: Decimal, least: Decimal) -> tuple[Decimal, str]:
    policy, minimum = entry.policy, in_words(entry.rules)
    words = f"{plain(whole)} is below {minimum}"
    if policy.below_minimum is BelowMinimum.SKIP:
        return ZERO, say(Reason.BELOW_MINIMUM, words)
    if subtract(least, whole) > multiply(whole, policy.round_up_cap):
        cap = f"to reach it would add more than {plain(policy.round_up_cap)} times that"
        return ZERO, say(Reason.BELOW_MINIMUM, f"{words}, and {cap}")
    raised, most, allowed = share(part, least, whole), order_cap(entry), room(entry, unordered(entry))
    if most is not None and least > most.most:
        return ZERO, say(Reason.BELOW_MINIMUM, f"{words}, and to reach it is too much: {most.text}")
    if raised > allowed.most:
        return ZERO, say(Reason.BELOW_MINIMUM, f"{words}, and to reach it is too much: {allowed.text}")
    return raised, say(Reason.ROUNDED_UP, f"{words}: raised to {plain(least)}")


def _placed(entry: Entry, part: Decimal, reason: str) -> tuple[Decimal, str]:
    waiting = unordered(entry)
    allowed = room(entry, waiting)
    if part > allowed.most:
        if add(waiting, allowed.most) < smallest(entry.price, entry.rules):
            return ZERO, allowed.text
        return allowed.most, allowed.text
    due = add(waiting, part)
    if not reason and not meets_minimums(floor_to_lot(due, entry.rules.lot_decimals), entry.price, entry.rules):
        reason = waiting_for_more(due, entry.rules)
    return part, reason
