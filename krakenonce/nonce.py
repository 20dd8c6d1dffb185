"""The rule by which nonces are made, their bounds, and the units other software counts in. Pure: reads no clock."""

from __future__ import annotations

from dataclasses import dataclass

NS_PER_SECOND = 1_000_000_000

MAX_NONCE = 2**63 - 1
"""The largest nonce Kraken's API description allows: a signed 64-bit integer (nanoseconds reach it in 2262).

Source: https://github.com/krakenfx/api-specs (spot-rest/schemas/partials/properties/nonce.yaml)."""

EARLIEST = 1_767_225_600 * NS_PER_SECOND
"""2026-01-01 UTC. No nonce is issued below it: a clock that shows less is wrong, and 19 digits are promised always."""

MAX_FORWARD_STEP = 60 * NS_PER_SECOND
"""A wall clock that runs ahead of the boot clock by more than this is not followed until it is confirmed."""


def next_nonce(last: int, now: int) -> int:
    """Return the smallest nonce above *last* that does not lag behind *now*."""
    return max(last + 1, now)


def unbelievable_lead(wall: int, expected: int) -> int:
    """Return by how much the wall clock is ahead of what the boot clock lets one *expect*; 0 if it may be followed.

    An expectation before `EARLIEST` proves nothing: the machine started with a wrong clock, and the step forward is the
    correction.
    """
    lead = wall - expected
    return lead if lead > MAX_FORWARD_STEP and expected >= EARLIEST else 0


@dataclass(frozen=True, slots=True)
class ClockStatus:
    """What a source thinks of its wall clock. All times are in nanoseconds.

    Attributes:
        held: True while a forward step is not followed.
        steps_held: how many forward steps were not followed so far.
        clock_ahead: how far the wall clock shows more than the boot clock allows (0 unless held).
        nonce_ahead: how far the last number runs ahead of the wall clock (0 normally).
    """

    held: bool
    steps_held: int
    clock_ahead: int
    nonce_ahead: int


@dataclass(frozen=True, slots=True)
class Unit:
    """A scale on which client software counts its nonces."""

    name: str
    per_second: int
    clients: str

    def at(self, ns: int) -> int:
        """Return the nonce of this unit for the moment *ns* (nanoseconds since 1970)."""
        return ns * self.per_second // NS_PER_SECOND


UNITS: tuple[Unit, ...] = (
    Unit("seconds", 1, "hummingbot"),
    Unit("milliseconds", 1_000, "krakenex, pykrakenapi, ccxt, XChange, kraken-async-rs"),
    Unit("microseconds", 1_000_000, "nautilus_trader, kraken-api-client, kraken_ruby_client"),
    Unit("10 nanoseconds", 100_000_000, "python-kraken-sdk"),
    Unit("nanoseconds", NS_PER_SECOND, "krakenonce, Kraken's own CLI and Rust SDK"),
)
"""The units known software counts in, smallest numbers first. A key can move down this list, never up.

.NET ticks (100 ns since the year 1) lie between microseconds and 10 ns and read as the latter."""


def unit_of(nonce: int) -> Unit:
    """Return the unit that *nonce* was most likely counted in, from its size alone.

    Kraken accepts a number only above the highest it has accepted for the key, so a key's unit decides which software
    can still use it (https://support.kraken.com/hc/en-us/articles/360000906023-What-is-a-nonce-).
    """
    for unit in reversed(UNITS):
        # Half of 2026 is 1998: older than any clock in use shows, and far above the next coarser unit.
        if nonce >= unit.at(EARLIEST) // 2:
            return unit
    return UNITS[0]
