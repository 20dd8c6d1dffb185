"""A mirror as text, for the journal. Of the user's order it has what changes; orders have a table of their own."""

from __future__ import annotations

import json
from dataclasses import fields
from decimal import Decimal
from typing import Any

from krakenonce.copytrader.mirroring.answers import amend_refused
from krakenonce.copytrader.mirroring.records import Amend, Mirror, Phase
from krakenonce.copytrader.records import CopyOrder, LineKey

_AMOUNTS = frozenset(
    {"volume", "before", "limit", "trigger", "sized", "filled", "reported", "moved", "aside", "executed_before"}
)
_OF_ORDER = ("volume", "limit", "trigger", "executed")
_OF_CHANGE = ("cl_ord_id", "volume", "limit", "trigger")


def as_text(mirror: Mirror) -> str:
    """Return *mirror* as one line of JSON."""
    kept = {field.name: getattr(mirror, field.name) for field in fields(mirror)}
    kept["phase"] = mirror.phase.value
    kept["order"] = _parts(mirror.order, _OF_ORDER)
    kept["asked"] = _parts(mirror.asked, _OF_CHANGE)
    return json.dumps(kept, sort_keys=True, default=str)


def from_text(text: str, order: CopyOrder | None) -> Mirror:
    """Return the mirror that `as_text` wrote, with its newest *order* from the journal's table.

    A cancel that was on its way is taken to be unsent: `steering.next_step` asks for it again, and it may be made
    twice. A change that was on its way may have been made or not: that order is replaced.
    """
    kept: dict[str, Any] = json.loads(text)
    values: dict[str, Any] = {name: _amount(value) if name in _AMOUNTS else value for name, value in kept.items()}
    phase = Phase(kept["phase"])
    values["phase"] = Phase.OPEN if phase is Phase.CANCELING else phase
    values["line"] = LineKey(*kept["line"])
    values["order"] = _order(order, kept["order"])
    values["asked"] = _asked(kept["asked"])
    mirror = Mirror(**values)
    return mirror if mirror.asked is None else amend_refused(mirror, mirror.asked.cl_ord_id)


def _parts(value: CopyOrder | Amend | None, names: tuple[str, ...]) -> dict[str, object] | None:
    return None if value is None else {name: getattr(value, name) for name in names}


def _order(order: CopyOrder | None, kept: dict[str, str | None] | None) -> CopyOrder | None:
    if order is None or kept is None:
        return order
    # Its row is written when it is planned and when it has ended; in between, this is the newer news.
    limit, trigger = _amount(kept["limit"]), _amount(kept["trigger"])
    return order._replace(
        volume=_known(kept["volume"]), limit=limit, trigger=trigger, executed=_known(kept["executed"])
    )


def _asked(kept: dict[str, str | None] | None) -> Amend | None:
    if kept is None:
        return None
    return Amend(str(kept["cl_ord_id"]), _known(kept["volume"]), _amount(kept["limit"]), _amount(kept["trigger"]))


def _amount(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _known(value: str | None) -> Decimal:
    return Decimal(value or 0)
