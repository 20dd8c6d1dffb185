"""What one account has to spend: the last look at its balances, less what is set aside. Belongs to one event loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from krakenonce.broker import Balance
from krakenonce.copytrader.amounts import ZERO, add, subtract


@dataclass(slots=True)
class _Booked:
    asset: str
    change: Decimal
    since: int


class Purse:
    """Balances between two looks: two lines of one user never spend the same money.

    An order sets aside what it may cost until it has ended; then what it did cost (or bring in) is booked, until a
    later look at the account shows it.
    """

    def __init__(self) -> None:
        self._balances: Mapping[str, Balance] = {}
        self._aside: dict[str, tuple[str, Decimal]] = {}
        self._booked: list[_Booked] = []
        # By asset, what all of the above comes to: it is asked for many times for each time it changes.
        self._changes: dict[str, Decimal] = {}
        # What there should be by the last look at which nothing was on its way; None before the first one.
        self._expected: dict[str, Decimal] | None = None
        self._looks = 0
        self.is_known = False

    def look(self) -> int:
        """Note that the account is asked now. Returns what `take` wants with the answer."""
        self._looks += 1
        return self._looks

    def take(self, look: int, balances: Mapping[str, Balance]) -> None:
        """Take in what the account answered to *look*: what was booked before is in there."""
        self._balances = balances
        for booked in self._booked:
            if booked.since < look:
                self._change(booked.asset, booked.change.copy_negate())
        self._booked = [one for one in self._booked if one.since >= look]
        self.is_known = True

    def set_aside(self, name: str, asset: str, amount: Decimal) -> None:
        """Set *amount* of *asset* aside for the order *name*."""
        if name in self._aside:
            self.release(name)
        self._aside[name] = (asset, amount)
        self._change(asset, amount.copy_negate())

    def release(self, name: str) -> None:
        """Set nothing aside for *name* any more."""
        aside = self._aside.pop(name, None)
        if aside is not None:
            self._change(*aside)

    def book(self, asset: str, change: Decimal) -> None:
        """Note that the account has *change* more of *asset* (less, if below 0) than at the last look."""
        if change:
            self._booked.append(_Booked(asset, change, self._looks))
            self._change(asset, change)
            if self._expected is not None:
                self._expected[asset] = add(self._expected.get(asset, ZERO), change)

    def available(self, asset: str) -> Decimal:
        """Return what is free of *asset*, at least 0."""
        known, change = self._balances.get(asset), self._changes.get(asset)
        free = ZERO if known is None else known.available
        free = free if change is None else add(free, change)
        return max(ZERO, free)

    def settled_total(self, asset: str) -> Decimal | None:
        """Return all there is of *asset*; None while anything is on its way that the last look may not show."""
        if not self.is_known or any(one.asset == asset for one in self._booked):
            return None
        known = self._balances.get(asset)
        return ZERO if known is None else known.total

    def unexplained(self) -> dict[str, Decimal]:
        """Return what came in (above 0) or went out, by asset, and was not our doing; each change is told once.

        Nothing is told while an order is on its way, or has ended since the last look began: it is told later then.
        """
        if self._aside or self._booked:
            return {}
        before, self._expected = self._expected, {asset: one.total for asset, one in self._balances.items()}
        if before is None:
            return {}
        changes = {asset: subtract(total, before.get(asset, ZERO)) for asset, total in self._expected.items()}
        gone = {asset: total.copy_negate() for asset, total in before.items() if asset not in self._expected}
        return {asset: change for asset, change in (changes | gone).items() if change}

    def totals(self) -> dict[str, Decimal]:
        """Return all there is, by asset, as of the last look and what was booked since."""
        totals = {asset: balance.total for asset, balance in self._balances.items()}
        for booked in self._booked:
            totals[booked.asset] = add(totals.get(booked.asset, ZERO), booked.change)
        return totals

    def _change(self, asset: str, change: Decimal) -> None:
        before = self._changes.get(asset)
        changed = change if before is None else add(before, change)
        if changed:
            self._changes[asset] = changed
        else:
            self._changes.pop(asset, None)
