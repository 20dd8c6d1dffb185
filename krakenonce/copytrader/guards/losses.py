"""When losses stop a user. Pure: a fold over looks at the equity.

Two limits: what is lost since the day began (midnight UTC), and what is lost from the highest equity ever seen. A stop
lasts over midnight, over new highs and over restarts: only `rearmed` ends it.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from krakenonce.clock import rfc3339
from krakenonce.copytrader.amounts import add, multiply, subtract
from krakenonce.copytrader.guards.reasons import Reason, plain, say
from krakenonce.copytrader.journal.records import Standing, State
from krakenonce.copytrader.policy import Guards, Stop

STOPPABLE = frozenset({State.ACTIVE, State.PAUSED})
STATES = {Stop.SOFT: State.SOFT_STOP, Stop.HARD: State.HARD_STOP}


def looked(standing: Standing, guards: Guards, equity: Decimal, now_ns: int) -> Standing:
    """Return *standing* after a look at the equity.

    Parameters:
        standing: with the peak and the day's first equity as of the last look.
        guards: the limits.
        equity: now, in the currency of the config.
        now_ns: nanoseconds since 1970; the day is that of UTC.
    """
    day = rfc3339(now_ns)[:10]
    peak = equity if standing.peak_equity is None else max(standing.peak_equity, equity)
    # A clock that is set back does not begin a new day.
    new_day = standing.day_equity is None or day > standing.day
    day_equity = equity if new_day or standing.day_equity is None else standing.day_equity
    seen = replace(standing, peak_equity=peak, day=day if new_day else standing.day, day_equity=day_equity)
    reason = loss_reason(guards, equity, peak, day_equity)
    if reason is None or standing.state not in STOPPABLE:
        return seen
    return replace(seen, state=STATES[guards.stop], reason=reason, since_ns=now_ns)


def loss_reason(guards: Guards, equity: Decimal, peak: Decimal, day_equity: Decimal) -> str | None:
    """Return which limit is reached, in words; None if none is."""
    lost_today = subtract(day_equity, equity)
    if guards.daily_loss is not None and lost_today >= guards.daily_loss:
        words = f"{plain(lost_today)} lost since the day began, {plain(guards.daily_loss)} is the most"
        return say(Reason.STOPPED, words)
    if guards.drawdown is not None and subtract(peak, equity) >= multiply(peak, guards.drawdown) and peak > 0:
        words = f"equity {plain(equity)} is {plain(guards.drawdown.scaleb(2))} % or more below its peak {plain(peak)}"
        return say(Reason.STOPPED, words)
    return None


def transferred(standing: Standing, amount: Decimal) -> Standing:
    """Return *standing* after a deposit (above 0) or a withdrawal (below 0), which is neither a gain nor a loss."""
    if standing.peak_equity is None or standing.day_equity is None:
        return standing
    return replace(standing, peak_equity=add(standing.peak_equity, amount), day_equity=add(standing.day_equity, amount))


def rearmed(standing: Standing, equity: Decimal | None, now_ns: int) -> Standing:
    """Return *standing* active again, by hand: losses are counted from *equity* (None: from the next look)."""
    return replace(recounted(standing, equity, now_ns), state=State.ACTIVE, reason="", since_ns=now_ns, failures=0)


def recounted(standing: Standing, equity: Decimal | None, now_ns: int) -> Standing:
    """Return *standing* with losses counted from *equity* on; None: from the next look."""
    day = rfc3339(now_ns)[:10] if equity is not None else ""
    return replace(standing, peak_equity=equity, day=day, day_equity=equity)
