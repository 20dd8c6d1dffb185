"""A16: one call is refused for its nonce: at most one re-issue, no jump beyond the step, never lower, and explained."""

import asyncio

import krakenex
import pytest

from krakenonce.adapters import install
from krakenonce.client import KrakenClient
from krakenonce.clock import NS_PER_SECOND
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.kraken.replies import Accepted
from krakenonce.lanes import LaneRegistry
from krakenonce.simulator.faults import Fault
from tests.adapters.clients import KINDS, SECRET

ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "30000", "volume": "0.001"}
REFUSE_ONE = (Fault(kind="error", error="EAPI:Invalid nonce", endpoint="AddOrder", times=1),)
REFUSE_ALL = (Fault(kind="error", error="EAPI:Invalid nonce", endpoint="AddOrder"),)


def place_by_client(manager, sim, account):
    async def place():
        credentials = Credentials(account.key, account.secret)
        async with KrakenClient(credentials, manager=manager, base_url=sim.url) as client:
            await client.call("Balance")
            return await client.call("AddOrder", ORDER)

    return isinstance(asyncio.run(place()), Accepted)


def place_by_krakenex(manager, sim, account):
    api = krakenex.API(account.key, account.secret)
    api.uri = sim.url
    install(api, manager=manager)
    api.query_private("Balance")
    reply = api.query_private("AddOrder", ORDER)
    api.close()
    return not reply["error"]


def issued(manager, sim):
    lane = manager.lane(sim.accounts[0].key, base_url=sim.url)
    return [flight.nonce for flight in lane.watch.recorder.flights()]


@pytest.mark.parametrize("place", [place_by_client, place_by_krakenex])
@pytest.mark.kraken_sim(accounts=1, faults=REFUSE_ONE)
def test_a16_it_is_sent_once_more_and_explained(kraken_sim, place, caplog):
    manager = GlobalKrakenNonceManager("memory://", registry=LaneRegistry())
    assert place(manager, kraken_sim, kraken_sim.accounts[0])
    assert [row["method"] for row in kraken_sim.log()] == ["Balance", "AddOrder", "AddOrder"]
    nonces = issued(manager, kraken_sim)
    assert nonces == sorted(set(nonces))
    assert nonces[-1] - nonces[0] < 60 * NS_PER_SECOND
    (line,) = [record.message for record in caplog.records if "was refused" in record.message]
    assert str(nonces[1]) in line
    assert str(nonces[2]) in line


@pytest.mark.parametrize("place", [place_by_client, place_by_krakenex])
@pytest.mark.kraken_sim(accounts=1, faults=REFUSE_ALL)
def test_a16_a_second_refusal_is_not_followed_by_a_third_order(kraken_sim, place):
    manager = GlobalKrakenNonceManager("memory://", registry=LaneRegistry())
    assert not place(manager, kraken_sim, kraken_sim.accounts[0])
    assert [row["method"] for row in kraken_sim.log()] == ["Balance", "AddOrder", "AddOrder", "GetApiKeyInfo"]
    nonces = issued(manager, kraken_sim)
    assert nonces[-1] - nonces[0] < (600 + 60) * NS_PER_SECOND


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.kraken_sim(accounts=1, faults=(Fault(kind="error", error="EAPI:Invalid nonce", times=1),))
async def test_a16_every_client_heals_a_key_it_uses_for_the_first_time(kraken_sim, kind):
    """A probe comes first there: where the key's mark lies is not known."""
    account = kraken_sim.accounts[0]
    manager = GlobalKrakenNonceManager("memory://", registry=LaneRegistry())
    async with kind.client(kraken_sim.url, account.key, account.secret) as client:
        lane = install(client, manager=manager).lane
        await kind.ask(client)
    assert [row["method"] for row in kraken_sim.log()] == ["Balance", "GetApiKeyInfo", "Balance"]
    assert (lane.stats().refused, lane.stats().accepted) == (1, 2)
    assert all(flight.sent_ns >= flight.issued_ns for flight in lane.watch.recorder.flights())
    assert SECRET not in lane.store.remembered(lane.key)[0]
