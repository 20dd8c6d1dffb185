"""A03: random delays reorder requests across connections; 200 tasks gather on one key; no nonce is refused."""

import asyncio
from base64 import b64encode

import pytest

from krakenonce.cli.demo.unordered import UnorderedLanes
from krakenonce.client import KrakenClient
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.kraken.replies import Accepted
from krakenonce.lanes import LaneRegistry
from tests.scripted_exchange import ScriptedExchange

CREDENTIALS = Credentials("the-public-key", b64encode(bytes(64)).decode())


async def gather_on_one_key(exchange, manager, tasks, **options):
    async with KrakenClient(CREDENTIALS, manager=manager, base_url=exchange.url, timeout=60, **options) as client:
        return await asyncio.gather(*(client.call("Balance") for _ in range(tasks)))


@pytest.mark.parametrize(
    ("latency_ms", "jitter_ms"),
    [pytest.param(5, 5, id="0 to 10 ms"), pytest.param(250, 250, id="0 to 500 ms", marks=pytest.mark.proof)],
)
async def test_a03_no_nonce_is_refused(latency_ms, jitter_ms):
    manager = GlobalKrakenNonceManager("memory://", registry=LaneRegistry())
    async with ScriptedExchange(latency_ms=latency_ms, jitter_ms=jitter_ms) as exchange:
        outcomes = await gather_on_one_key(exchange, manager, 200)
    assert exchange.refused == 0
    assert len(exchange.nonces) == 200
    assert [type(outcome) for outcome in outcomes] == [Accepted] * 200
    assert exchange.most_in_flight == 1


async def test_a03_the_same_without_lanes_loses_calls():
    # Two seconds apart, so that requests overtake each other even where it takes long to send one.
    async with ScriptedExchange(latency_ms=1000, jitter_ms=1000) as exchange:
        await gather_on_one_key(exchange, UnorderedLanes(), 200, reissues=0)
    assert exchange.most_in_flight > 1
    assert exchange.refused >= 60, "the positive control: this exchange does notice"
