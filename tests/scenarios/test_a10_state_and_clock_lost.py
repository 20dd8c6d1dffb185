"""A10: the state is gone and the clock is an hour behind. One refusal per key, one raise, loud; no loop."""

import asyncio
import logging

import pytest

from krakenonce.client import KrakenClient
from krakenonce.clock import NS_PER_SECOND, ManualClock, SystemClock
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.kraken.replies import Accepted
from krakenonce.lanes import LaneRegistry

HOUR = 3600 * NS_PER_SECOND
KEYS = 5
CALLS = 20


@pytest.mark.kraken_sim(accounts=KEYS, seed=10)
async def test_a10_one_refusal_per_key_and_a_loud_report(kraken_sim, tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    for account in kraken_sim.accounts:  # what the lost state knew: each key has been used up to now
        account.keys[0].nonces.accept(SystemClock().wall_ns())
    late = ManualClock(SystemClock().wall_ns() - HOUR, SystemClock().boot_ns())
    manager = GlobalKrakenNonceManager(f"file://{tmp_path}/state", clock=late, registry=LaneRegistry())

    async def use(account):
        credentials = Credentials(account.key, account.secret)
        async with KrakenClient(credentials, manager=manager, base_url=kraken_sim.url) as client:
            return [await client.call("Balance") for _ in range(CALLS)]

    outcomes = await asyncio.gather(*(use(account) for account in kraken_sim.accounts))
    manager.store.close()
    assert all(isinstance(outcome, Accepted) for mine in outcomes for outcome in mine)
    for account in kraken_sim.accounts:
        assert kraken_sim.stats()["keys"][account.name]["invalid_nonces"] == 1
        told = [text for text in caplog.messages if manager.lane(account.key, base_url=kraken_sim.url).key in text]
        assert any("clock" in text for text in told), caplog.messages
