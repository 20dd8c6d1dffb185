"""One line that says what the demonstration has shown, and the exit status that goes with it. Pure."""

from __future__ import annotations

from krakenonce.cli.demo.findings import Findings
from krakenonce.cli.demo.show import milliseconds


def is_good(findings: Findings) -> bool:
    """Return whether no nonce was refused and no copy is missing."""
    return not findings.invalid_nonces and not findings.wrong and findings.rows[0].fills > 0


def verdict(findings: Findings, *, naive: bool) -> str:
    """Return the one-line verdict."""
    users = findings.rows[1:]
    copies = sum(row.orders for row in users)
    if is_good(findings):
        return (
            f"OK: {findings.rows[0].fills} fills of the master became {copies} orders on {len(users)} accounts; "
            f"0 invalid nonces in {findings.calls} calls, every copy is there."
        )
    refused = 100 * findings.invalid_nonces / max(1, findings.calls)
    text = (
        f"NOT OK: {findings.invalid_nonces} of {findings.calls} calls ({refused:.0f} %) were refused for their nonce, "
        f"{len(findings.wrong)} copies are missing or wrong."
    )
    return f"{text} This is how it is without lanes; run it again without --naive." if naive else text


def comparison(calm: Findings, hung: Findings, accounts: int) -> str:
    """Return a line that tells what a hung account did to the others."""
    before, during = (f"{milliseconds(one.p50_ns)}/{milliseconds(one.p99_ns)} ms" for one in (calm, hung))
    return f"The other {accounts} accounts, copy latency p50/p99: {before} without, {during} with the hung account."
