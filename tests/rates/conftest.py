"""Keys of a simulated exchange with limits, called through the rate model in virtual time."""

import asyncio
import random
from collections import Counter

import pytest

from krakenonce.kraken.replies import Refused, judge_payload
from krakenonce.lanes import Priority
from krakenonce.rates import Limits, NotSent, RateRegistry
from tests.simulator.conftest import Bench
from tests.virtual_time import run_virtually

URL = "https://kraken.example"


class Party:
    """One API key's client: counted, then one request at a time over a network of random delays."""

    def __init__(self, venue, key, limits):
        self.venue, self.key = venue, key
        self.rates = venue.registry.rates(key.key, URL, limits, venue.clock, account=key.account.name)
        self.lane = asyncio.Lock()

    async def call(self, method, priority=Priority.READ, **fields):
        permit = await self.rates.enter(method, fields, priority)
        if isinstance(permit, NotSent):
            self.venue.held_back[permit.reason.name] += 1
            return permit
        with permit:
            async with self.lane:
                permit.sent()
                outcome = await self._send(method, fields)
                permit.settle(outcome)
                return outcome

    async def _send(self, method, fields):
        await self.venue.travel()
        self.venue.exchange.advance()
        outcome = judge_payload(self.venue.bench.call(method, key=self.key, **fields))
        self.venue.answers[outcome.error if isinstance(outcome, Refused) else type(outcome).__name__] += 1
        await self.venue.travel()
        return outcome


class Venue:
    """A simulated exchange in virtual time."""

    def __init__(self, seed=7, latency_s=0.1, **settings):
        self.bench = Bench(**settings)
        self.exchange, self.clock = self.bench.exchange, self.bench.clock
        self.registry = RateRegistry()
        self.answers, self.held_back = Counter(), Counter()
        self.latency_s, self.seed = latency_s, seed
        self._random = random.Random(seed)
        print(f"seed {seed}")

    async def travel(self):
        await asyncio.sleep(self._random.uniform(0, self.latency_s))

    def party(self, number=0, *, key=0, **limits):
        return Party(self, self.exchange.accounts[number].keys[key], Limits(**limits))

    def run(self, main):
        return run_virtually(self.clock, main)

    @property
    def rate_errors(self):
        words = ("limit exceeded", "Throttled", "Too many")
        return sum(number for answer, number in self.answers.items() if any(word in answer for word in words))


@pytest.fixture
def make_venue():
    return Venue
