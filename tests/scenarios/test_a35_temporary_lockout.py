"""A35: a temporary lockout. For fifteen minutes nothing is sent where it holds, then one probe, then all goes on."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

from krakenonce.client import KrakenClient
from krakenonce.clock import ManualClock
from krakenonce.errors import LaneQuarantined
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.kraken.replies import Accepted, Refused
from krakenonce.lanes import LaneRegistry
from krakenonce.refusals.standing import LOCKOUT_SPAN, MINUTE
from krakenonce.simulator import SimulatedKraken
from krakenonce.simulator.faults import Fault
from tests.leap import until

LOCKED_OUT = "EGeneral:Temporary lockout"


@asynccontextmanager
async def exchange(**settings):
    """Run an exchange and one client for each account, all by one clock that is moved."""
    clock = ManualClock()
    manager = GlobalKrakenNonceManager("memory://", clock=clock, registry=LaneRegistry())
    async with SimulatedKraken(clock=clock, **settings) as sim, AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                KrakenClient(Credentials(one.key, one.secret), manager=manager, base_url=sim.url, clock=clock)
            )
            for one in sim.accounts
        ]
        yield sim, clock, clients


async def call(client, method="Balance"):
    try:
        return await client.call(method, {"txid": "O"} if method == "CancelOrder" else None)
    except LaneQuarantined as error:
        return error


def methods_of(sim, account, since=0):
    return [row["method"] for row in sim.log()[since:] if row["account"] == account]


async def test_a35_a_lockout_of_one_key_stops_that_key_alone():
    fault = Fault(kind="error", error=LOCKED_OUT, account="USER:1", times=1)
    async with exchange(accounts=3, faults=(fault,)) as (sim, clock, (master, user, other)):
        assert isinstance(await call(user), Refused)
        since = len(sim.log())
        for _ in range(14):
            for method in ("Balance", "CancelOrder"):
                kept_back = await call(user, method)
                assert isinstance(kept_back, LaneQuarantined)
                assert "temporary lockout" in str(kept_back)
            assert isinstance(await call(master), Accepted)
            assert isinstance(await call(other), Accepted)
            clock.advance(MINUTE)
        assert methods_of(sim, "USER:1", since) == []
        assert methods_of(sim, "MASTER", since) == ["GetApiKeyInfo"] + ["Balance"] * 14, "it was the scout"
        assert methods_of(sim, "USER:2", since) == ["Balance"] * 14
        clock.advance(MINUTE)
        assert isinstance(await call(user), Accepted)
        assert isinstance(await call(user), Accepted)
        assert methods_of(sim, "USER:1", since) == ["GetApiKeyInfo", "Balance", "Balance"]


async def test_a35_while_the_scout_is_out_the_others_wait_and_exits_do_not():
    lockout = Fault(kind="error", error=LOCKED_OUT, account="USER:1", times=1)
    slow = Fault(kind="hold", ms=3_600_000, endpoint="GetApiKeyInfo")
    async with exchange(accounts=20, faults=(lockout, slow)) as (sim, _, (master, user, *others)):
        assert isinstance(await call(user), Refused)
        since = len(sim.log())
        reads = [asyncio.create_task(call(other)) for other in others]
        await until(lambda: sim.exchange.faults.report()[1]["struck"])
        assert isinstance(await call(master, "CancelOrder"), Refused)
        (first,) = sim.log()[since:]
        assert (first["method"], first["cause"]) == ("CancelOrder", "EOrder:Invalid order")
        sim._serving._holding.release()
        assert [type(outcome) for outcome in await asyncio.gather(*reads)] == [Accepted] * len(others)
        methods = [row["method"] for row in sim.log()[since:]]
    assert methods.count("GetApiKeyInfo") == 1
    assert methods.count("Balance") == len(others)


async def test_a35_a_lockout_of_the_address_is_found_out_by_one_scout():
    async with exchange(accounts=6, lockout_scope="ip", lockout_after=1) as (sim, clock, clients):
        bad = KrakenClient(Credentials("no-such-key", "AAAA"), base_url=sim.url, manager=GlobalKrakenNonceManager(
            "memory://", registry=LaneRegistry()))  # fmt: skip
        await bad.call("Balance")
        await bad.close()
        since = len(sim.log())
        answers = [await call(client) for client in clients[:5]]
        assert [type(answer) for answer in answers] == [Refused] + [LaneQuarantined] * 4
        assert isinstance(await call(clients[4], "CancelOrder"), Refused), "exits go on"
        for _ in range(14):
            clock.advance(MINUTE)
            for client in clients:
                assert isinstance(await call(client), LaneQuarantined)
        assert len(sim.log()) - since == 3, "the first call, the scout's probe, and the exit"
        clock.advance(2 * MINUTE)
        assert isinstance(await call(clients[5]), Accepted)
        assert methods_of(sim, "USER:5", since) == ["GetApiKeyInfo", "Balance"]
        for client in clients:
            assert isinstance(await call(client), Accepted)


async def test_a35_a_lockout_that_goes_on_is_asked_about_once_in_fifteen_minutes():
    fault = Fault(kind="error", error=LOCKED_OUT, account="MASTER")
    async with exchange(accounts=1, faults=(fault,)) as (sim, clock, (master,)):
        await call(master)
        for _ in range(3):
            clock.advance(LOCKOUT_SPAN)
            for _ in range(5):
                assert isinstance(await call(master), LaneQuarantined)
        assert methods_of(sim, "MASTER") == ["Balance"] + ["GetApiKeyInfo"] * 3
