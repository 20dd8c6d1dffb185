"""The main promise, client by client: 200 calls by eight callers on one key, 20 ms ± 15, no invalid nonce.

The judge is the simulated exchange, which delays each request before it looks at its nonce. The positive control is the
same contest without `install`: it must lose at least 30 %, or the judge would not be one. There the requests cross each
other by their number and not by milliseconds, which a slow machine would smooth out.
"""

import asyncio
import contextlib

import pytest

from krakenonce.adapters import install
from tests.adapters.clients import BY_NAME
from tests.adapters.contests import Contest

CALLS = 200
WAYS = 3
SHARE_LOST_WITHOUT = 0.30


def nonces_in_order_of_judgement(sim, name):
    return [int(row["nonce"]) for row in sim.log() if row["account"] == name]


def contests(kind, sim, prepare):
    """Return one contest for each way of using the client, each on an account of its own."""
    made = [Contest(kind, sim.url, account, CALLS, prepare) for account in sim.accounts[:WAYS]]
    return [(contest, contest.ways()[place]) for place, contest in enumerate(made)]


@pytest.mark.kraken_sim(accounts=WAYS, latency_ms=20, jitter_ms=15, seed=2)
async def test_installed_clients_lose_nothing(kind, manager, kraken_sim):
    running = contests(kind, kraken_sim, lambda client: install(client, manager=manager))
    await asyncio.gather(*[way() for _, way in running])
    for contest, way in running:
        figures = kraken_sim.stats()["keys"][contest.name]
        assert not contest.errors, way.__name__
        assert (figures["accepted"], figures["invalid_nonces"]) == (CALLS, 0), way.__name__
        assert figures["most_in_flight"] == 1, way.__name__
        nonces = nonces_in_order_of_judgement(kraken_sim, contest.name)
        assert nonces == sorted(set(nonces)), way.__name__


class Crossing:
    """Makes every other request of a key wait for the next one, and lets that one in first."""

    def __init__(self, sim, contests):
        self._judge, sim._serving._judge = sim._serving._judge, self.judge
        self._contests = {account.key: contest for account, contest in zip(sim.accounts, contests, strict=True)}
        self._waiting = {}

    async def judge(self, request, call, *rest):
        earlier = self._waiting.pop(call.api_key, None)
        if earlier is None:
            await self._wait_for_the_next(call.api_key)
        else:
            asyncio.get_running_loop().call_soon(earlier.set_result, None)
        return await self._judge(request, call, *rest)

    async def _wait_for_the_next(self, key):
        """Wait until this one is overtaken, or its caller is the last one and there is nobody to wait for."""
        self._waiting[key] = overtaken = asyncio.get_running_loop().create_future()
        while not overtaken.done() and self._contests[key].callers_left > 1:
            await asyncio.wait((overtaken,), timeout=0.01)
        if self._waiting.get(key) is overtaken:
            del self._waiting[key]


@pytest.mark.kraken_sim(accounts=WAYS, seed=2)
async def test_without_install_a_third_is_lost(kind, kraken_sim):
    running = contests(kind, kraken_sim, lambda client: client)
    Crossing(kraken_sim, [contest for contest, _ in running])
    await asyncio.gather(*[way() for _, way in running])
    for contest, way in running:
        lost = kraken_sim.stats()["keys"][contest.name]["invalid_nonces"]
        assert lost == len(contest.errors), "and the callers hear of each loss"
        assert lost >= SHARE_LOST_WITHOUT * CALLS, way.__name__


@pytest.mark.kraken_sim(accounts=1, latency_ms=20, jitter_ms=15, seed=3)
async def test_all_clients_together_on_one_key_lose_nothing(kraken_sim, manager):
    """Threads and tasks, six libraries, one key: each counts in its own unit when left alone."""
    (account,) = kraken_sim.accounts
    kinds = [BY_NAME[name] for name in ("krakenex", "pykrakenapi", "sdk", "ccxt", "sdk-async", "ccxt-async") * 2][:8]
    share = CALLS // len(kinds)

    async def caller(client, kind):
        for _ in range(share):
            await kind.ask(client)

    async with contextlib.AsyncExitStack() as stack:
        made = [
            await stack.enter_async_context(kind.client(kraken_sim.url, account.key, account.secret)) for kind in kinds
        ]
        for client in made:
            install(client, manager=manager)
        await asyncio.gather(*[caller(client, kind) for client, kind in zip(made, kinds, strict=True)])
    figures = kraken_sim.stats()["keys"]["MASTER"]
    assert (figures["accepted"], figures["invalid_nonces"], figures["most_in_flight"]) == (CALLS, 0, 1)
