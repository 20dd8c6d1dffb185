"""The next order of a line, or why there is none; and what follows from how an order ended. Pure.

Entries go out as a marketable limit inside the slippage limit, exits the same way first and then as their policy says;
both are to take at once or end (immediate or cancel), so that an order that has ended leaves nothing open. An exit
never sells more than the line holds, nor more than the account has free. What could not be bought is given up in the
end; what is to be sold never is.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from krakenonce.broker import PairRules
from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader.amounts import ZERO, floor_strictly, floor_to_lot, multiply, share_down, subtract
from krakenonce.copytrader.guards.entry import ENTERABLE, state_refusal
from krakenonce.copytrader.guards.reasons import Reason, plain, say
from krakenonce.copytrader.journal.records import State
from krakenonce.copytrader.naming import order_name
from krakenonce.copytrader.policy import Rest, UserPolicy
from krakenonce.copytrader.prices import limit_within
from krakenonce.copytrader.records import CopyOrder, Line, Purpose
from krakenonce.copytrader.sizing.funds import affordable, with_fee
from krakenonce.copytrader.sizing.minimums import meets_minimums, waiting_for_more
from krakenonce.orders.records import Side

LIMITS_TAKEN = ENTERABLE | {"reduce_only"}


class Moment(NamedTuple):
    """What surrounds an order when it is planned.

    Attributes:
        now_ns: the exchange's clock; planned_ns: ours.
        exec_id: the newest fill that was decided for the line; attempt: how many orders were planned after it.
        reference: that fill's price in the quote asset of the line's pair; 0 if nobody knows one.
        available_base, available_quote: what the account has free of each asset, less what is set aside for orders on
            their way.
        fresh_until_ns: until when the newest entry is young enough to be bought: its fill's time plus the most age.
        tries: how many orders of the line in a row have bought or sold nothing or not all; left: of how many of those
            the market has left something. The others did not get out.
        market: the pair's price now; None if not known.
        fee_rate: the taker's fee, as a fraction.
        worth: what one unit of the quote asset is worth in the currency of the config.
        entries_last_minute: how many entry orders of the user's were planned in the last 60 s.
        entries_together, most_together: the same of all users, and the most there may be; None for no limit.
        state: whether the user (and everybody) is copied.
        purpose: if it is neither an entry nor an exit.
        coming: what mirrored orders are still expected to do by themselves, in the base asset: below 0 for selling.
        bound: what of the line's coins is bound by mirrored orders that sell, in the base asset.
    """

    now_ns: int
    exec_id: str
    attempt: int
    reference: Decimal
    available_base: Decimal
    available_quote: Decimal
    fresh_until_ns: int
    planned_ns: int = 0
    tries: int = 0
    left: int = 0
    market: Decimal | None = None
    fee_rate: Decimal = ZERO
    worth: Decimal = Decimal(1)
    entries_last_minute: int = 0
    entries_together: int = 0
    most_together: int | None = None
    state: State = State.ACTIVE
    state_reason: str = ""
    purpose: Purpose | None = None
    coming: Decimal = ZERO
    bound: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Waiting:
    """No order now. *reason* says why, in plain words; nothing is lost."""

    reason: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No order, and *volume* (base asset) of what was wanted is to be written off (`lines.write_off`)."""

    volume: Decimal
    reason: str


Next: TypeAlias = CopyOrder | Waiting | GiveUp


def next_order(line: Line, policy: UserPolicy, rules: PairRules, moment: Moment) -> Next:
    """Return what to do for *line* now. Asked whenever no order of the line's own is on its way.

    Parameters:
        line: as it stands with everything that is known to be executed.
        policy: of its user.
        rules: of its pair.
        moment: the rest.
    """
    if moment.state in (State.KILLED, State.LEFT):
        return Waiting(state_refusal(moment.state, moment.state_reason) or "")
    due = subtract(subtract(line.wanted, line.held), moment.coming)
    if due > 0:
        return _buy(line, due, policy, rules, moment)
    if due < 0:
        return _sell(line, due.copy_negate(), policy, rules, moment)
    return Waiting(_SETTLED)


def _buy(line: Line, due: Decimal, policy: UserPolicy, rules: PairRules, moment: Moment) -> Next:
    volume = floor_to_lot(due, rules.lot_decimals)
    if not meets_minimums(volume, moment.reference, rules):
        return Waiting(waiting_for_more(due, rules))
    if moment.now_ns > moment.fresh_until_ns:
        return GiveUp(volume, say(Reason.TOO_OLD, f"{plain(volume)} was not bought in time"))
    hindrance = _entry_hindrance(policy, rules, moment)
    if hindrance:
        return Waiting(hindrance)
    limit = limit_within("buy", moment.reference, policy.guards.slippage, rules)
    if limit <= 0:
        return GiveUp(volume, say(Reason.UNKNOWN_FIGURE, "no price is known to buy at"))
    most = _most(volume, limit, policy, rules, moment)
    if most < volume and not meets_minimums(most, moment.reference, rules):
        words = f"{plain(moment.available_quote)} is free, too little for {plain(volume)} at {plain(limit)}"
        return GiveUp(volume, say(Reason.FUNDS, words))
    at_market = policy.rest is Rest.MARKET and moment.left > 0
    return _order(line, "buy", most, None if at_market else limit, policy, moment)


def _entry_hindrance(policy: UserPolicy, rules: PairRules, moment: Moment) -> str | None:
    if moment.state is not State.ACTIVE:
        return state_refusal(moment.state, moment.state_reason)
    if rules.status not in ENTERABLE:
        return _closed(rules)
    most = policy.guards.orders_per_minute
    if most is not None and moment.entries_last_minute >= most:
        return say(Reason.RATE, f"{moment.entries_last_minute} entries in the last minute, and {most} is the most")
    most = moment.most_together
    if most is not None and moment.entries_together >= most:
        words = f"{moment.entries_together} entries of all users in the last minute, and {most} is the most"
        return say(Reason.RATE, words)
    return None


def _most(volume: Decimal, limit: Decimal, policy: UserPolicy, rules: PairRules, moment: Moment) -> Decimal:
    most = volume
    if multiply(volume, with_fee(limit, moment.fee_rate)) > moment.available_quote:
        most = min(volume, affordable(moment.available_quote, limit, moment.fee_rate, rules.lot_decimals))
    if policy.guards.max_order is None:
        return most
    value = multiply(moment.reference, moment.worth)
    capped = floor_strictly(share_down(policy.guards.max_order, Decimal(1), value), rules.lot_decimals)
    return min(most, capped)


def _sell(line: Line, due: Decimal, policy: UserPolicy, rules: PairRules, moment: Moment) -> Next:
    volume = floor_to_lot(due, rules.lot_decimals)
    if rules.status not in LIMITS_TAKEN:
        return Waiting(_closed(rules))
    own = max(subtract(line.held, moment.bound), ZERO)
    most = floor_strictly(min(volume, own, max(moment.available_base, ZERO)), rules.lot_decimals)
    limit = _exit_limit(policy, rules, moment)
    if not meets_minimums(most, limit or moment.reference, rules):
        if meets_minimums(volume, limit or moment.reference, rules):
            words = f"{plain(volume)} is to be sold, and {plain(moment.available_base)} is free"
            return Waiting(say(Reason.NOTHING_AVAILABLE, words))
        return Waiting(waiting_for_more(due, rules))
    if policy.exit_rest is Rest.SKIP and moment.left > 0:
        return Waiting(say(Reason.NOT_FILLED, f"{plain(most)} was not sold within the slippage limit"))
    return _order(line, "sell", most, limit, policy, moment)


def _exit_limit(policy: UserPolicy, rules: PairRules, moment: Moment) -> Decimal | None:
    reference = moment.reference if not moment.tries or moment.market is None else moment.market
    if rules.status == "limit_only":
        return limit_within("sell", moment.market or reference, policy.guards.exit_slippage, rules)
    if not reference > 0 or (moment.left > 0 and policy.exit_rest is Rest.MARKET):
        return None
    return limit_within("sell", reference, policy.guards.exit_slippage, rules)


def _order(
    line: Line, side: Side, volume: Decimal, limit: Decimal | None, policy: UserPolicy, moment: Moment
) -> CopyOrder:
    purpose = moment.purpose or (Purpose.ENTRY if side == "buy" else Purpose.EXIT)
    return CopyOrder(
        cl_ord_id=order_name(line.key, moment.exec_id, moment.attempt),
        line=line.key,
        exec_id=moment.exec_id,
        attempt=moment.attempt,
        purpose=purpose,
        side=side,
        volume=volume,
        limit=limit,
        deadline_ns=moment.now_ns + policy.valid_s * NS_PER_SECOND,
        reference=moment.reference,
        planned_ns=moment.planned_ns,
    )


def _closed(rules: PairRules) -> str:
    return say(Reason.MARKET_CLOSED, f"the exchange has {rules.altname} {rules.status}")


_SETTLED = say(Reason.SETTLED, "nothing is due")
