"""Thousands of random orders over real HTTP, from many connections at once, with every fault on: the books balance."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from itertools import count
from urllib.parse import urlencode

import aiohttp
import pytest

from krakenonce.kraken.signing import sign
from krakenonce.simulator import SimulatedKraken
from krakenonce.simulator.faults import REST_KINDS, Fault
from tests.simulator.test_accounting import random_order

WORKERS = 24
FAULTS = tuple(
    Fault(kind=kind, phase=phase, rate=0.02, ms=20, status=520) for kind in REST_KINDS for phase in ("before", "after")
)


async def trade(session: aiohttp.ClientSession, sim: SimulatedKraken, rng: random.Random, nonces: count) -> bool:
    """Send one random order or a mass cancel, and return whether an answer came."""
    account = rng.choice(sim.accounts)
    fields = random_order(rng) | {"nonce": next(nonces)}
    path = "/0/private/AddOrder" if rng.random() < 0.95 else "/0/private/CancelAll"
    body = urlencode(fields).encode()
    headers = {
        "API-Key": account.key,
        "API-Sign": sign(path, str(fields["nonce"]), body, account.secret),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    try:
        async with session.post(sim.url + path, data=body, headers=headers) as response:
            return bool(await response.read())
    except aiohttp.ClientError:
        return False


@pytest.mark.parametrize("orders", [1000, pytest.param(10_000, marks=pytest.mark.proof)])
async def test_the_books_balance_with_all_faults_on(orders: int):
    rng, nonces = random.Random(9), count(1)
    settings = {
        "accounts": 5,
        "seed": 9,
        "volatility": 0.5,
        "step_ms": 50,
        "depth_usd": Decimal(5000),
        "faults": FAULTS,
    }
    async with SimulatedKraken(nonce_window=10**6, latency_ms=2, jitter_ms=2, **settings) as sim:
        async with aiohttp.ClientSession() as session:

            async def worker() -> list[bool]:
                return [await trade(session, sim, rng, nonces) for _ in range(orders // WORKERS)]

            answers = [answer for rows in await asyncio.gather(*(worker() for _ in range(WORKERS))) for answer in rows]
        rows = sim.log()
    assert sim.audit() == []
    assert sim.stats()["crashes"] == []
    assert len(rows) == len(answers)
    assert 0.02 < answers.count(False) / len(answers) < 0.3
    assert {row["fault"].split(" ")[0] for row in rows} >= set(REST_KINDS)
    assert sum(len(account.trades) for account in sim.accounts) > orders / 20
