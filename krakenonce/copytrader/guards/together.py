"""What all users together have lost: the sum of what each has, from his own highest equity and his own day's first.

So whoever joins brings no gain, whoever leaves no loss, and a restart changes nothing: where each counts from is kept
with his standing. State without I/O; kept up to date look by look, so that a look costs little, whatever their number.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from krakenonce.copytrader.amounts import ZERO, add, multiply, subtract
from krakenonce.copytrader.guards.losses import STATES, STOPPABLE
from krakenonce.copytrader.guards.reasons import Reason, plain, say
from krakenonce.copytrader.journal.records import Standing
from krakenonce.copytrader.policy import Guards


class _Share(NamedTuple):
    day: str
    lost_today: Decimal
    peak: Decimal
    equity: Decimal


class Losses:
    """The losses of all users who are copied, as of the last look at each. One event loop.

    Attributes:
        peak, equity: the sums over all users, in the currency of the config.
    """

    def __init__(self) -> None:
        self.peak = self.equity = ZERO
        self._shares: dict[str, _Share] = {}
        self._lost: dict[str, Decimal] = {}

    @property
    def lost_today(self) -> Decimal:
        """What was lost since midnight UTC, by those who were looked at since then; below 0 for a gain."""
        return self._lost[max(self._lost)] if self._lost else ZERO

    def look(self, standing: Standing, equity: Decimal) -> None:
        """Take in a look at one user: *standing* after `losses.looked`, and his *equity*."""
        self.forget(standing.user)
        if standing.peak_equity is None or standing.day_equity is None:
            return
        share = _Share(standing.day, subtract(standing.day_equity, equity), standing.peak_equity, equity)
        self._shares[standing.user] = share
        self._lost[share.day] = add(self._lost.get(share.day, ZERO), share.lost_today)
        self.peak, self.equity = add(self.peak, share.peak), add(self.equity, equity)

    def forget(self, user: str) -> None:
        """Count *user* no more."""
        share = self._shares.pop(user, None)
        if share is None:
            return
        self.peak, self.equity = subtract(self.peak, share.peak), subtract(self.equity, share.equity)
        if any(one.day == share.day for one in self._shares.values()):
            self._lost[share.day] = subtract(self._lost[share.day], share.lost_today)
        else:
            del self._lost[share.day]

    def keep_only(self, users: Collection[str]) -> None:
        """Count nobody who is not among *users*."""
        for user in self._shares.keys() - set(users):
            self.forget(user)


def judged(standing: Standing, guards: Guards, losses: Losses, now_ns: int) -> Standing:
    """Return everybody's *standing*, stopped if *losses* have reached a limit of *guards*."""
    reason = loss_reason(guards, losses)
    if reason is None or standing.state not in STOPPABLE:
        return standing
    return replace(standing, state=STATES[guards.stop], reason=reason, since_ns=now_ns)


def loss_reason(guards: Guards, losses: Losses) -> str | None:
    """Return which limit all together have reached, in words; None if none is."""
    lost = losses.lost_today
    if guards.daily_loss is not None and lost >= guards.daily_loss:
        words = (
            f"all users together have lost {plain(lost)} since the day began, {plain(guards.daily_loss)} is the most"
        )
        return say(Reason.STOPPED, words)
    if guards.drawdown is None or losses.peak <= 0:
        return None
    if subtract(losses.peak, losses.equity) < multiply(losses.peak, guards.drawdown):
        return None
    below = f"{plain(guards.drawdown.scaleb(2))} % or more below its peaks, {plain(losses.peak)}"
    return say(Reason.STOPPED, f"the equity of all users together, {plain(losses.equity)}, is {below}")
