"""A mirror as text, for the journal. The user's order is not in it: orders have a table of their own."""

from __future__ import annotations

import json
from dataclasses import fields
from decimal import Decimal
from typing import Any

from krakenonce.copytrader.mirroring.records import Mirror, Phase
from krakenonce.copytrader.records import CopyOrder, LineKey

_NOT_KEPT = ("order", "asked")
_AMOUNTS = frozenset(
    {"volume", "before", "limit", "trigger", "sized", "filled", "reported", "moved", "aside", "executed_before"}
)


def as_text(mirror: Mirror) -> str:
    """Return *mirror* as one line of JSON."""
    kept = {field.name: getattr(mirror, field.name) for field in fields(mirror) if field.name not in _NOT_KEPT}
    plain = {name: str(value) if isinstance(value, Decimal) else value for name, value in kept.items()}
    return json.dumps({**plain, "phase": mirror.phase.value}, sort_keys=True)


def from_text(text: str, order: CopyOrder | None) -> Mirror:
    """Return the mirror that `as_text` wrote, with its newest *order* as the journal has it.

    A change or a cancel that was on its way is taken to be unsent: `steering.next_step` asks for it again, and both may
    be made twice.
    """
    kept: dict[str, Any] = json.loads(text)
    values: dict[str, Any] = {name: _amount(value) if name in _AMOUNTS else value for name, value in kept.items()}
    phase = Phase(kept["phase"])
    values["phase"] = Phase.OPEN if phase is Phase.CANCELING else phase
    values["line"] = LineKey(*kept["line"])
    return Mirror(**values, order=order)


def _amount(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)
