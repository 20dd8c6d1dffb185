"""A mirror as text, for the journal. The user's order is not in it: orders have a table of their own."""

from __future__ import annotations

import json
from dataclasses import fields
from decimal import Decimal
from typing import Any

from krakenonce.copytrader.amounts import ZERO
from krakenonce.copytrader.mirroring.records import Amend, Mirror, Phase
from krakenonce.copytrader.records import CopyOrder, LineKey

_PRICES = ("volume", "limit", "trigger")
_AMOUNTS = frozenset(
    {"volume", "before", "limit", "trigger", "sized", "filled", "reported", "moved", "aside", "executed_before"}
)


def as_text(mirror: Mirror) -> str:
    """Return *mirror* as one line of JSON."""
    kept = {field.name: getattr(mirror, field.name) for field in fields(mirror) if field.name != "order"}
    asked = None if mirror.asked is None else {name: getattr(mirror.asked, name) for name in ("cl_ord_id", *_PRICES)}
    return json.dumps({**kept, "phase": mirror.phase.value, "asked": asked}, sort_keys=True, default=str)


def from_text(text: str, order: CopyOrder | None) -> Mirror:
    """Return the mirror that `as_text` wrote, with its newest *order* as the journal has it.

    A cancel that was on its way is taken to be unsent: `steering.next_step` asks for it again, and it may be made
    twice. What became of the order, and of a change that was on its way, has to be looked up: see `answers.found`.
    """
    kept: dict[str, Any] = json.loads(text)
    values: dict[str, Any] = {name: _amount(value) if name in _AMOUNTS else value for name, value in kept.items()}
    phase = Phase(kept["phase"])
    values["phase"] = Phase.OPEN if phase is Phase.CANCELING else phase
    values["line"] = LineKey(*kept["line"])
    values["asked"] = _asked(kept["asked"])
    return Mirror(**values, order=order)


def _asked(kept: dict[str, str | None] | None) -> Amend | None:
    if kept is None:
        return None
    volume, limit, trigger = (_amount(kept[name]) for name in _PRICES)
    return Amend(str(kept["cl_ord_id"]), volume or ZERO, limit, trigger)


def _amount(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)
