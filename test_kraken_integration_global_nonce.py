#!/usr/bin/env python3
"""Six accounts, 300 private API calls over real HTTP, all nonces from one source: the exchange finds no collision.

python3 test_kraken_integration_global_nonce.py      (needs the extra "bot": pip install -e '.[bot]')
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import pathlib
import sys
from dataclasses import dataclass

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from krakenonce.broker import KrakenBroker
from krakenonce.client import KrakenClient
from krakenonce.kraken.credentials import Credentials
from krakenonce.kraken.replies import Accepted
from krakenonce.simulator import SimulatedKraken

ACCOUNTS = 6
CALLS_PER_ACCOUNT = 50
METHODS = ("Balance", "OpenOrders", "TradesHistory", "BalanceEx", "ClosedOrders")


@dataclass(frozen=True)
class Account:
    """What the exchange saw of one account."""

    name: str
    calls: int
    refused: int
    most_in_flight: int
    nonces: tuple[int, ...]

    @property
    def out_of_order(self) -> int:
        """How many nonces did not lie above the one judged before."""
        return sum(later <= earlier for earlier, later in itertools.pairwise(self.nonces))


async def fifty_at_once(url: str, name: str, credentials: Credentials) -> int:
    """Connect, let 50 tasks call at the same time with one key, and return how many calls were accepted."""
    async with KrakenBroker(name, credentials, base_url=url), KrakenClient(credentials, base_url=url) as client:
        methods = itertools.islice(itertools.cycle(METHODS), CALLS_PER_ACCOUNT)
        outcomes = await asyncio.gather(*(client.call(method) for method in methods))
    return sum(isinstance(outcome, Accepted) for outcome in outcomes)


async def six_accounts() -> tuple[int, list[Account]]:
    """Run all accounts together; return how many calls were accepted, and what the exchange saw."""
    async with SimulatedKraken(accounts=ACCOUNTS, latency_ms=5, jitter_ms=5) as exchange:
        accounts = [(one.name, Credentials(one.key, one.secret)) for one in exchange.accounts]
        accepted = await asyncio.gather(*(fifty_at_once(exchange.url, *account) for account in accounts))
        return sum(accepted), [_seen(exchange, name) for name, _ in accounts]


def _seen(exchange: SimulatedKraken, name: str) -> Account:
    figures = exchange.stats()["keys"][name]
    # Connecting takes one private call, the check of the key; it is not one of the 300.
    entries = [entry for entry in exchange.log() if entry["account"] == name and entry["method"] != "GetApiKeyInfo"]
    nonces = tuple(int(entry["nonce"]) for entry in entries)
    return Account(name, len(entries), figures["invalid_nonces"], figures["most_in_flight"], nonces)


def collisions(accounts: list[Account]) -> int:
    """Return how many nonces occurred twice (on any key), arrived out of order, or were refused."""
    nonces = [nonce for account in accounts for nonce in account.nonces]
    repeated = len(nonces) - len(set(nonces))
    return repeated + sum(account.refused + account.out_of_order for account in accounts)


def report(accepted: int, accounts: list[Account]) -> str:
    """Return what to print."""
    rows = [
        f"{one.name:<8} {one.calls:>6} {one.refused:>8} {one.out_of_order:>13} {one.most_in_flight:>15}"
        for one in accounts
    ]
    calls = sum(one.calls for one in accounts)
    verdict = f"{len(accounts)} accounts, {calls} API calls, {accepted} accepted, {collisions(accounts)} collisions"
    return "\n".join(["account   calls  refused  out of order  most in flight", *rows, verdict])


def test_six_accounts_make_300_calls_without_a_collision() -> None:
    """6 accounts, 300 API calls, 0 collisions."""
    accepted, accounts = asyncio.run(six_accounts())
    print(report(accepted, accounts))
    assert accepted == ACCOUNTS * CALLS_PER_ACCOUNT
    assert sum(one.calls for one in accounts) == ACCOUNTS * CALLS_PER_ACCOUNT
    assert collisions(accounts) == 0
    assert {one.most_in_flight for one in accounts} == {1}


def test_a_collision_would_be_noticed() -> None:
    """The positive control: a nonce used on two keys, and one that arrives late, are counted."""
    assert collisions([Account("A", 2, 0, 1, (1, 2)), Account("B", 1, 0, 1, (2,))]) == 1
    assert collisions([Account("A", 3, 1, 2, (1, 3, 2))]) == 2


def main() -> int:
    """Run it, print the report, return 0 if there was no collision."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    accepted, accounts = asyncio.run(six_accounts())
    print(report(accepted, accounts))
    return 0 if accepted == ACCOUNTS * CALLS_PER_ACCOUNT and not collisions(accounts) else 1


if __name__ == "__main__":
    sys.exit(main())
