"""What a mirror learns of the master's order: that it is there, its changes, its fills, its end. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from decimal import Decimal

from krakenonce.broker import PairRules
from krakenonce.copytrader.amounts import ZERO, add, share, subtract
from krakenonce.copytrader.circumstances import Circumstances
from krakenonce.copytrader.deciding import decide
from krakenonce.copytrader.mapping import target_of
from krakenonce.copytrader.masterbook import Change
from krakenonce.copytrader.mirroring.records import Mirror, Phase
from krakenonce.copytrader.policy import UserPolicy
from krakenonce.copytrader.records import (
    Decision,
    Kind,
    Line,
    MasterFill,
    MasterOrderEvent,
    OrderStep,
)

OVER = frozenset({OrderStep.FILLED, OrderStep.CANCELED, OrderStep.EXPIRED})

_AS_IT_STANDS = frozenset({OrderStep.AMENDED, OrderStep.OPENED, OrderStep.SHOWN})
"""After which the order's terms are to be taken over. A mirror that hears of its order's opening once more was not
listening for a while: the order may have been changed."""


def adopt(
    event: MasterOrderEvent,
    accounted: Decimal,
    line: Line,
    policy: UserPolicy,
    rules: PairRules,
    circumstances: Circumstances,
) -> Mirror | None:
    """Return the mirror of an order that has none yet; None if it is not to be mirrored.

    Its size is that of one fill of everything that is left of the order, at the order's own price: guards, caps, funds
    and minimums are asked here, once.

    Parameters:
        event: the newest of the order.
        accounted: what of the order needs no mirror any more, in the base asset: fills that are decided on already
            (`MasterBook.filled`), or, of an order from before the user followed, everything that had been filled then.
        line, policy, rules, circumstances: as for `deciding.decide`.
    """
    left = subtract(event.volume, accounted)
    if event.step in OVER or event.ordertype == "market" or left <= 0:
        return None
    # The prices of an order on a mapped pair would have to follow a rate: such a pair is copied by its fills.
    if target_of(event.pair, policy.mapping) != event.pair or line.key.pair != event.pair:
        return None
    mirror = Mirror(
        line.key, event.order_txid, event.side, event.ordertype, left, accounted, event.limit, event.trigger
    )
    mirror = replace(mirror, reported=max(subtract(event.executed, accounted), ZERO))
    if event.side == "sell":
        return mirror
    decision = _sized(event, left, line, policy, rules, circumstances)
    phase = Phase.NONE if decision.delta > 0 else Phase.DETACHED
    return replace(mirror, sized=decision.delta, phase=phase, reason=decision.reason)


def heard(
    mirror: Mirror,
    event: MasterOrderEvent,
    line: Line,
    policy: UserPolicy,
    rules: PairRules,
    circumstances: Circumstances,
) -> Mirror:
    """Return *mirror* after *event*. One that is old news, or heard twice, changes nothing for the worse."""
    over = mirror.over or event.step in OVER
    reported = max(mirror.reported, subtract(event.executed, mirror.before))
    told = replace(mirror, over=over, reported=reported)
    if over or event.step not in _AS_IT_STANDS or _terms(event) == _known_terms(mirror):
        return told
    volume = max(subtract(event.volume, mirror.before), ZERO)
    sized = _resized(mirror, volume, event, line, policy, rules, circumstances)
    return replace(told, volume=volume, sized=sized, limit=event.limit, trigger=event.trigger)


def _terms(event: MasterOrderEvent) -> tuple[object, ...]:
    return event.volume, event.limit, event.trigger


def _known_terms(mirror: Mirror) -> tuple[object, ...]:
    return add(mirror.volume, mirror.before), mirror.limit, mirror.trigger


def gone(mirror: Mirror, open_orders: Collection[str]) -> Mirror:
    """Return *mirror* after a look at the txids of all *open_orders* of the master's."""
    return mirror if mirror.order_txid in open_orders else replace(mirror, over=True)


def decided_fill(
    mirror: Mirror,
    fill: MasterFill,
    line: Line,
    change: Change,
    policy: UserPolicy,
    rules: PairRules,
    circumstances: Circumstances,
) -> Decision:
    """Return the decision on a fill of a mirrored order.

    A buy was decided on when the order was adopted, and the user's money is bound in his own order: so neither guards
    nor funds are asked again. Sells, and fills while the user has no order for it, are decided on as any other.
    """
    if fill.side == "sell" or not mirror.volume or not _left_to_it(mirror):
        return decide(fill, line, change, policy, rules, circumstances)
    delta = _part_of(mirror, subtract(change.after, change.before))
    kind = Kind.ENTRY if delta > 0 else Kind.SKIP
    return Decision(line.key, fill.exec_id, kind, delta, fill.price, "", circumstances.now_ns, fill.side)


def moved(mirror: Mirror, fill: MasterFill, decision: Decision) -> Mirror:
    """Return *mirror* after *decision* on one of its order's fills."""
    delta = decision.delta.copy_abs()
    own = delta if mirror.is_live else min(delta, max(mirror.ahead, ZERO))
    meant = _part_of(mirror, fill.volume)
    return replace(
        mirror,
        filled=add(mirror.filled, fill.volume),
        moved=add(mirror.moved, own),
        aside=add(mirror.aside, max(subtract(meant, own), ZERO)),
    )


def _part_of(mirror: Mirror, volume: Decimal) -> Decimal:
    return share(mirror.sized, volume, mirror.volume) if mirror.volume else ZERO


def _left_to_it(mirror: Mirror) -> bool:
    return mirror.is_live or mirror.ahead > 0


def _resized(
    mirror: Mirror,
    volume: Decimal,
    event: MasterOrderEvent,
    line: Line,
    policy: UserPolicy,
    rules: PairRules,
    circumstances: Circumstances,
) -> Decimal:
    if mirror.side == "sell":
        return ZERO
    growth = subtract(volume, mirror.volume)
    if growth <= 0 or (mirror.volume and not mirror.sized):
        return _part_of(mirror, volume)
    # What the order has grown by is asked as if it were an order of its own: it may be cut, or refused.
    grown = add(mirror.sized, _sized(event, growth, line, policy, rules, circumstances).delta)
    return min(_part_of(mirror, volume), grown) if mirror.volume else grown


def _sized(
    event: MasterOrderEvent,
    volume: Decimal,
    line: Line,
    policy: UserPolicy,
    rules: PairRules,
    circumstances: Circumstances,
) -> Decision:
    price = event.limit if event.limit is not None else event.trigger
    fill = MasterFill(
        event.master,
        event.order_txid,
        event.order_txid,
        event.pair,
        event.side,
        volume,
        price if price is not None else ZERO,
        circumstances.now_ns,
        event.received_ns,
        order_volume=volume,
    )
    # An order waits for its own price: neither its age nor where the market is now speaks against it, and it will not
    # pay more than that price.
    patient = replace(policy, guards=replace(policy.guards, slippage=ZERO))
    alone = circumstances._replace(market=None, price=None)
    return decide(fill, line, Change(ZERO, volume, Decimal(1), volume), patient, rules, alone)
