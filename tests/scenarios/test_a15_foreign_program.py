"""A15: a foreign program uses the key every two seconds. It is named within two refusals; nobody else notices."""

import pytest

from krakenonce.cli.demo.unordered import UnorderedLanes
from krakenonce.client import KrakenClient
from krakenonce.clock import NS_PER_SECOND, ManualClock, SystemClock
from krakenonce.errors import LaneQuarantined
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.kraken.replies import Accepted
from krakenonce.lanes import LaneRegistry
from krakenonce.refusals.events import read_events
from krakenonce.refusals.watch import Watch
from krakenonce.simulator import SimulatedKraken

ROUNDS, CALLS = 5, 10


def client_of(account, url, clock):
    manager = GlobalKrakenNonceManager("memory://", clock=clock, registry=LaneRegistry())
    credentials = Credentials(account.key, account.secret)
    return manager, KrakenClient(credentials, manager=manager, base_url=url, clock=clock)


async def trade_beside_a_foreign_program(sim):
    """Make ten calls every two seconds, and let the other program make one, its clock a second ahead of ours."""
    now = SystemClock().wall_ns()  # the exchange dates its answers by it
    ours, theirs = ManualClock(wall_ns=now), ManualClock(wall_ns=now + NS_PER_SECOND)
    shared, own = sim.accounts[1], sim.accounts[2]
    manager, client = client_of(shared, sim.url, ours)
    foreign = KrakenClient(
        Credentials(shared.key, shared.secret), manager=UnorderedLanes(theirs), base_url=sim.url, clock=theirs
    )
    _, neighbour = client_of(own, sim.url, ours)
    neighbours, kept_back = [], []
    async with client, foreign, neighbour:
        for _ in range(ROUNDS):
            for _ in range(CALLS):
                try:
                    await client.call("Balance")
                except LaneQuarantined as error:
                    kept_back.append(str(error))
                neighbours.append(await neighbour.call("Balance"))
                ours.advance(NS_PER_SECOND * 2 // CALLS)
                theirs.advance(NS_PER_SECOND * 2 // CALLS)
            await foreign.call("Balance")
    lane = manager.lane(shared.key, base_url=sim.url)
    return read_events(lane.store.remembered(lane.key)), neighbours, kept_back


async def test_a15_it_is_named_and_contained():
    async with SimulatedKraken(accounts=3, lockout_after=6, lockout_scope="ip") as sim:
        events, neighbours, kept_back = await trade_beside_a_foreign_program(sim)
        figures = sim.stats()["keys"]
    refusals = [event for event in events if event.kind == "refused"]
    assert 1 <= len(refusals) <= 3
    assert any(event.cause == "FOREIGN_PROGRAM" and "answered 20" in event.text for event in refusals[:2])
    assert kept_back
    assert all("another program uses this key" in text for text in kept_back)
    assert [type(outcome) for outcome in neighbours] == [Accepted] * ROUNDS * CALLS
    assert set(figures["USER:1"]["causes"]) == {"EAPI:Invalid nonce"}, "no lockout"
    assert figures["USER:2"]["refused"] == 0


async def test_a15_without_a_quarantine_the_exchange_notices(monkeypatch):
    """Positive control: the same two programs, and nobody counts refusals."""
    monkeypatch.setattr(Watch, "may_risk", lambda _: True)
    monkeypatch.setattr(Watch, "check", lambda _: False)
    async with SimulatedKraken(accounts=3) as sim:
        await trade_beside_a_foreign_program(sim)
        assert sim.stats()["keys"]["USER:1"]["invalid_nonces"] > 3


@pytest.fixture(autouse=True)
def _patient(caplog):
    caplog.set_level("ERROR", "krakenonce")
