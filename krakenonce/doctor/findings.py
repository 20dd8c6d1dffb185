"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """How a check ended."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    ADVICE = "advice"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's list.

    Attributes:
        check: the name of the check, always the same for the same check.
        verdict: ``FAIL`` keeps the doctor from passing; ``ADVICE`` is worth doing, and does not.
        text: what was found, in plain words.
        mend: what to do about it; empty for a pass.
        account: whom it is about; empty for what concerns all.
    """

    check: str
    verdict: Verdict
    text: str
    mend: str = ""
    account: str = ""


def passed(check: str, text: str, account: str = "") -> Finding:
    """Return a finding without anything to mend."""
    return Finding(check, Verdict.PASS, text, account=account)


def failed(check: str, text: str, mend: str, account: str = "") -> Finding:
    """Return a finding that has to be mended."""
    return Finding(check, Verdict.FAIL, text, mend, account)


def advice(check: str, text: str, mend: str, account: str = "") -> Finding:
    """Return a finding that is better mended."""
    return Finding(check, Verdict.ADVICE, text, mend, account)
