"""One cause from the closed list for each kind of evidence, in words that name the mend."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krakenonce.clock import NS_PER_SECOND
from krakenonce.refusals import Attempt, Cause, Evidence, Flight, Verdict, diagnose
from krakenonce.refusals.causes import MENDS

WALL = 1_790_000_000 * NS_PER_SECOND
MS = 1_000_000


def flight(nonce, issued, verdict=Verdict.ACCEPTED, *, took=20 * MS, pid=7):
    return Flight(WALL + nonce, issued, issued + MS, issued + took, 40_000, pid, verdict)


REFUSED = flight(1000, 100 * MS, Verdict.REFUSED)
BEFORE = flight(10, 10 * MS)


def evidence(**facts):
    return Evidence(
        **{"refused": REFUSED, "flights": [BEFORE, REFUSED], "wall_offset": WALL, "has_worked": True} | facts
    )


CASES = {
    "own duplicate": (
        Cause.OWN_DUPLICATE, {"flights": [BEFORE, flight(2000, 90 * MS), REFUSED]}, str(WALL + 2000)),
    "the same number twice": (
        Cause.OWN_DUPLICATE, {"flights": [flight(1000, 50 * MS, pid=8), REFUSED]}, "pid 8 and pid 7"),
    "overtaken on the way": (
        Cause.REORDERED, {"flights": [BEFORE, REFUSED, flight(3000, 110 * MS)]}, "issued after this one was sent"),
    "lease lost": (Cause.LEASE_LOST, {"grant_end": 90 * MS}, "after its grant had ended"),
    "clock behind": (Cause.CLOCK_BEHIND, {"date_ns": WALL + 3600 * NS_PER_SECOND}, "3600 s behind"),
    "clock behind, never worked": (
        Cause.CLOCK_BEHIND, {"date_ns": WALL + 9 * NS_PER_SECOND, "has_worked": False}, "9 s behind"),
    "larger unit": (Cause.LARGER_UNIT, {"refused": REFUSED._replace(nonce=1_790_000_000_000), "flights": [],
                                        "key_nonce": WALL}, "nanoseconds"),
    "the exchange knows more": (Cause.FOREIGN_PROGRAM, {"key_nonce": WALL + 10**9}, "the highest sent here"),
    "unparsable": (Cause.UNPARSABLE, {"attempts": (Attempt(True, WALL + 50, True), Attempt(False, WALL + 51, False))},
                   "a probe with nonce"),
    "foreign": (Cause.FOREIGN_PROGRAM, {}, "nothing of ours is above it; the last one of ours"),
    "never worked, probes refused": (
        Cause.LARGER_UNIT, {"has_worked": False, "attempts": (Attempt(True, WALL + 9000, False),)}, "larger numbers"),
    "never worked, a probe passed": (
        Cause.FOREIGN_PROGRAM, {"has_worked": False, "attempts": (Attempt(True, WALL + 9000, True),)}, "was accepted"),
}  # fmt: skip


@pytest.mark.parametrize(("cause", "facts", "words"), CASES.values(), ids=CASES)
def test_each_cause_is_found_by_its_evidence(cause, facts, words):
    found = diagnose(evidence(**facts))
    assert found.cause is cause
    assert words in "; ".join(found.evidence)
    assert found.message.startswith(cause.value)
    assert found.message.endswith(MENDS[cause])


def test_every_cause_of_the_list_is_covered_and_has_a_mend():
    assert {cause for cause, _, _ in CASES.values()} == set(Cause) == set(MENDS)


@pytest.mark.parametrize(
    "facts",
    [
        {"date_ns": WALL + 110 * MS},
        {"date_ns": WALL},
        {"date_ns": 0},
        {"date_ns": 2**70},
        {"grant_end": 10**9},
        {"flights": [flight(2000, 90 * MS, Verdict.REFUSED), REFUSED]},
        {"key_nonce": WALL + 500},
    ],
)
def test_what_speaks_for_nothing_is_not_taken_for_evidence(facts):
    assert diagnose(evidence(**facts)).cause is Cause.FOREIGN_PROGRAM


NUMBER = st.integers(-(2**63), 2**64)
FLIGHTS = st.builds(Flight, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, st.sampled_from(Verdict))
ATTEMPTS = st.builds(Attempt, st.booleans(), NUMBER, st.sampled_from([True, False, None]))


@given(
    st.builds(
        Evidence,
        refused=FLIGHTS,
        flights=st.lists(FLIGHTS, max_size=4),
        wall_offset=NUMBER,
        date_ns=st.none() | NUMBER,
        grant_end=st.none() | NUMBER,
        has_worked=st.booleans(),
        key_nonce=st.none() | NUMBER,
        key_window=NUMBER,
        attempts=st.lists(ATTEMPTS, max_size=3).map(tuple),
    )
)
def test_whatever_the_evidence_there_is_one_cause_and_a_message(given_evidence):
    found = diagnose(given_evidence)
    assert found.cause in Cause
    assert "\n" not in found.message
