"""A nonce is transmitted once: no redirects, no retries of the transport, and a time-out closes the connection."""

import asyncio

import pytest
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from krakenonce.adapters import install, uninstall
from krakenonce.errors import OutcomeUnknown
from tests.adapters.clients import BY_NAME
from tests.adapters.scripted import Answer


def moved(status, method="Balance"):
    return Answer(status=status, text="", headers={"Location": f"/0/private/{method}"})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_of_a_private_call_is_not_followed(kind, manager, key, server, status):
    server.answer("Balance", moved(status, "Ledgers"))
    async with kind.client(server.url, key) as client:
        lane = install(client, manager=manager).lane
        with pytest.raises(OutcomeUnknown, match=f"HTTP {status}"):
            await kind.ask(client)
        assert lane.stats().unknown == 1
        await kind.ask(client)
    assert server.methods() == ["Balance", "Balance"]


async def test_without_install_the_signed_body_is_sent_twice(kind, key, server):
    """The positive control: this is what the guard prevents."""
    server.answer("Balance", moved(307))
    async with kind.client(server.url, key) as client:
        await kind.ask(client)
    assert server.methods() == ["Balance", "Balance"]
    assert len(set(server.nonces())) == 1


async def test_after_uninstall_redirects_are_followed_again(kind, manager, key, server):
    async with kind.client(server.url, key) as client:
        install(client, manager=manager)
        await kind.ask(client)
        uninstall(client)
        server.answer("Balance", moved(307))
        await kind.ask(client)
    assert server.methods() == ["Balance"] * 3


async def test_public_calls_follow_redirects_as_before(kind, manager, key, server):
    server.answer("Time", Answer(status=302, text="", headers={"Location": "/0/public/Time"}))
    async with kind.client(server.url, key) as client:
        install(client, manager=manager)
        await kind.ask(client)  # whatever is put into sessions on the first private call is in place now
        await kind.ask_public(client)
    assert server.methods() == ["Balance", "Time", "Time"]


async def test_a_session_told_to_resend_posts_does_not_resend_private_ones(manager, key, server):
    busy = [Answer(status=503, text="") for _ in range(2)]
    server.answer("Balance", *busy)
    server.answer("Time", *busy)
    async with BY_NAME["krakenex"].client(server.url, key) as api:
        eager = Retry(3, allowed_methods=None, status_forcelist=[503], backoff_factor=0)
        api.session.mount("http://", HTTPAdapter(max_retries=eager))
        install(api, manager=manager)
        with pytest.raises(Exception, match="503"):
            await asyncio.to_thread(api.query_private, "Balance")
        assert server.methods() == ["Balance"]
        await asyncio.to_thread(api.query_public, "Time")
        assert server.methods() == ["Balance"] + ["Time"] * 3, "public calls are retried as the user wants it"


def give_up_quickly(kind, client):
    """Within 3 s: a thousand times what the call takes that is answered."""
    if "ccxt" in kind.name:
        client.timeout = 3000  # ms
    elif "sdk" in kind.name:
        client.TIMEOUT = 3  # s
    else:
        api = getattr(client, "api", client)
        send = api.session.request
        api.session.request = lambda *args, **settings: send(*args, **{**settings, "timeout": 3})


async def test_a_time_out_closes_the_connection_before_the_lane_moves_on(kind, manager, key, server):
    server.hold("Balance")
    async with kind.client(server.url, key) as client:
        give_up_quickly(kind, client)
        lane = install(client, manager=manager).lane
        outcome = (await asyncio.gather(kind.ask(client), return_exceptions=True))[0]
        assert isinstance(outcome, Exception)
        await asyncio.to_thread(server.wait_for_lost_connection)
        assert (lane.stats().unknown, lane.stats().in_flight) == (1, 0)
        await kind.ask(client)
    assert server.nonces() == sorted(set(server.nonces()))
    assert len(server.nonces()) == 2


async def test_an_answer_that_the_client_leaves_unread_is_closed_with_the_turn(manager, key, server):
    """python-kraken-sdk's asynchronous client raises on a bad gateway without reading its page."""
    kind = BY_NAME["sdk-async"]
    server.answer("Balance", Answer(status=502, text="<html>" * 1_000_000))
    async with kind.client(server.url, key) as client:
        install(client, manager=manager)
        with pytest.raises(Exception, match="502") as error:
            await kind.ask(client)
        assert error.value.__traceback__, "which still holds the response"
        await asyncio.to_thread(server.wait_for_lost_connection)


BAD_GATEWAY = Answer(status=502, text="<html>" * 1000)


@pytest.mark.parametrize("answer", [Answer(), BAD_GATEWAY, Answer({"error": ["EAPI:Invalid key"]})])
async def test_the_flight_recorder_knows_the_port_once_there_is_an_answer(kind, manager, key, server, answer):
    server.answer("Balance", answer)
    async with kind.client(server.url, key) as client:
        lane = install(client, manager=manager).lane
        await asyncio.gather(kind.ask(client), return_exceptions=True)
        assert [flight.connection for flight in lane.watch.recorder.flights()] == server.ports[-1:]
