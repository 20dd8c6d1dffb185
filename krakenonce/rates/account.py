"""The engine's counters of one account: one for each pair, shared by all its keys."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import NamedTuple

from krakenonce.clock import Clock
from krakenonce.rates.allowance import Allowance
from krakenonce.rates.charges import EVERY_PAIR, Charge
from krakenonce.rates.closures import Closures
from krakenonce.rates.meter import Meter
from krakenonce.rates.orders import KnownOrders


class Counted(NamedTuple):
    """A charge that was counted, and at which meters."""

    charge: Charge
    meters: tuple[Meter, ...]


class AccountRates:
    """What is known of one account at one exchange. Safe across threads.

    A call whose pair is unknown is counted at every pair, those included that are used later: the bound of each stays
    a bound.

    Attributes:
        orders: the account's orders, as far as this process made or saw them.
        full: pairs on which Kraken refused an order because too many are open.
    """

    def __init__(self, allowance: Allowance, clock: Clock) -> None:
        self.orders = KnownOrders()
        self.full = Closures()
        self._allowance, self._clock = allowance, clock
        self._everywhere = Meter(allowance, clock)
        self._meters: dict[str, Meter] = {}
        self.mutex = threading.RLock()

    def meter(self, pair: str) -> Meter:
        """Return the meter of *pair* (its key, or `EVERY_PAIR`)."""
        if pair == EVERY_PAIR:
            return self._everywhere
        meter = self._meters.get(pair)
        if meter is None:
            with self.mutex:
                made = Meter(self._allowance, self._clock, self._everywhere.counter.copy(self._clock.boot_ns()))
                meter = self._meters.setdefault(pair, made)
        return meter

    def count(self, charge: Charge, *, first: bool) -> Counted:
        """Count *charge*: at all its meters, or, if it was waited for (*first*), at all but the one it waited at."""
        meters: tuple[Meter, ...] = (self.meter(charge.counter),)
        if first and charge.counter != EVERY_PAIR:
            return Counted(charge, meters)
        if charge.counter == EVERY_PAIR:
            meters += tuple(self._all())
        for meter in meters[1:] if first else meters:
            meter.put(charge.cost)
        return Counted(charge, meters)

    def settle(self, counted: Counted) -> None:
        """The answer is there: the charge begins to fade."""
        for meter in counted.meters:
            meter.settle(counted.charge.cost)
        if counted.charge.counter == EVERY_PAIR:
            for meter in set(self._all()).difference(counted.meters):
                meter.put(counted.charge.cost)
                meter.settle(counted.charge.cost)

    def fill(self, pairs: Iterable[str] | None) -> None:
        """Learn that the exchange's counters of *pairs* are full; None for all that are in use."""
        chosen = self._all() if pairs is None else [self.meter(pair) for pair in pairs if pair != EVERY_PAIR]
        for meter in chosen:
            meter.fill()

    def after_fork_in_child(self) -> None:
        """Renew every lock."""
        self.mutex = threading.RLock()
        self.full.after_fork_in_child()
        for meter in (self._everywhere, *self._all()):
            meter.after_fork_in_child()

    def _all(self) -> list[Meter]:
        return list(self._meters.values())
