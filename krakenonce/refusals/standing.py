"""How a key stands, read out of its events: what it may still risk, and whether it is quarantined. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from krakenonce.clock import NS_PER_SECOND
from krakenonce.refusals.events import Event

MINUTE, HOUR = 60 * NS_PER_SECOND, 3600 * NS_PER_SECOND

BUDGET = ((3, MINUTE), (10, HOUR))
"""At most so many refusals of one key in so many nanoseconds, whoever sends.

"An invalid nonce will count against you and cause you to get locked out faster", says Kraken's support; the threshold
is not published (https://docs.kraken.com/api/docs/guides/spot-rest-auth)."""

NONCE_SPANS = (MINUTE, 5 * MINUTE, 15 * MINUTE)
"""How long a key rests when healing gave up: the first time, the second time in a row, and from then on."""

CREDENTIAL_SPANS = (MINUTE, 15 * MINUTE, HOUR)
"""The same for a key or signature that Kraken does not know: time makes it right only while a new key spreads."""

LOCKOUT_SPAN = 15 * MINUTE
"""How long to stay away after a lockout (https://support.kraken.com/hc/en-us/articles/360001491786)."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a key stands.

    Attributes:
        refusals: when it was refused for its nonce in the last hour that was looked at, oldest first.
        is_open: True from a quarantine's beginning until a request was accepted again.
        until_ns: the end of the quarantine.
        span_ns: how long it lasts in all.
        reason: why.
        strikes: how many quarantines there were since the last success.
        last_refusal: why a nonce was refused last, in words.
        consent: the name of the unit that the operator allows the key to be raised to; empty for none.
    """

    refusals: tuple[int, ...] = ()
    is_open: bool = False
    until_ns: int = 0
    span_ns: int = 0
    reason: str = ""
    strikes: int = 0
    last_refusal: str = ""
    consent: str = ""

    def budget_end(self, now_ns: int) -> int:
        """Return the moment from which one more refusal may be risked; 0 if now."""
        return max(_end(self.refusals, number, span, now_ns) for number, span in BUDGET)

    def next_span(self, spans: tuple[int, ...]) -> int:
        """Return how long the next quarantine lasts."""
        return spans[min(self.strikes, len(spans) - 1)]


CLEAN = Standing()


def standing_of(events: Iterable[Event]) -> Standing:
    """Fold *events*, oldest first, into where the key stands."""
    refusals: list[int] = []
    quarantine, strikes, last_refusal, consent = CLEAN, 0, "", ""
    for event in events:
        if event.kind == "refused":
            refusals.append(event.at_ns)
            last_refusal = event.text
        elif event.kind == "opened":
            strikes += 1
            span = max(0, event.until_ns - event.at_ns)
            quarantine = Standing((), True, event.until_ns, span, event.text, strikes)  # noqa: FBT003 - is_open
        elif event.kind in ("closed", "lifted"):
            quarantine, strikes = CLEAN, 0
        elif event.kind == "allowed":
            consent = event.cause
    recent = tuple(sorted(refusals)[-max(number for number, _ in BUDGET) :])
    return replace(quarantine, refusals=recent, last_refusal=last_refusal, consent=consent)


def _end(refusals: tuple[int, ...], number: int, span: int, now_ns: int) -> int:
    """Return when fewer than *number* refusals lie within *span*; 0 if that is so now."""
    # A clock that was set back must not keep a key for longer than the span.
    recent = [min(moment, now_ns) for moment in refusals if moment > now_ns - span]
    return recent[-number] + span if len(recent) >= number else 0
