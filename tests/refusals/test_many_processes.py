"""The budget of refused nonces belongs to the key: five processes on one key spend three a minute, and not fifteen."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from krakenonce.clock import SystemClock
from krakenonce.simulator.faults import Fault
from krakenonce.stores import open_store
from krakenonce.testing.waiting import take
from tests.engines.servers import PostgresServer, RedisServer

PROCESSES, CALLS = 5, 8
ALWAYS_REFUSED = (Fault(kind="error", error="EAPI:Invalid nonce", account="USER:1"),)

# The minute is made an hour: it is never over, however slow the machine is.
PROCESS = """
import asyncio, json, sys
from krakenonce.client import KrakenClient
from krakenonce.errors import LaneQuarantined
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.refusals import standing

standing.BUDGET = ((3, standing.HOUR),)

async def main(store, url, key, secret, calls):
    manager = GlobalKrakenNonceManager(store)
    endings = []
    async with KrakenClient(Credentials(key, secret), manager=manager, base_url=url, timeout=60) as client:
        for _ in range(calls):
            try:
                endings.append(type(await client.call("Balance")).__name__)
            except LaneQuarantined:
                endings.append("kept back")
    manager.store.close()
    return endings

print(json.dumps(asyncio.run(main(**json.load(sys.stdin)))))
"""


def play(sim, store):
    """Let five processes call with the same key; return how their calls ended, and how many nonces were refused."""
    account = sim.accounts[1]
    job = {"store": store, "url": sim.url, "key": account.key, "secret": account.secret, "calls": CALLS}
    root = Path(__file__).parent.parent.parent
    command = [sys.executable, "-W", "error", "-c", PROCESS]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root)
        for _ in range(PROCESSES)
    ]
    for process in running:
        process.stdin.write(json.dumps(job))
        process.stdin.close()
        process.stdin = None
    said = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0] * PROCESSES
    return Counter(ending for text in said for ending in json.loads(text)), len(sim.log())


@pytest.mark.kraken_sim(accounts=2, faults=ALWAYS_REFUSED)
def test_on_one_host_a_key_is_refused_three_times_in_all(kraken_sim, tmp_path):
    endings, refused = play(kraken_sim, f"file://{tmp_path}/store")
    assert refused == 3
    assert endings["kept back"] >= PROCESSES * CALLS - 3


@pytest.fixture(params=[RedisServer, PostgresServer], ids=["redis", "postgresql"])
def server(request):
    server = request.param()
    yield server
    server.close()


@pytest.mark.kraken_sim(accounts=2, faults=ALWAYS_REFUSED)
def test_on_all_hosts_a_key_is_refused_three_times_in_all(kraken_sim, server):
    # An engine without data is quiet for a part of the time-to-live of whoever comes first. Those who come then have a
    # long one: nobody is taken for dead because the machine is slow.
    first = open_store(f"{server.url}?ttl=2&request_timeout=0.5&grace=0.1", SystemClock())
    take(first, "00000000000000aa:00000000000000aa")
    first.close()
    endings, refused = play(kraken_sim, f"{server.url}?ttl=300")
    assert refused == 3
    assert endings["kept back"] >= PROCESSES * CALLS - 3


@pytest.mark.kraken_sim(accounts=2, faults=ALWAYS_REFUSED)
def test_without_a_shared_store_every_process_spends_its_own(kraken_sim):
    """Positive control."""
    _, refused = play(kraken_sim, "memory://")
    assert refused == 3 * PROCESSES
