"""What a journal keeps of a request that trades: written before it is sent, settled when its fate is known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum


class Kind(Enum):
    """What the request wants."""

    PLACE = "place"
    CANCEL = "cancel"
    AMEND = "amend"


class State(Enum):
    """What is known of the request."""

    SENT = "sent"
    """It may have executed: the only open state, from right before sending until its fate is known."""
    EXECUTED = "executed"
    REFUSED = "refused"
    """The exchange refused it, without effect."""
    ABSENT = "absent"
    """It was lost on the way, and is proved to be dead."""


@dataclass(frozen=True, slots=True)
class Intent:
    """One wanted order, cancel or amend. Attempts follow one another; there is never more than one open.

    Attributes:
        account: whose it is: the exchange's address (hashed) and the account's name.
        name: which it is, unique in the account: the ``cl_ord_id``, or ``cancel`` or ``amend`` and what they aim at.
        attempt: counts from 1; a further one is allowed only when the former is proved to have had no effect.
        holder: who sent the last attempt: an `OrderDesk`, and which of its attempts it was.
        key: the fingerprint of the API key it was signed with; nonce: what it was signed with.
        written_ns: when; deadline_ns: after which moment it can't be accepted any more (0 if it carries no deadline).
            Both by the exchange's clock, as far as we know it, in nanoseconds since 1970.
        request: its members as JSON, without nonce and deadline.
        txid: the order's name given by the exchange, once known; committed: see `Placement`.
        detail: why it was refused, or what was known when it was lost.
    """

    account: str
    name: str
    kind: Kind
    attempt: int
    holder: str
    key: str
    request: str
    deadline_ns: int = 0
    nonce: int = 0
    written_ns: int = 0
    state: State = State.SENT
    txid: str = ""
    committed: Decimal = Decimal(0)
    detail: str = ""

    @property
    def members(self) -> dict[str, str]:
        """The request's members."""
        found: dict[str, str] = json.loads(self.request)
        return found


def request_text(members: Mapping[str, object]) -> str:
    """Return *members* as JSON, always the same for the same request; None is left out."""
    return json.dumps({name: str(value) for name, value in members.items() if value is not None}, sort_keys=True)


def may_follow(known: Intent, claim: Intent) -> bool:
    """Return whether *claim* may take the place of *known* in the journal.

    A new attempt may follow one whose fate is known, but nothing ever follows an order that was placed. The same
    attempt of the same holder may be written again: with the nonce that takes a refused one's place.
    """
    if known.state is State.SENT:
        return (known.attempt, known.holder) == (claim.attempt, claim.holder)
    is_placed = known.kind is Kind.PLACE and known.state is State.EXECUTED
    return known.attempt == claim.attempt - 1 and not is_placed
