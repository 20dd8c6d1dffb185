"""The judgement: what the exchange wrote down, against what was promised. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from krakenonce.nonce import MAX_FORWARD_STEP
from krakenonce.proof.exchange import Row

INVALID_NONCE = "EAPI:Invalid nonce"


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant: what it says, what was found, and whether it holds."""

    name: str
    found: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Witness:
    """What the prover itself knows of a run.

    Attributes:
        asked: how many calls had to be made; made: how many were.
        kills: processes killed; callers: requests that each may have had under way.
        live_refusals: refusals that a living caller was given; troubles: calls that ended in an error.
        most_in_flight: requests of one key under way together.
        now: the right time at the end, in nanoseconds.
    """

    asked: int
    made: int
    kills: int
    callers: int
    live_refusals: int
    troubles: int
    most_in_flight: int
    now: int


@dataclass
class Tally:
    """The log, counted."""

    requests: int = 0
    accepted: int = 0
    invalid: int = 0
    others: int = 0
    repeats: int = 0
    disorder: int = 0
    highest: int = 0
    odd: int = 0


def count(rows: Iterable[Row]) -> Tally:
    """Count the exchange's log."""
    tally = Tally()
    seen: dict[str, set[int]] = {}
    last: dict[str, int] = {}
    for row in rows:
        tally.requests += 1
        nonces = seen.setdefault(row.key, set())
        tally.repeats += row.nonce in nonces
        nonces.add(row.nonce)
        tally.odd += len(str(row.nonce)) != 19
        tally.highest = max(tally.highest, row.nonce)
        if row.verdict == "accepted":
            tally.accepted += 1
            tally.disorder += row.nonce <= last.get(row.key, 0)
            last[row.key] = row.nonce
        else:
            tally.invalid += row.cause == INVALID_NONCE
            tally.others += row.cause != INVALID_NONCE
    return tally


def judge(tally: Tally, witness: Witness) -> list[Check]:
    """Return every invariant, and whether it holds."""
    orphans = tally.invalid - witness.live_refusals
    checks = [
        Check("every call was made", f"{witness.made:,} of {witness.asked:,}", witness.made >= witness.asked),
        Check("no nonce was sent twice", f"{tally.repeats:,} repeats", tally.repeats == 0),
        Check("accepted nonces of a key rise", f"{tally.disorder:,} out of order", tally.disorder == 0),
        Check("no live request refused for its nonce", f"{witness.live_refusals:,} refused", not witness.live_refusals),
        Check(
            "the only others refused were a killed process's last",
            f"{orphans:,} after {witness.kills:,} kills",
            0 <= orphans <= witness.kills * witness.callers,
        ),
        Check("no call failed otherwise", f"{witness.troubles + tally.others:,}", not witness.troubles + tally.others),
        Check("every nonce has 19 digits", f"{tally.odd:,} odd", tally.odd == 0),
        Check(
            "no nonce runs ahead of the clock",
            f"{max(0, tally.highest - witness.now) / 1e9:.1f} s",
            tally.highest <= witness.now + MAX_FORWARD_STEP,
        ),
    ]
    if not witness.kills:
        most = witness.most_in_flight
        checks.insert(3, Check("one request of a key under way at a time", f"{most:,} at most", most <= 1))
    return checks
