"""``krakenonce doctor``: the list of what is fit for trading and what is not."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import asdict

from krakenonce.doctor import Finding, Subject, Verdict, examine, parse_subject
from krakenonce.errors import ConfigError
from krakenonce.global_nonce import KRAKEN_URL, STORE_VARIABLE

_MARKS = {Verdict.PASS: "pass  ", Verdict.ADVICE: "advice", Verdict.FAIL: "FAIL  "}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "accounts",
        nargs="*",
        metavar="ACCOUNT=REFERENCE",
        help="such as MASTER=vault:master USER:alice=env:ALICE (env:NAME, file:/path, keyring:NAME or vault:NAME)",
    )
    parser.add_argument("--url", default=KRAKEN_URL, help="the exchange (default: %(default)s)")
    standard = os.environ.get(STORE_VARIABLE) or "memory://"
    parser.add_argument("--store", default=standard, metavar="URL", help="the store (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON list instead of lines")


def run(args: argparse.Namespace) -> int:
    """Print one line for each check, and below each failure its mend. Return 1 if any check failed, else 0.

    Raises:
        ConfigError: an argument names no account or no place.
    """
    subjects = [parse_subject(text) for text in args.accounts]
    _check_names(subjects)
    findings = asyncio.run(examine(subjects, base_url=args.url, store=args.store))
    print(as_json(findings) if args.json else as_text(findings))
    return int(any(finding.verdict is Verdict.FAIL for finding in findings))


def as_json(findings: Sequence[Finding]) -> str:
    """Return *findings* as JSON."""
    return json.dumps([asdict(finding) | {"verdict": finding.verdict.value} for finding in findings], indent=2)


def as_text(findings: Sequence[Finding]) -> str:
    """Return *findings* as lines for people, and how many there are of each kind."""
    lines = []
    for finding in findings:
        whose = f"{finding.account}: " if finding.account else ""
        lines.append(f"{_MARKS[finding.verdict]}  {whose}{finding.check}: {finding.text}")
        if finding.mend:
            lines.append(f"        mend: {finding.mend}")
    counts = [f"{sum(finding.verdict is verdict for finding in findings)} {verdict.value}" for verdict in Verdict]
    return "\n".join([*lines, "", ", ".join(counts)])


def _check_names(subjects: Sequence[Subject]) -> None:
    names = [subject.account for subject in subjects]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        shape = f"{min(twice)} given twice"
        raise ConfigError("accounts", shape, "Name each account once: MASTER, USER:<name>.")
