"""How a line changes: by decisions, by what was executed, by what is given up. Pure.

Every function returns a new `Line`. Two things hold whatever is called in whatever order: ``wanted >= 0`` and
``held >= 0``.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from krakenonce.copytrader.amounts import ZERO, add, subtract
from krakenonce.copytrader.records import Decision, Line
from krakenonce.orders.records import Side


def apply(line: Line, decision: Decision) -> Line:
    """Return *line* with its target moved by *decision*. The caller sees to it that no decision is applied twice."""
    if not decision.delta:
        return line
    return Line(line.key, max(add(line.wanted, decision.delta), ZERO), line.held, line.written_off)


def executed(line: Line, order_side: Side, volume: Decimal) -> Line:
    """Return *line* after an order of ours has bought or sold *volume* of the base asset."""
    change = volume if order_side == "buy" else volume.copy_negate()
    return replace(line, held=max(add(line.held, change), ZERO))


def write_off(line: Line, volume: Decimal, coming: Decimal = ZERO) -> Line:
    """Return *line* after *volume* that was wanted and not bought is given up: at most what is missing.

    Parameters:
        line: as it stands.
        volume: in the base asset.
        coming: what mirrored orders are still expected to do (`mirroring.steering.coming`); 0 in mode fills.
    """
    unmet = subtract(subtract(line.wanted, line.held), coming)
    given_up = min(volume, unmet, line.wanted)
    if given_up <= 0:
        return line
    return replace(line, wanted=subtract(line.wanted, given_up), written_off=add(line.written_off, given_up))


def taken_away(line: Line, still_held: Decimal) -> Line:
    """Return *line* after its user has sold copied coins himself, so that only *still_held* of them are left.

    What he sold is no longer wanted either: a later exit closes its fraction of what is left, and his coins from
    elsewhere are not touched in their place. More than the line holds changes nothing.
    """
    lost = subtract(line.held, max(still_held, ZERO))
    if lost <= 0:
        return line
    return replace(line, held=max(still_held, ZERO), wanted=max(subtract(line.wanted, lost), ZERO))


def closed(line: Line) -> Line:
    """Return *line* with nothing wanted any more: everything held is to be sold."""
    return replace(line, wanted=ZERO)


def kept(line: Line) -> Line:
    """Return *line* with nothing on order: what is held stays, what is missing is no longer wanted."""
    return replace(line, wanted=line.held)


def missing(line: Line) -> Decimal:
    """Return what is wanted and not held: what there is to buy, at least 0."""
    return max(subtract(line.wanted, line.held), ZERO)


def surplus(line: Line) -> Decimal:
    """Return what is held and not wanted: what there is to sell, at least 0."""
    return max(subtract(line.held, line.wanted), ZERO)
