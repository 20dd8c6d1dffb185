"""What one user makes of one fill of the master's. Pure: the same arguments always give the same decision."""

from __future__ import annotations

from decimal import Decimal

from krakenonce.broker import PairRules
from krakenonce.copytrader.amounts import ZERO, share, subtract
from krakenonce.copytrader.circumstances import Circumstances
from krakenonce.copytrader.fitting import asks_for_whole, fitted
from krakenonce.copytrader.guards.entry import Entry, refusal
from krakenonce.copytrader.guards.reasons import Reason, say
from krakenonce.copytrader.masterbook import Change
from krakenonce.copytrader.policy import UserPolicy
from krakenonce.copytrader.records import Decision, Kind, Line, MasterFill
from krakenonce.copytrader.sizing.modes import Figures, Unsized, size

_ONE = Decimal(1)
_NOTHING_COPIED = say(Reason.NOTHING_COPIED, "nothing copied to close")
_SOLD_BEFORE = say(Reason.NOTHING_COPIED, "what the master holds is not touched by this late fill")
_ORDER_COUNTED = say(Reason.ORDER_COUNTED, "the order it belongs to has been copied in full")


def decide(
    fill: MasterFill,
    line: Line,
    change: Change,
    policy: UserPolicy,
    rules: PairRules,
    circumstances: Circumstances,
) -> Decision:
    """Return by how much *fill* moves the target of *line*, or why not.

    A buy is an entry: its size comes from the policy; guards may skip or cut it, with a reason. A sell is an exit: the
    fraction of his position that the master sells is sold of what was copied. No guard ever keeps an exit from being
    decided, and no exit touches coins that were not copied.

    Parameters:
        fill: the master's trade; its pair may be another than the line's if pairs are mapped.
        line: the user's line as it stands.
        change: what the fill changed in the master's book: `MasterBook.take`, once per fill and for all users.
        policy: how the user copies.
        rules: of the pair the user trades.
        circumstances: the moment.
    """
    price = fill.price if circumstances.price is None else circumstances.price
    if fill.side == "sell":
        return _exit(fill, line, change, rules, circumstances.now_ns, price)
    gained = subtract(change.after, change.before)
    part = change.order_share if gained == fill.volume else share(change.order_share, gained, fill.volume)
    entry = Entry(fill, line, gained, part, change.order_volume, price, policy, rules, circumstances)
    delta, reason = _entered(entry)
    if delta <= 0:
        return skip(fill, line, reason, circumstances.now_ns, price)
    return Decision(line.key, fill.exec_id, Kind.ENTRY, delta, price, reason, circumstances.now_ns, fill.side)


def skip(fill: MasterFill, line: Line, reason: str, now_ns: int, price: Decimal | None = None) -> Decision:
    """Return the decision to do nothing about *fill*, because of *reason*."""
    used = fill.price if price is None else price
    return Decision(line.key, fill.exec_id, Kind.SKIP, ZERO, used, reason, now_ns, fill.side)


def _exit(fill: MasterFill, line: Line, change: Change, rules: PairRules, now_ns: int, price: Decimal) -> Decision:
    if not line.wanted and not line.held:
        return skip(fill, line, _NOTHING_COPIED, now_ns, price)
    sold = subtract(change.before, change.after)
    if change.before and not sold:
        return skip(fill, line, _SOLD_BEFORE, now_ns, price)
    delta = line.wanted.copy_negate()
    # What the master keeps below the minimum he cannot sell either: for him it is over.
    if change.before and change.after >= rules.order_min:
        delta = max(share(line.wanted, sold, change.before).copy_negate(), delta)
    return Decision(line.key, fill.exec_id, Kind.EXIT, delta, price, "", now_ns, fill.side)


def _entered(entry: Entry) -> tuple[Decimal, str]:
    refused = refusal(entry)
    if refused:
        return ZERO, refused
    part = size(entry.policy.sizing, _figures(entry, entry.volume, entry.order_share))
    if isinstance(part, Unsized):
        return ZERO, _unsized(part)
    if not part:
        return ZERO, _ORDER_COUNTED
    if not asks_for_whole(entry):
        return fitted(entry, part, None)
    whole = size(entry.policy.sizing, _figures(entry, entry.order_volume, _ONE))
    return (ZERO, _unsized(whole)) if isinstance(whole, Unsized) else fitted(entry, part, whole)


def _unsized(sized: Unsized) -> str:
    words = f"the size cannot be worked out: {sized.missing} is not known or not above 0"
    return say(Reason.UNKNOWN_FIGURE, words)


def _figures(entry: Entry, volume: Decimal, order_share: Decimal) -> Figures:
    circumstances = entry.circumstances
    return Figures(
        volume,
        order_share,
        entry.price,
        circumstances.worth,
        circumstances.user_equity,
        circumstances.master_equity,
        circumstances.available,
        circumstances.master_balance,
    )
