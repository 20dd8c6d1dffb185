"""A caller that is cancelled frees the lane only when its request is over."""

import asyncio
import gc
import logging

import pytest
from kraken.spot import SpotAsyncClient

from krakenonce.adapters import install
from tests.adapters.clients import SECRET
from tests.adapters.test_turns import until


@pytest.fixture
async def complaints():
    """What asyncio complains about in this test's loop, such as exceptions that nobody looked at."""
    heard = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: heard.append(context["message"]))
    return heard


async def in_flight(kind, client, server, method="AddOrder"):
    """Return a call whose request has arrived and is held there."""
    arrived = len(server.seen) + 1
    call = asyncio.create_task(kind.ask(client, method))
    await asyncio.to_thread(server.wait_for, arrived)
    return call


async def test_a_call_cancelled_in_flight_holds_the_lane_until_its_answer(async_kind, manager, key, server, caplog):
    caplog.set_level(logging.INFO, "krakenonce")
    async with async_kind.client(server.url, key) as client:
        lane = install(client, manager=manager).lane
        released = server.hold("AddOrder")
        call = await in_flight(async_kind, client, server)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert lane.stats().in_flight == 1, "the caller is told at once; the lane is not free"
        following = asyncio.create_task(async_kind.ask(client, "OpenOrders"))
        await until(lambda: lane.stats().waiting == 1)
        assert server.methods() == ["AddOrder"]
        released.set()
        await following
        assert server.methods() == ["AddOrder", "OpenOrders"]
        assert server.nonces() == sorted(set(server.nonces()))
        assert lane.stats().accepted == 2, "its outcome is known, though the caller is gone"
    assert "AddOrder went on after its caller was cancelled, and was answered" in caplog.messages


async def test_a_call_answered_in_the_moment_of_its_cancelling_is_logged_once(manager, key, caplog):
    caplog.set_level(logging.INFO, "krakenonce")
    calls = []

    class Quick(SpotAsyncClient):
        async def request(self, *args, **settings):
            asyncio.get_running_loop().call_soon(lambda: asyncio.get_running_loop().call_soon(calls[0].cancel))
            return {}

    async with Quick(key, SECRET, "http://127.0.0.1:9") as client:
        install(client, manager=manager)
        calls.append(asyncio.create_task(client.request("POST", "/0/private/AddOrder")))
        with pytest.raises(asyncio.CancelledError):
            await calls[0]
        await asyncio.sleep(0)
    assert caplog.messages[1:] == ["AddOrder went on after its caller was cancelled, and was answered"]


async def test_a_waiter_that_is_cancelled_leaves_the_lane_and_sends_nothing(async_kind, manager, key, server):
    async with async_kind.client(server.url, key) as client:
        lane = install(client, manager=manager).lane
        async with lane.turn():
            call = asyncio.create_task(async_kind.ask(client, "AddOrder"))
            await until(lambda: lane.stats().waiting == 1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await until(lambda: lane.stats().waiting == 0)
        await async_kind.ask(client, "OpenOrders")
    assert server.methods() == ["OpenOrders"]


async def give_up_once_it_has_arrived(server, call):
    """Time *call* out in this very task."""
    async with asyncio.timeout(None) as patience:

        async def end():
            await asyncio.to_thread(server.wait_for, 1)
            patience.reschedule(asyncio.get_running_loop().time())

        ending = asyncio.create_task(end())
        try:
            await call
        finally:
            await ending


async def test_a_task_that_gave_up_on_a_call_can_make_the_next(async_kind, manager, key, server):
    """`asyncio.wait_for` runs its call in the caller's own task from Python 3.12 on."""
    async with async_kind.client(server.url, key) as client:
        install(client, manager=manager)
        released = server.hold("AddOrder")
        with pytest.raises(TimeoutError):
            await give_up_once_it_has_arrived(server, async_kind.ask(client, "AddOrder"))
        following = asyncio.ensure_future(async_kind.ask(client, "OpenOrders"))
        released.set()
        await following
    assert server.methods() == ["AddOrder", "OpenOrders"]


async def test_an_error_after_the_caller_has_gone_is_logged_and_not_complained_about(
    async_kind, manager, key, server, caplog, complaints
):
    async with async_kind.client(server.url, key) as client:
        lane = install(client, manager=manager).lane
        released = server.hold("AddOrder", hangs_up=True)
        call = await in_flight(async_kind, client, server)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        released.set()
        await until(lambda: lane.stats().unknown == 1 and lane.stats().in_flight == 0)
        del call
        gc.collect()
        await asyncio.sleep(0)
    assert not complaints
    (line,) = [record for record in caplog.records if record.name == "krakenonce"]
    assert line.levelno == logging.WARNING
    assert line.getMessage().startswith("AddOrder went on after its caller was cancelled, and ended in ")


async def test_an_error_that_the_caller_hears_of_is_its_own_affair(
    async_kind, manager, key, server, complaints, caplog
):
    async with async_kind.client(server.url, key) as client:
        install(client, manager=manager)
        server.hold("AddOrder", hangs_up=True).set()
        with pytest.raises(Exception, match=r".*"):
            await async_kind.ask(client, "AddOrder")
        gc.collect()
        await asyncio.sleep(0)
    assert not complaints
    assert not [record for record in caplog.records if record.name == "krakenonce"]


def test_a_loop_that_ends_with_a_call_in_flight_frees_the_lane(async_kind, manager, key, server):
    lanes = []

    async def leave_early():
        client = async_kind.make(server.url, key, server.secret)
        lanes.append(install(client, manager=manager).lane)
        server.hold("AddOrder")
        call = await in_flight(async_kind, client, server)
        call.cancel()
        return client

    client = asyncio.run(leave_early())
    assert lanes[0].stats().in_flight == 0
    assert lanes[0].stats().unknown == 1
    server.wait_for_lost_connection()
    asyncio.run(_close(async_kind, client))


async def _close(kind, client):
    await kind.close(client)


async def test_many_callers_cancelled_at_random_leave_the_order_intact(async_kind, manager, key, server):
    async with async_kind.client(server.url, key) as client:
        lane = install(client, manager=manager).lane
        calls = [asyncio.create_task(async_kind.ask(client)) for _ in range(40)]
        for number, call in enumerate(calls):
            if number % 3 == 0:
                await asyncio.sleep(0.001 * (number % 5))
                call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await until(lambda: lane.stats().in_flight == lane.stats().waiting == 0)
        stats = lane.stats()
    assert server.nonces() == sorted(set(server.nonces()))
    assert stats.accepted == stats.issued == len(server.nonces())
