"""What to do for a mirror now: place, change or cancel the user's order, or nothing. Pure.

It compares how the user's order should stand with how it does; so it does not matter which news have led there, and
asking twice is harmless.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from krakenonce.broker import PairRules
from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader.amounts import ZERO, add, floor_to_lot, share, subtract
from krakenonce.copytrader.guards.entry import ENTERABLE
from krakenonce.copytrader.journal.records import State
from krakenonce.copytrader.mirroring.records import Amend, Cancel, Mirror, Phase, Place, Step
from krakenonce.copytrader.naming import order_name
from krakenonce.copytrader.policy import Leaving, UserPolicy
from krakenonce.copytrader.records import CopyOrder, Line, Purpose
from krakenonce.copytrader.sizing.minimums import meets_minimums


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a step depends on besides its mirror.

    Attributes:
        line: as it stands.
        position: the master's, of the pair, in the base asset.
        policy: of the user; rules: of the pair.
        state: whether the user (and everybody) is copied.
        bound: what the line's other mirrors bind of its coins (`bound` of them), in the base asset.
        now_ns: the exchange's clock; planned_ns: ours.
        stands: whether the master's order is known to be open still. Nothing is placed before it is.
    """

    line: Line
    position: Decimal
    policy: UserPolicy
    rules: PairRules
    now_ns: int
    state: State = State.ACTIVE
    bound: Decimal = ZERO
    planned_ns: int = 0
    stands: bool = True


def next_step(mirror: Mirror, around: Surroundings) -> Step | None:
    """Return the step that brings the user's order to where it should stand; None if there is nothing to do now.

    Give it to `taken` before it is carried out: while it is on its way, the next one waits.
    """
    if mirror.phase is Phase.NONE:
        return _place(mirror, around)
    if mirror.phase is not Phase.OPEN or mirror.order is None:
        return None
    rest = _rest(mirror, around)
    if rest <= 0 or mirror.replacing:
        return Cancel(mirror.order.cl_ord_id)
    if mirror.asked is not None:
        return None
    wanted = Amend(mirror.order.cl_ord_id, add(mirror.order.executed, rest), mirror.limit, mirror.trigger)
    standing = Amend(mirror.order.cl_ord_id, mirror.order.volume, mirror.order.limit, mirror.order.trigger)
    return None if wanted == standing else wanted


def taken(mirror: Mirror, step: Step) -> Mirror:
    """Return *mirror* with *step* on its way."""
    if isinstance(step, Place):
        return replace(mirror, phase=Phase.PLACING, order=step.order, generation=mirror.generation + 1, reason="")
    if isinstance(step, Amend):
        return replace(mirror, asked=step)
    return replace(mirror, phase=Phase.CANCELING)


def is_settled(mirror: Mirror) -> bool:
    """Tell whether nothing more comes of it: the master's order is over, all its fills are decided, ours is closed."""
    return mirror.over and not mirror.is_live and mirror.filled >= mirror.reported


def coming(mirrors: Iterable[Mirror]) -> Decimal:
    """Return what mirrored orders are still expected to do by themselves, in the base asset: below 0 for selling.

    What the master's fills have moved and the user's orders have not done yet, less what they have done ahead of him.
    """
    total = ZERO
    for mirror in mirrors:
        ahead = mirror.ahead
        total = add(total, ahead if mirror.side == "sell" else ahead.copy_negate())
    return total


def bound(mirrors: Iterable[Mirror]) -> Decimal:
    """Return what of the line's coins open mirrored orders may still sell, in the base asset."""
    total = ZERO
    for mirror in mirrors:
        if mirror.side == "sell" and mirror.is_live and mirror.order is not None:
            total = add(total, subtract(_largest(mirror), mirror.order.executed))
    return total


def _largest(mirror: Mirror) -> Decimal:
    # While a change is on its way, the order may stand either way.
    volume = ZERO if mirror.order is None else mirror.order.volume
    return volume if mirror.asked is None else max(volume, mirror.asked.volume)


def _place(mirror: Mirror, around: Surroundings) -> Place | None:
    if not around.stands:
        return None
    rest = _rest(mirror, around)
    price = mirror.limit if mirror.limit is not None else mirror.trigger
    if price is None or around.rules.status not in ENTERABLE or not meets_minimums(rest, price, around.rules):
        return None
    return Place(
        CopyOrder(
            cl_ord_id=order_name(mirror.line, mirror.order_txid, mirror.generation),
            line=mirror.line,
            exec_id=mirror.order_txid,
            attempt=mirror.generation,
            purpose=Purpose.MIRROR,
            side=mirror.side,
            volume=rest,
            limit=mirror.limit,
            deadline_ns=around.now_ns + around.policy.valid_s * NS_PER_SECOND,
            reference=price,
            planned_ns=around.planned_ns,
            ordertype=mirror.ordertype,
            trigger=mirror.trigger,
            mirrors=mirror.order_txid,
        )
    )


def _rest(mirror: Mirror, around: Surroundings) -> Decimal:
    """Return what the user's order should still have open, in lots."""
    if mirror.over or _is_forbidden(mirror, around):
        return ZERO
    due = _rest_of_sell(mirror, around) if mirror.side == "sell" else _rest_of_buy(mirror)
    return floor_to_lot(max(due, ZERO), around.rules.lot_decimals)


def _rest_of_buy(mirror: Mirror) -> Decimal:
    return subtract(subtract(mirror.sized, mirror.aside), mirror.executed)


def _rest_of_sell(mirror: Mirror, around: Surroundings) -> Decimal:
    return min(subtract(_part_of_line(mirror, around), mirror.ahead), subtract(around.line.held, around.bound))


def _part_of_line(mirror: Mirror, around: Surroundings) -> Decimal:
    left, wanted = subtract(mirror.volume, mirror.filled), around.line.wanted
    if left <= 0:
        return ZERO
    return wanted if left >= around.position else share(wanted, left, around.position)


def _is_forbidden(mirror: Mirror, around: Surroundings) -> bool:
    state = around.state
    if state in (State.KILLED, State.LEFT):
        return True
    if state is State.LEAVING and around.policy.leaving is not Leaving.CLOSE_WITH_MASTER:
        return True
    return mirror.side == "buy" and state is not State.ACTIVE
