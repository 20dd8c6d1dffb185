"""What a mirror learns of the user's own order: taken, refused, changed, executed, ended. Pure.

Each answer names the order it is about; one about an order that is not the newest changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from krakenonce.copytrader.amounts import ZERO, add, subtract
from krakenonce.copytrader.mirroring.records import Mirror, Phase


def placed(mirror: Mirror, cl_ord_id: str) -> Mirror:
    """Return *mirror* after the exchange has taken the order."""
    if not _is_newest(mirror, cl_ord_id) or mirror.phase is not Phase.PLACING:
        return mirror
    return replace(mirror, phase=Phase.OPEN, reason="")


def refused(mirror: Mirror, cl_ord_id: str, reason: str, *, passing: bool = False) -> Mirror:
    """Return *mirror* after the order was refused, or was found out never to have existed.

    Parameters:
        mirror: as it stands.
        cl_ord_id: the order.
        reason: why, in plain words.
        passing: the reason passes, so that another order is placed later. The engine waits before it asks again.
    """
    if not _is_newest(mirror, cl_ord_id) or not mirror.is_live:
        return mirror
    return replace(_closed(mirror), phase=Phase.NONE if passing else Phase.DETACHED, reason=reason)


def amended(mirror: Mirror, cl_ord_id: str) -> Mirror:
    """Return *mirror* after the change that was asked for has been made."""
    asked, order = mirror.asked, mirror.order
    if asked is None or order is None or not _is_newest(mirror, cl_ord_id):
        return mirror
    changed = order._replace(volume=asked.volume, limit=asked.limit, trigger=asked.trigger)
    return replace(mirror, order=changed, asked=None)


def amend_refused(mirror: Mirror, cl_ord_id: str) -> Mirror:
    """Return *mirror* after the change was refused, or is not known to have been made.

    The order is to be cancelled, and another takes its place. Until then it may be as large as either way.
    """
    asked, order = mirror.asked, mirror.order
    if asked is None or order is None or not _is_newest(mirror, cl_ord_id) or not mirror.is_live:
        return mirror
    largest = order._replace(volume=max(order.volume, asked.volume))
    return replace(mirror, order=largest, asked=None, replacing=True)


def cancel_failed(mirror: Mirror, cl_ord_id: str) -> Mirror:
    """Return *mirror* after the order could not be cancelled now: that step is taken again."""
    if not _is_newest(mirror, cl_ord_id) or mirror.phase is not Phase.CANCELING:
        return mirror
    return replace(mirror, phase=Phase.OPEN)


def progressed(mirror: Mirror, cl_ord_id: str, executed: Decimal) -> Mirror:
    """Return *mirror* when *executed* of the order is filled so far; less than was known changes nothing."""
    order = mirror.order
    if order is None or not mirror.is_live or not _is_newest(mirror, cl_ord_id) or executed <= order.executed:
        return mirror
    return replace(mirror, order=order._replace(executed=executed))


def ended(mirror: Mirror, cl_ord_id: str, executed: Decimal, reason: str = "", *, again: bool = False) -> Mirror:
    """Return *mirror* after the order is closed, with *executed* of it filled.

    If neither we nor the market have closed it, somebody else has: then it stays closed, unless *again* says that it
    was nobody's wish, so that another takes its place.
    """
    if not _is_newest(mirror, cl_ord_id) or not mirror.is_live:
        return mirror
    final = progressed(mirror, cl_ord_id, executed)
    ours = mirror.phase is Phase.CANCELING or mirror.replacing or _is_filled(final)
    return replace(_closed(final), phase=Phase.NONE if ours or again else Phase.DETACHED, reason=reason)


def _is_filled(mirror: Mirror) -> bool:
    order, asked = mirror.order, mirror.asked
    if order is None:
        return False
    volume = order.volume if asked is None else min(order.volume, asked.volume)
    return order.executed >= volume


def _is_newest(mirror: Mirror, cl_ord_id: str) -> bool:
    return mirror.order is not None and mirror.order.cl_ord_id == cl_ord_id


def _closed(mirror: Mirror) -> Mirror:
    executed, order = mirror.executed, mirror.order
    # What it executed is counted once: from now on among the earlier orders.
    counted = None if order is None else order._replace(executed=ZERO)
    behind = max(subtract(mirror.moved, executed), ZERO)
    return replace(
        mirror,
        order=counted,
        executed_before=executed,
        # What the master's fills have moved and this order did not do is the line's to do now.
        moved=subtract(mirror.moved, behind),
        aside=add(mirror.aside, behind),
        asked=None,
        replacing=False,
    )
