"""Into the client, and out of it again without a trace."""

import asyncio
import logging

import ccxt
import ccxt.pro
import krakenex
import pykrakenapi
import pytest
from kraken.futures import User as FuturesUser
from kraken.spot import Earn, Funding, Market, SpotAsyncClient, Trade, User

from krakenonce.adapters import SUPPORTED, Priority, install, uninstall
from krakenonce.errors import ConfigError, LaneTimeout, UnsupportedClient
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import fingerprint
from krakenonce.lanes import LaneRegistry
from tests.adapters.clients import BY_NAME, SECRET

URL = "http://127.0.0.1:9"


def target(client):
    return getattr(client, "api", client) if isinstance(client, pykrakenapi.KrakenAPI) else client


def identities(thing):
    return {name: id(value) for name, value in vars(thing).items()}


async def test_uninstall_leaves_no_trace_in_client_session_or_class(kind, manager, key):
    async with kind.client(URL, key) as client:
        own, session, cls = target(client), getattr(target(client), "session", None), type(target(client))
        before = identities(own), set(vars(cls)), set(vars(session) if session else ())
        install(client, manager=manager)
        assert identities(own) != before[0], "installing changes the instance"
        assert set(vars(cls)) == before[1], "and never the class"
        uninstall(client)
        assert (identities(own), set(vars(cls)), set(vars(session) if session else ())) == before


async def test_after_a_call_uninstall_leaves_no_hook_behind(kind, manager, key, server):
    async with kind.client(server.url, key) as client:
        before = set(vars(target(client)))
        install(client, manager=manager)
        await kind.ask(client)
        uninstall(client)
        left = {name: value for name, value in vars(target(client)).items() if name not in before}
        assert "krakenonce" not in repr(left)
        await kind.ask(client)
    coarse = server.nonces()[1]
    assert len(str(server.nonces()[0])) == 19
    assert len(str(coarse)) < 19, "the client counts in its own unit again"


async def test_an_attribute_of_the_user_comes_back(manager, key):
    def mine():
        return 1

    async with BY_NAME["krakenex"].client(URL, key) as api:
        api._nonce = mine
        install(api, manager=manager)
        assert len(str(api._nonce())) == 19
        uninstall(api)
        assert api._nonce is mine


async def test_uninstalling_what_is_not_installed_does_nothing(kind, key):
    async with kind.client(URL, key) as client:
        before = identities(target(client))
        uninstall(client)
        assert identities(target(client)) == before


async def test_installing_again_changes_nothing_and_logs_once(kind, manager, key, caplog):
    caplog.set_level(logging.INFO, "krakenonce")
    async with kind.client(URL, key) as client:
        first = install(client, "USER:alice", manager=manager)
        before = identities(target(client))
        assert install(client, "USER:alice", manager=manager) is first
        assert identities(target(client)) == before
    lines = [record.getMessage() for record in caplog.records if record.name == "krakenonce"]
    assert lines == ["GLOBAL Kraken Nonce Manager installed for USER:alice (nanosecond precision)"]


async def test_the_masters_line_is_logged_to_the_letter(manager, key, caplog):
    caplog.set_level(logging.INFO, "krakenonce")
    async with BY_NAME["krakenex"].client(URL, key) as api:
        install(api, manager=manager)
    assert caplog.messages == ["GLOBAL Kraken Nonce Manager installed for MASTER (nanosecond precision)"]


async def test_a_lesser_source_says_fallback_and_why(key, caplog, tmp_path):
    (tmp_path / "a-file").write_text("where a directory is needed")
    lesser = GlobalKrakenNonceManager(
        f"file://{tmp_path}/a-file/store", registry=LaneRegistry(), fallback=("memory://",)
    )
    caplog.set_level(logging.INFO, "krakenonce")
    async with BY_NAME["krakenex"].client(URL, key) as api:
        install(api, manager=lesser)
    line = caplog.messages[-1]
    assert line.startswith(
        "GLOBAL Kraken Nonce Manager installed for MASTER (nanosecond precision, fallback to memory://"
    )
    assert lesser.fallback_reason
    assert lesser.fallback_reason in line


@pytest.mark.parametrize("settings", [{"account": "USER:bob"}, {"priority": Priority.EXIT}, {"timeout": 1.0}])
async def test_installing_with_other_settings_is_refused(manager, key, settings):
    async with BY_NAME["krakenex"].client(URL, key) as api:
        install(api, manager=manager)
        with pytest.raises(ConfigError, match=r"uninstall\(\) first"):
            install(api, **{"account": "MASTER", "manager": manager, **settings})


async def test_two_clients_of_one_key_share_its_lane_whatever_the_library(manager, key):
    async with (
        BY_NAME["krakenex"].client(URL, key) as api,
        BY_NAME["sdk"].client(f"{URL}/", key) as sdk,
        BY_NAME["ccxt-async"].client(URL, key) as exchange,
        BY_NAME["krakenex"].client(URL, f"{key}-other") as stranger,
    ):
        lanes = {id(install(client, manager=manager).lane) for client in (api, sdk, exchange)}
        assert len(lanes) == 1
        assert id(install(stranger, manager=manager).lane) not in lanes


async def test_a_wrapper_and_the_client_inside_it_are_one_installation(manager, key):
    async with BY_NAME["pykrakenapi"].client(URL, key) as client:
        assert install(client, manager=manager) is install(client.api, manager=manager)


async def test_the_process_manager_serves_when_none_is_given(key):
    async with BY_NAME["krakenex"].client(URL, key) as api, BY_NAME["sdk"].client(URL, key) as sdk:
        assert install(api).lane is install(sdk, "USER:x").lane


@pytest.mark.parametrize("cls", [User, Trade, Market, Funding, Earn])
def test_the_whole_sdk_family_is_supported(cls, manager, key):
    client = cls(key, SECRET, URL)
    assert install(client, manager=manager).lane
    vars(client)["_SpotClient__session"].close()


async def test_ccxt_pro_is_supported(manager, key, server):
    exchange = ccxt.pro.kraken({"apiKey": key, "secret": SECRET, "enableRateLimit": False})
    exchange.timeout_on_exit = 0
    exchange.urls["api"] = {**exchange.urls["api"], "public": server.url, "private": server.url}
    before = identities(exchange)
    lane = install(exchange, manager=manager).lane
    await exchange.request("GetWebSocketsToken", ["private"], "POST")
    assert server.nonces() == [lane.stats().last_nonce]
    await exchange.close()
    uninstall(exchange)
    assert set(identities(exchange)) >= set(before)
    assert "krakenonce" not in repr(vars(exchange))


async def test_subclasses_are_supported(manager, key, server):
    class Mine(krakenex.API):
        def query_private(self, method, data=None, timeout=None):
            return super().query_private(method, data, timeout)["result"]

    api = Mine(key, SECRET)
    api.uri = server.url
    install(api, manager=manager)
    assert api.query_private("Balance") == {"ZUSD": "1.0"}
    api.close()
    assert len(str(server.nonces()[0])) == 19


@pytest.mark.parametrize(
    "thing",
    [object(), None, "krakenex", krakenex, krakenex.API],
    ids=["object", "None", "text", "module", "class"],
)
def test_an_unknown_object_gets_the_list_of_what_is_known(thing):
    with pytest.raises(UnsupportedClient) as refusal:
        install(thing)
    for line in SUPPORTED:
        assert line in str(refusal.value)


def test_other_exchanges_and_futures_are_not_mistaken_for_kraken_spot(key):
    others = [ccxt.binance(), ccxt.krakenfutures(), FuturesUser(key, SECRET), pykrakenapi.KrakenAPI(object())]
    for other in others:
        with pytest.raises(UnsupportedClient):
            install(other)
        with pytest.raises(UnsupportedClient):
            uninstall(other)


@pytest.mark.parametrize(("key", "secret"), [("", SECRET), ("a-public-key", "")])
async def test_a_client_without_credentials_is_refused_at_once(kind, manager, key, secret):
    async with kind.client(URL, key, secret) as client:
        with pytest.raises(ConfigError, match="without key or secret") as refusal:
            install(client, manager=manager)
    assert "a-public-key" not in str(refusal.value)
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize("account", ["", "master", "USER", "USER:", "USER: ", "USER:a\nb", " MASTER", None, 7])
async def test_a_malformed_account_is_refused(manager, key, account):
    async with BY_NAME["krakenex"].client(URL, key) as api:
        with pytest.raises(ConfigError, match="account"):
            install(api, account, manager=manager)
        assert "query_private" not in vars(api)


async def test_public_calls_do_not_enter_the_lane(kind, manager, key, server):
    async with kind.client(server.url, key) as client:
        lane = install(client, manager=manager, timeout=0.01).lane
        async with lane.turn():
            await kind.ask_public(client)
            with pytest.raises(LaneTimeout):
                await kind.ask(client)
    assert server.methods() == ["Time"]


async def test_a_key_given_to_the_client_later_has_its_own_lane(manager, key, server):
    async with BY_NAME["krakenex"].client(server.url, key) as api:
        installation = install(api, manager=manager)
        first = installation.lane
        api.key = f"{key}-rotated"
        api.query_private("Balance")
        assert installation.lane is not first
        assert (first.stats().turns, installation.lane.stats().turns) == (0, 1)


async def test_a_client_that_lost_its_key_complains_in_its_own_words(manager, key):
    async with BY_NAME["krakenex"].client(URL, key) as api:
        install(api, manager=manager)
        api.key = ""
        with pytest.raises(Exception, match="Either key or secret is not set"):
            api.query_private("Balance")


async def test_uninstall_is_refused_while_a_call_is_under_way(kind, manager, key, server):
    async with kind.client(server.url, key) as client:
        install(client, manager=manager)
        released = server.hold("Balance")
        call = asyncio.create_task(kind.ask(client))
        await asyncio.to_thread(server.wait_for, 1)
        with pytest.raises(ConfigError, match="1 private calls under way"):
            uninstall(client)
        released.set()
        await call
        uninstall(client)


async def test_sessions_that_clients_share_stay_guarded_until_the_last_leaves(manager, key):
    async with BY_NAME["ccxt"].client(URL, key) as one, BY_NAME["ccxt"].client(URL, f"{key}-2") as other:
        other.session.close()
        other.session = one.session
        before = set(vars(one.session))
        install(one, manager=manager)._guards.add(one.session)
        install(other, manager=manager)._guards.add(other.session)
        uninstall(one)
        assert set(vars(one.session)) != before
        uninstall(other)
        assert set(vars(one.session)) == before


async def test_the_sdks_new_session_is_guarded_like_its_first(manager, key):
    async with SpotAsyncClient(key, SECRET, URL) as client:
        install(client, manager=manager)
        first = vars(client)["_SpotAsyncClient__session"]
        vars(client)["_SpotAsyncClient__create_new_session"]()
        second = vars(client)["_SpotAsyncClient__session"]
        assert second is not first
        assert "_request" in vars(first)
        assert "_request" in vars(second)
        uninstall(client)
        assert "_request" not in vars(first)
        assert "_request" not in vars(second)
        await first.close()


async def test_a_printed_installation_shows_the_fingerprint_only(kind, manager, key):
    async with kind.client(URL, key) as client:
        shown = repr(install(client, "USER:alice", manager=manager))
    assert shown == f"Installation(account='USER:alice', key='{fingerprint(key)}')"
