"""What happens inside a turn: the nonce is taken last, the place by urgency, the outcome reported."""

import asyncio
import threading
from datetime import timedelta

import ccxt
import ccxt.async_support
import krakenex
import pykrakenapi
import pykrakenapi.pykrakenapi as limiter
import pytest

from krakenonce.adapters import Priority, install, priority
from krakenonce.clock import NS_PER_SECOND, ManualClock
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.methods import PURPOSES
from krakenonce.lanes import LaneRegistry
from tests.adapters.clients import BY_NAME, SECRET, _point_at
from tests.adapters.scripted import PATIENCE, Answer

NO_FUNDS = {"error": ["EOrder:Insufficient funds"], "result": {}}
REFUSED = {"error": ["EAPI:Invalid nonce"]}


async def until(condition):
    """Let the other tasks and threads go on until *condition* holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_call_is_signed_with_the_nonce_of_its_turn(kind, manager, key, server):
    async with kind.client(server.url, key) as client:
        lane = install(client, manager=manager).lane
        for calls in (1, 2, 3):
            await kind.ask(client)
            assert server.seen[-1].is_signed_right
            assert server.nonces()[-1] == lane.stats().last_nonce
            assert lane.stats().turns == lane.stats().issued == lane.stats().accepted == calls


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        (Answer({"error": ["EOrder:Insufficient funds"], "result": {}}), "refused"),
        (Answer({"error": ["WGeneral:Careful"], "result": {"ZUSD": "1.0"}}), "accepted"),
        (Answer({"error": ["EService:Busy"]}), "unknown"),
        (Answer({"error": ["EGeneral:Internal error"]}), "unknown"),
        (Answer(status=502, text="<html>Bad gateway</html>"), "unknown"),
        (Answer(status=520, text="<html>520</html>"), "unknown"),
        (Answer(text="<html>Sign in to the airport's network</html>"), "unknown"),
        (Answer(hangs_up=True), "unknown"),
    ],
    ids=["no-funds", "warning", "busy", "internal", "502", "520", "portal", "hangs-up"],
)
async def test_the_lane_is_told_how_the_call_ended(kind, manager, key, server, answer, count):
    server.answer("Balance", answer)
    async with kind.client(server.url, key) as client:
        lane = install(client, manager=manager).lane
        await asyncio.gather(kind.ask(client), return_exceptions=True)
        stats = lane.stats()
        assert {name: getattr(stats, name) for name in ("accepted", "refused", "unknown")} == {
            "accepted": 0, "refused": 0, "unknown": 0, count: 1,
        }  # fmt: skip
        await kind.ask(client)
        assert lane.stats().in_flight == 0


async def test_what_the_client_returns_and_raises_is_its_own(kind, key, manager, server):
    answers = [Answer(), Answer(NO_FUNDS), Answer({"error": ["EService:Busy"]}), Answer(status=502, text="<html>")]
    server.answer("OpenOrders", *answers, *answers)

    async def replies():
        made = [await asyncio.gather(kind.ask(client, "OpenOrders"), return_exceptions=True) for _ in answers]
        return [type(reply) if isinstance(reply, Exception) else reply for (reply,) in made]

    async with kind.client(server.url, key) as client:
        bare = await replies()
        install(client, manager=manager)
        assert await replies() == bare


async def test_outside_of_a_turn_the_hooks_give_the_sources_numbers(manager, key):
    asked = {"krakenex": "_nonce", "sdk": "get_nonce", "sdk-async": "get_nonce", "ccxt": "nonce", "ccxt-async": "nonce"}
    for name, method in asked.items():
        async with BY_NAME[name].client("http://127.0.0.1:9", key) as client:
            own = type(getattr(client, method)())
            lane = install(client, manager=manager).lane
            numbers = [getattr(client, method)() for _ in range(100)]
            assert {type(number) for number in numbers} == {own}
            assert sorted({int(number) for number in numbers}) == [int(number) for number in numbers]
            assert len(str(numbers[0])) == 19
            assert lane.stats().turns == 0


async def test_a_call_of_another_client_in_the_same_task_keeps_its_own_turn(manager, key, server):
    """A subclass that looks something up with a second client, in the middle of its own signed call."""
    other = krakenex.API(f"{key}-other", SECRET)
    other.uri = server.url
    theirs = install(other, manager=manager).lane

    class Nested(krakenex.API):
        def _sign(self, data, urlpath):
            other.query_private("Ledgers")
            return super()._sign(data, urlpath)

    api = Nested(key, SECRET)
    api.uri = server.url
    ours = install(api, manager=manager).lane
    api.query_private("Balance")
    assert server.methods() == ["Ledgers", "Balance"]
    assert server.nonces() == [theirs.stats().last_nonce, ours.stats().last_nonce]
    assert all(seen.is_signed_right for seen in server.seen)
    api.close()
    other.close()


async def test_one_dict_can_be_sent_for_many_accounts(manager, key, server):
    order = {"pair": "XBTUSD"}
    for name in ("krakenex", "sdk", "sdk-async"):
        async with BY_NAME[name].client(server.url, key) as client:
            install(client, manager=manager)
            if name == "krakenex":
                await asyncio.to_thread(client.query_private, "AddOrder", order)
            else:
                reply = client.request("POST", "/0/private/AddOrder", order)
                await asyncio.gather(*[reply] if name == "sdk-async" else [])
    assert order == {"pair": "XBTUSD"}
    assert len(server.seen) == 3


async def test_cancel_goes_before_entry_before_read(kind, manager, key, server):
    async with kind.client(server.url, key) as client:
        lane = install(client, manager=manager).lane
        calls = []
        async with lane.turn():
            for place, method in enumerate(["Ledgers", "AddOrder", "OpenOrders", "CancelAll", "EditOrder"], start=1):
                calls.append(asyncio.create_task(kind.ask(client, method)))
                await until(lambda place=place: lane.stats().waiting == place)
        await asyncio.gather(*calls)
    assert server.methods() == ["CancelAll", "AddOrder", "EditOrder", "Ledgers", "OpenOrders"]


async def test_a_caller_can_say_who_goes_first(kind, manager, key, server):
    async with kind.client(server.url, key) as client:
        lane = install(client, manager=manager, priority=Priority.ENTRY).lane
        async with lane.turn():
            calls = [asyncio.create_task(kind.ask(client, "CancelAll"))]  # ENTRY, as installed
            await until(lambda: lane.stats().waiting == 1)
            with priority(Priority.EXIT):
                calls.append(asyncio.create_task(kind.ask(client, "AddOrder")))
            await until(lambda: lane.stats().waiting == 2)
            calls.append(asyncio.create_task(kind.ask(client, "OpenOrders")))  # ENTRY again
            await until(lambda: lane.stats().waiting == 3)
        await asyncio.gather(*calls)
    assert server.methods() == ["AddOrder", "CancelAll", "OpenOrders"]


def test_every_method_of_the_table_is_one_of_krakens():
    known = {
        "AddOrder", "AddOrderBatch", "AmendOrder", "EditOrder", "CancelOrder", "CancelOrderBatch", "CancelAll",
        "CancelAllOrdersAfter",
    }  # fmt: skip
    assert set(PURPOSES) == known


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit, ZeroDivisionError])
def test_whatever_a_call_raises_the_lane_is_free_again(manager, key, server, raised):
    class Interrupted(krakenex.API):
        def _query(self, *args, **kwargs):
            raise raised

    api = Interrupted(key, SECRET)
    lane = install(api, manager=manager).lane
    with pytest.raises(raised):
        api.query_private("Balance")
    assert (lane.stats().in_flight, lane.stats().unknown) == (0, 1)
    api.close()


# ccxt's own retries


@pytest.mark.parametrize("name", ["ccxt", "ccxt-async"])
async def test_ccxts_retries_are_signed_afresh_in_the_same_turn(name, manager, key, server):
    server.answer("Balance", Answer(status=503, text="<html>"), Answer(REFUSED))
    kind = BY_NAME[name]
    async with kind.client(server.url, key) as exchange:
        exchange.options["maxRetriesOnFailure"] = 2
        lane = install(exchange, manager=manager).lane
        await kind.ask(exchange)
        stats = lane.stats()
    assert (stats.turns, stats.issued, stats.accepted) == (1, 3, 1)
    assert server.nonces() == sorted(set(server.nonces()))
    assert [seen.is_signed_right for seen in server.seen] == [True] * 3


# A17: a limiter that makes a request wait does so before its nonce is taken


class Throttle:
    """Stands for the ten seconds that a client's rate limiter waits, and notes what the lane did meanwhile."""

    def __init__(self, clock):
        self.clock, self.lane, self.seen = clock, None, []

    def wait(self, *_):
        self.seen.append((self.lane.stats().in_flight, self.lane.stats().issued))
        self.clock.advance(10 * NS_PER_SECOND)


@pytest.fixture
def throttle():
    return Throttle(ManualClock())


@pytest.fixture
def timed_manager(throttle):
    return GlobalKrakenNonceManager("memory://", clock=throttle.clock, registry=LaneRegistry())


@pytest.mark.parametrize("name", ["ccxt", "ccxt-async"])
async def test_a17_ccxts_limiter_waits_before_the_turn(name, throttle, timed_manager, key, server):
    kind = BY_NAME[name]
    async with kind.client(server.url, key) as exchange:
        own = type(exchange)

        class Throttled(own):
            def throttle(self, cost=None):
                throttle.wait()
                return asyncio.sleep(0) if kind.is_async else None

        exchange.__class__ = Throttled
        exchange.enableRateLimit = True
        throttle.lane = install(exchange, manager=timed_manager).lane
        await kind.ask(exchange)
    assert throttle.seen == [(0, 0)], "once, and before the turn"
    assert server.nonces() == [throttle.clock.wall_ns()], "the nonce is as old as the end of the wait"


@pytest.mark.parametrize("name", ["ccxt", "ccxt-async"])
async def test_a17_ccxts_real_limiter_is_asked_once_for_each_call(name, manager, key, server):
    kind = BY_NAME[name]
    async with kind.client(server.url, key) as exchange:
        waits = []
        exchange.enableRateLimit = True
        exchange.rateLimit = 1
        own = exchange.calculate_rate_limiter_cost
        exchange.calculate_rate_limiter_cost = lambda *args: waits.append(lane.stats().in_flight) or own(*args)
        lane = install(exchange, manager=manager).lane
        for _ in range(3):
            await kind.ask(exchange)
    # ccxt computes the cost again inside its own fetch2, where the wait itself is switched off.
    assert waits == [0, 1] * 3


def test_a17_pykrakenapis_limiter_waits_before_the_turn(throttle, timed_manager, key, server, monkeypatch):
    inner = krakenex.API(key, SECRET)
    inner.uri = server.url
    client = pykrakenapi.KrakenAPI(inner, tier="Starter", retry=0, crl_sleep=5)
    client.api_counter = client.limit  # the next call finds the limit reached
    throttle.lane = install(client, manager=timed_manager).lane

    def sleep(seconds):
        throttle.wait()
        client.time_of_last_query -= timedelta(seconds=60)  # its own clock: a minute later the counter has decayed

    monkeypatch.setattr(limiter.time, "sleep", sleep)
    client.get_account_balance()
    inner.close()
    assert throttle.seen == [(0, 0)]
    assert server.nonces() == [throttle.clock.wall_ns()]


async def test_the_nonce_is_younger_than_the_wait_for_the_turn(kind, timed_manager, throttle, key, server):
    async with kind.client(server.url, key) as client:
        lane = install(client, manager=timed_manager).lane
        async with lane.turn():
            call = asyncio.create_task(kind.ask(client))
            await until(lambda: lane.stats().waiting == 1)
            throttle.clock.advance(30 * NS_PER_SECOND)
        await call
    assert server.nonces() == [throttle.clock.wall_ns()]


def test_threads_that_share_one_client_object_each_find_their_own_turn(sync_kind, manager, key, server):
    """Two turns of different keys in two threads at once, through one client whose key changes: none mixes them up."""
    client = sync_kind.make(server.url, key, SECRET)
    lane = install(client, manager=manager).lane
    released = server.hold("OpenOrders")
    first = threading.Thread(target=sync_kind.private, args=(client, "OpenOrders"))
    first.start()
    server.wait_for(1)
    outside = int(install(client, manager=manager).nonce())
    second = threading.Thread(target=sync_kind.private, args=(client, "ClosedOrders"))
    second.start()
    released.set()
    first.join()
    second.join()
    sync_kind.close(client)
    assert server.methods() == ["OpenOrders", "ClosedOrders"]
    assert server.nonces()[0] < outside < server.nonces()[1] == lane.stats().last_nonce


async def test_ccxt_async_calls_that_are_made_together_all_arrive_in_order(manager, key, server):
    exchange = _point_at(
        ccxt.async_support.kraken({"apiKey": key, "secret": SECRET, "enableRateLimit": False}), server.url
    )
    exchange.timeout_on_exit = 0
    install(exchange, manager=manager)
    await asyncio.gather(*[exchange.request("Balance", ["private"], "POST") for _ in range(20)])
    await exchange.close()
    assert server.nonces() == sorted(set(server.nonces()))
    assert len(server.nonces()) == 20
