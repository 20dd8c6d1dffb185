"""The answer to a call that was not sent, because Kraken is known to refuse it now."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from krakenonce.clock import NS_PER_SECOND
from krakenonce.kraken.catalogue import Action
from krakenonce.kraken.replies import Meaning, Refused


class Reason(Enum):
    """Why a call was held back."""

    RATE = "its counter has no room for it in time"
    THROTTLED = "Kraken asked for a pause"
    MARKET = "the market does not take it now"
    OFFLINE = "the exchange is unavailable"
    OPEN_ORDERS = "the pair has as many open orders as the tier allows"


_PASSES = Meaning(Action.WAIT, no_effect=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent(Refused):
    """A call that krakenonce did not send. The same call may succeed later.

    Attributes:
        reason: why it was held back.
        wait_s: how long it would have had to wait at the least, in seconds; None if that is not known.
    """

    reason: Reason = Reason.RATE
    wait_s: float | None = None


def not_sent(reason: Reason, detail: str, wait_ns: int | None) -> NotSent:
    """Return the answer to a call held back for *reason*; *detail* says where and what."""
    wait_s = None if wait_ns is None else wait_ns / NS_PER_SECOND
    until = "" if wait_s is None else f"; try again in {wait_s:.1f} s"
    return NotSent((f"not sent: {reason.value} ({detail}){until}",), _PASSES, reason=reason, wait_s=wait_s)
