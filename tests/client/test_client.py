"""The client over real sockets: one transmission a nonce, and what happens when the answer does not come."""

import asyncio
import hashlib
import hmac
import random
from base64 import b64decode, b64encode
from decimal import Decimal
from urllib.parse import parse_qs

import aiohttp
import pytest

from krakenonce.client import KrakenClient
from krakenonce.clock import ManualClock
from krakenonce.errors import ConfigError
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.kraken.replies import Accepted, Refused, Unknown
from krakenonce.lanes import LaneRegistry, Priority
from tests.ending_store import EndingStore
from tests.leap import LONG_S, time_out_when
from tests.scripted_exchange import ScriptedExchange

SECOND = 1_000_000_000
CREDENTIALS = Credentials("the-public-key", b64encode(bytes(range(64))).decode())


@pytest.fixture
def manager():
    return GlobalKrakenNonceManager("memory://", registry=LaneRegistry())


def client_of(manager, exchange, **options):
    return KrakenClient(CREDENTIALS, manager=manager, base_url=exchange.url, **options)


async def test_a_call_is_signed_over_the_exact_bytes_that_are_sent(manager):
    async with ScriptedExchange() as exchange, client_of(manager, exchange) as client:
        params = {"pair": "XBTUSD", "volume": Decimal("0.00000001"), "validate": True, "price": None}
        outcome = await client.call("AddOrder", params)
    assert outcome == Accepted({"ok": True})
    body, head = exchange.bodies[0], exchange.heads[0]
    assert params == {"pair": "XBTUSD", "volume": Decimal("0.00000001"), "validate": True, "price": None}
    assert body.decode() == f"pair=XBTUSD&volume=0.00000001&validate=true&nonce={exchange.nonces[0]}"
    digest = hashlib.sha256(str(exchange.nonces[0]).encode() + body).digest()
    expected = b64encode(hmac.digest(b64decode(CREDENTIALS.secret), b"/0/private/AddOrder" + digest, "sha512")).decode()
    assert f"API-Sign: {expected}\r\n" in head
    assert "API-Key: the-public-key\r\n" in head


async def test_a_list_travels_as_json_with_the_nonce_last(manager):
    async with ScriptedExchange() as exchange, client_of(manager, exchange) as client:
        await client.call("AddOrderBatch", {"pair": "XBTUSD", "orders": [{"volume": Decimal("1e-8")}]})
    nonce = exchange.nonces[0]
    assert exchange.bodies[0].decode() == (
        f'{{"pair":"XBTUSD","orders":[{{"volume":"0.00000001"}}],"nonce":"{nonce}"}}'
    )
    assert "Content-Type: application/json" in exchange.heads[0]


async def test_public_calls_take_no_nonce_and_no_turn(manager):
    async with ScriptedExchange("hang") as exchange, client_of(manager, exchange, timeout=30) as client:
        hung = asyncio.create_task(client.call("AddOrder"))
        await exchange.hanging.wait()
        assert isinstance(await client.public("Ticker", {"pair": "XBTUSD", "count": 3}), Accepted)
        assert exchange.heads[1].startswith("GET /0/public/Ticker?pair=XBTUSD&count=3 ")
        assert not hung.done()
        exchange.hang_up()
        assert isinstance(await hung, Unknown)


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"volume": 0.1}, "volume"),
        ({"orders": [{"volume": 0.1}]}, r"orders\[0\]\[volume\]"),
        ({"nonce": 1}, "params"),
        ({"price": Decimal("NaN")}, "amount"),
        ({"data": b"x"}, "data"),
    ],
)
async def test_what_cannot_be_sent_is_refused_before_a_turn_is_taken(manager, params, field):
    async with ScriptedExchange() as exchange, client_of(manager, exchange) as client:
        with pytest.raises(ConfigError, match=field):
            await client.call("AddOrder", params)
        assert exchange.connections == 0
    assert manager.lane(CREDENTIALS.key, base_url=exchange.url).stats().turns == 0


@pytest.mark.parametrize(
    ("step", "cause"),
    [
        ("hang", "time-out"),
        ("reset", "connection lost"),
        ("close", "connection lost"),
        ("half", "connection lost"),
        (("http", 502, b"<html>Bad gateway</html>"), "HTTP 502"),
        (("http", 200, b"<html>Just a moment...</html>"), "no Kraken envelope"),
        (("http", 302, b""), "HTTP 302"),
        (("error", "EService:Unavailable"), "EService:Unavailable"),
    ],
    ids=str,
)
async def test_without_a_clear_answer_the_outcome_is_unknown_and_nothing_is_sent_twice(manager, step, cause):
    async with ScriptedExchange("ok", step) as exchange, client_of(manager, exchange, timeout=LONG_S) as client:
        await client.call("Balance")
        async with time_out_when(exchange.hanging.is_set):
            outcome = await client.call("AddOrder", {"pair": "XBTUSD"})
        assert isinstance(outcome, Unknown)
        assert cause in outcome.cause
        assert len(exchange.bodies) == 2
        assert isinstance(await client.call("Balance"), Accepted), "the lane went on"
    assert manager.lane(CREDENTIALS.key, base_url=exchange.url).stats().unknown == 1


async def test_no_connection_at_all_is_proved_to_have_had_no_effect(manager):
    async with ScriptedExchange() as exchange:
        pass
    async with client_of(manager, exchange) as client:
        outcome = await client.call("AddOrder", {"pair": "XBTUSD"})
    assert isinstance(outcome, Refused)
    assert "no connection" in outcome.error


async def test_an_error_of_krakens_is_refused_with_its_own_words(manager):
    async with (
        ScriptedExchange(("error", "EOrder:Insufficient funds")) as exchange,
        client_of(manager, exchange) as client,
    ):
        outcome = await client.call("AddOrder", {"pair": "XBTUSD"})
    assert isinstance(outcome, Refused)
    assert outcome.error == "EOrder:Insufficient funds"


async def test_a_nonce_refused_once_is_reissued_once_in_the_same_turn(manager):
    script = ["ok", ("error", "EAPI:Invalid nonce")]
    async with ScriptedExchange(*script) as exchange, client_of(manager, exchange) as client:
        await client.call("Balance")
        outcome = await client.call("AddOrder", {"pair": "XBTUSD"})
    assert isinstance(outcome, Accepted)
    assert len(exchange.bodies) == 3
    assert exchange.bodies[1].split(b"&")[0] == exchange.bodies[2].split(b"&")[0]
    sent = [int(parse_qs(body.decode())["nonce"][0]) for body in exchange.bodies]
    assert sent[0] < sent[1] < sent[2]


async def test_a_second_refusal_is_the_answer_and_a_probe_heals_the_key(manager):
    script = ["ok"] + [("error", "EAPI:Invalid nonce")] * 2
    async with ScriptedExchange(*script) as exchange, client_of(manager, exchange) as client:
        await client.call("Balance")
        outcome = await client.call("AddOrder", {"pair": "XBTUSD"})
    assert isinstance(outcome, Refused)
    assert outcome.invalid_nonce
    assert "another program uses this key" in outcome.explanation
    assert [b"pair" in body for body in exchange.bodies] == [False, True, True, False], "the probe is no order"


async def test_a_cancelled_caller_does_not_free_the_lane_before_the_answer(manager):
    async with ScriptedExchange("hold") as exchange, client_of(manager, exchange, timeout=LONG_S) as client:
        caller = asyncio.create_task(client.call("AddOrder", {"pair": "XBTUSD"}))
        await exchange.hanging.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        stats = manager.lane(CREDENTIALS.key, base_url=exchange.url).stats()
        assert stats.in_flight == 1
        following = asyncio.create_task(client.call("Balance"))
        while manager.lane(CREDENTIALS.key, base_url=exchange.url).stats().waiting == 0:
            await asyncio.sleep(0)
        exchange.release()
        assert isinstance(await following, Accepted)
    stats = manager.lane(CREDENTIALS.key, base_url=exchange.url).stats()
    assert (stats.accepted, stats.in_flight) == (2, 0)
    assert exchange.most_in_flight == 1
    assert exchange.refused == 0


async def test_a_caller_cancelled_while_it_waits_leaves_the_lane_and_sends_nothing(manager):
    async with ScriptedExchange("hold") as exchange, client_of(manager, exchange, timeout=LONG_S) as client:
        first = asyncio.create_task(client.call("Balance"))
        await exchange.hanging.wait()
        second = asyncio.create_task(client.call("AddOrder", {"pair": "XBTUSD"}))
        while manager.lane(CREDENTIALS.key, base_url=exchange.url).stats().waiting == 0:
            await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        exchange.release()
        await first
        await client.call("Balance")
    assert len(exchange.bodies) == 2


@pytest.mark.parametrize("seed", range(5))
async def test_whoever_is_cancelled_whenever_the_lane_goes_on_and_no_nonce_is_refused(manager, seed):
    dice = random.Random(seed)
    async with ScriptedExchange(latency_ms=1, jitter_ms=1, seed=seed) as exchange:
        async with client_of(manager, exchange) as client:
            calls = [asyncio.create_task(client.call("Balance")) for _ in range(60)]
            for call in dice.sample(calls, 40):
                await asyncio.sleep(dice.uniform(0, 0.003))
                call.cancel()
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
    kept = [outcome for outcome in outcomes if not isinstance(outcome, asyncio.CancelledError)]
    assert [type(outcome) for outcome in kept] == [Accepted] * len(kept)
    assert len(kept) >= 20
    assert (exchange.refused, exchange.most_in_flight) == (0, 1)
    stats = manager.lane(CREDENTIALS.key, base_url=exchange.url).stats()
    assert (stats.in_flight, stats.waiting, stats.accepted) == (0, 0, len(exchange.bodies))


async def test_a_timed_out_connection_is_reset_before_the_next_request_leaves(manager):
    async with ScriptedExchange("hang") as exchange, client_of(manager, exchange, timeout=LONG_S) as client:
        async with time_out_when(exchange.hanging.is_set):
            assert isinstance(await client.call("AddOrder", {"pair": "XBTUSD"}), Unknown)
        await client.call("Balance")
        assert exchange.ended.is_set(), "the server saw the end of the first connection before the second request"
        assert exchange.connections == 2


async def test_the_connection_stays_warm_between_calls(manager):
    async with ScriptedExchange() as exchange, client_of(manager, exchange) as client:
        for _ in range(5):
            await client.call("Balance")
    assert exchange.connections == 1


async def test_closing_waits_for_what_is_on_its_way(manager):
    async with ScriptedExchange("hold") as exchange:
        client = client_of(manager, exchange, timeout=LONG_S)
        calls = [asyncio.create_task(client.call("Balance")) for _ in range(3)]
        await exchange.hanging.wait()
        closing = asyncio.create_task(client.close())
        await asyncio.sleep(0)
        assert not closing.done()
        exchange.release()
        await closing
        assert [type(outcome) for outcome in await asyncio.gather(*calls)] == [Accepted] * 3


async def test_urgent_calls_go_first(manager):
    async with ScriptedExchange("hold") as exchange, client_of(manager, exchange, timeout=LONG_S) as client:
        first = asyncio.create_task(client.call("First"))
        await exchange.hanging.wait()
        names = ["Balance", "AddOrder", "CancelOrder"]
        calls = [asyncio.create_task(client.call(name, {"pair": "XBTUSD"})) for name in names]
        calls.append(asyncio.create_task(client.call("Exit", priority=Priority.EXIT)))
        while manager.lane(CREDENTIALS.key, base_url=exchange.url).stats().waiting < len(calls):
            await asyncio.sleep(0)
        exchange.release()
        await asyncio.gather(first, *calls)
    order = [head.split(" ")[1].rsplit("/", 1)[1] for head in exchange.heads]
    assert order == ["First", "CancelOrder", "Exit", "AddOrder", "Balance"]


def test_nothing_that_is_printed_shows_key_or_secret(manager):
    text = repr(KrakenClient(CREDENTIALS, manager=manager))
    assert CREDENTIALS.fingerprint in text
    assert CREDENTIALS.key not in text
    assert CREDENTIALS.secret[:8] not in text


async def test_what_may_not_be_sent_any_more_once_there_is_a_connection_is_never_sent(monkeypatch):
    """A process that stood still between its nonce and the first byte, in a handshake or a frozen virtual machine."""
    clock, stops, connect = ManualClock(), [2 * SECOND, 3 * SECOND], aiohttp.TCPConnector.connect

    async def standing_still(*arguments):
        connection = await connect(*arguments)
        clock.advance(stops.pop() if stops else 0)
        return connection

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", standing_still)
    announced, manager = [], GlobalKrakenNonceManager(EndingStore(clock), clock=clock, registry=LaneRegistry())

    async def announce(nonce):
        announced.append(nonce)

    async with ScriptedExchange() as exchange, client_of(manager, exchange) as client:
        assert await client.call("AddOrder", announce=announce) == Accepted({"ok": True})
    assert len(announced) == 3
    assert exchange.nonces == announced[2:]
    assert exchange.connections == 1, "one that was not used is used by the next"


async def test_however_often_a_process_stands_still_its_call_is_made():
    clock = ManualClock()
    store = EndingStore(clock, 2, 2, 2)
    manager = GlobalKrakenNonceManager(store, clock=clock, registry=LaneRegistry())
    async with ScriptedExchange() as exchange, client_of(manager, exchange) as client:
        assert await client.call("AddOrder") == Accepted({"ok": True})
    assert (len(exchange.nonces), store.grants) == (1, 4)


async def test_what_could_not_be_announced_counts_against_no_limit(manager, monkeypatch):
    counted = []

    async def announce(nonce):
        raise RuntimeError("the disk is full")

    async with ScriptedExchange() as exchange, client_of(manager, exchange) as client:
        monkeypatch.setattr(client._rates, "count", counted.append)
        with pytest.raises(RuntimeError, match="the disk is full"):
            await client.call("AddOrder", announce=announce)
        assert counted == []
        await client.call("AddOrder")
        assert len(counted) == len(exchange.nonces) == 1
