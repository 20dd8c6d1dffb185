"""Fee schedules, by 30-day volume in US dollars.

"2026" begins as documented since 2026-09-08 (0.80/0.40 %, then 0.60/0.30 % from 2,500 USD); what follows is unpublished
and taken from the schedule of 2025. "2025" is the table recorded in November 2025.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal

_TABLE_2025 = (
    (0, "0.40", "0.25"),
    (10_000, "0.35", "0.20"),
    (50_000, "0.24", "0.14"),
    (100_000, "0.22", "0.12"),
    (250_000, "0.20", "0.10"),
    (500_000, "0.18", "0.08"),
    (1_000_000, "0.16", "0.06"),
    (2_500_000, "0.14", "0.04"),
    (5_000_000, "0.12", "0.02"),
    (10_000_000, "0.10", "0.00"),
    (100_000_000, "0.08", "0.00"),
    (500_000_000, "0.05", "0.00"),
)
_TABLE_2026 = ((0, "0.80", "0.40"), (2_500, "0.60", "0.30"), *_TABLE_2025[1:])
_STABLE = ((0, "0.20", "0.20"), (50_000, "0.16", "0.16"), (100_000, "0.12", "0.12"), (250_000, "0.08", "0.08"))
STABLE_BASES = frozenset({"USDT", "USDC"})


@dataclass(frozen=True, slots=True)
class FeeTier:
    """One row of a schedule: rates in percent, from *volume* US dollars in 30 days on."""

    volume: Decimal
    taker: Decimal
    maker: Decimal

    def rate(self, *, maker: bool) -> Decimal:
        """Return the fee as a share of the cost."""
        return (self.maker if maker else self.taker) / 100


def _rows(table: tuple[tuple[int, str, str], ...]) -> tuple[FeeTier, ...]:
    return tuple(FeeTier(Decimal(volume), Decimal(taker), Decimal(maker)) for volume, taker, maker in table)


_SCHEDULES = {"2026": _rows(_TABLE_2026), "2025": _rows(_TABLE_2025)}
_STABLE_SCHEDULE = _rows(_STABLE)


def schedule_for(name: str, base: str) -> tuple[FeeTier, ...]:
    """Return the schedule of a pair with this *base* asset: stablecoins have their own, cheaper one."""
    return _STABLE_SCHEDULE if base in STABLE_BASES else _SCHEDULES[name]


def tier_at(schedule: tuple[FeeTier, ...], volume: Decimal) -> int:
    """Return the index of the row that applies at this 30-day volume."""
    return bisect_right(schedule, volume, key=lambda tier: tier.volume) - 1
