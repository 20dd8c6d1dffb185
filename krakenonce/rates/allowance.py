"""How much of a tier's limits a process may use, and how much of that each priority leaves to those before it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlsplit

from krakenonce.errors import ConfigError
from krakenonce.kraken.limits import TIERS, Tier
from krakenonce.lanes import Priority
from krakenonce.rates.counter import units

NO_LIMITS = "none"

# A cancellation may fill a counter to the brim. What the others leave is enough for two cancellations of new orders
# (8 points each) at the lowest tier's engine counter, and for one look at the books at its REST counter.
PORTION: Mapping[Priority, Decimal] = {
    Priority.CANCEL: Decimal(1),
    Priority.EXIT: Decimal("0.9"),
    Priority.ENTRY: Decimal("0.73"),
    Priority.READ: Decimal("0.7"),
}

_SMALLEST_SHARE = Decimal("0.2")


@dataclass(frozen=True, slots=True)
class Limits:
    """What the calls of one key may use. Immutable.

    Parameters:
        tier: ``starter``, ``intermediate`` or ``pro``, as Kraken calls the account's verification level; ``none`` for
            an exchange without limits. None means starter, the lowest, everywhere but on this machine, where an
            exchange is a simulated one and has the limits it was started with: none.
        share: the part of the limits that this process uses, 0.2 to 1. Where N processes use one key, give each 1/N:
            their counters then never sum up to more than Kraken's.
        patience_s: seconds that a call may wait for its counter. One that would have to wait longer is not sent.

    Raises:
        ConfigError: one of them is impossible.
    """

    tier: str | None = None
    share: Decimal = Decimal(1)
    patience_s: float = 60.0

    def __post_init__(self) -> None:
        known = (*TIERS, NO_LIMITS)
        if self.tier is not None and self.tier not in known:
            raise ConfigError("tier", f"{self.tier!r}", f"Use one of: {', '.join(known)}.")
        if not _SMALLEST_SHARE <= self.share <= 1:
            mend = f"Use {_SMALLEST_SHARE} to 1; for more processes on one key make more keys."
            raise ConfigError("share", f"{self.share}", mend)
        if not self.patience_s >= 0:
            raise ConfigError("patience_s", f"{self.patience_s}", "Use 0 seconds or more.")

    def tier_at(self, base_url: str) -> Tier | None:
        """Return the tier that counts at *base_url*, or None if nothing is counted there."""
        name = self.tier or (NO_LIMITS if _is_this_machine(base_url) else "starter")
        return TIERS.get(name)


@dataclass(frozen=True, slots=True)
class Allowance:
    """One kind of counter of one tier, as far as this process may fill it.

    Attributes:
        ceilings: how far calls of each priority may fill the counter, in units.
        decay: how many points fade per second.
    """

    ceilings: tuple[int, ...]
    decay: Decimal

    @property
    def brim(self) -> int:
        """Where the counter is full, in units."""
        return self.ceilings[Priority.CANCEL]


UNLIMITED = Allowance((10**30,) * len(Priority), Decimal(1))


def rest_allowance(tier: Tier | None, share: Decimal) -> Allowance:
    """Return what a key may use of its REST counter; everything if *tier* is None."""
    return UNLIMITED if tier is None else allowance(tier.rest_max, tier.rest_decay, share)


def engine_allowance(tier: Tier | None, share: Decimal) -> Allowance:
    """Return what an account may use of its engine counter of a pair; everything if *tier* is None."""
    return UNLIMITED if tier is None else allowance(tier.engine_max, tier.engine_decay, share)


def allowance(most: int, decay: Decimal, share: Decimal) -> Allowance:
    """Return the allowance of a counter that goes up to *most* points, of which *decay* fade per second.

    Part of the decay goes with part of the counter: bounds of counters that fade at fractions of the whole rate sum up
    to a bound of the whole.
    """
    hundredths = (decay * share).quantize(Decimal("0.01"), rounding="ROUND_DOWN")
    ceilings = tuple(units(most * share * PORTION[priority]) for priority in sorted(Priority))
    return Allowance(ceilings, hundredths)


def _is_this_machine(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
