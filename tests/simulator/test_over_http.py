"""The exchange on a port, with unmodified clients and as a process of its own."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys

import aiohttp
import krakenex
import pytest
import requests

from krakenonce.kraken.signing import sign
from krakenonce.simulator import SimulatedKraken, serve_in_thread

RUN = (
    "import argparse, sys; from krakenonce.simulator import command; p = argparse.ArgumentParser(); "
    "command.add_arguments(p); sys.exit(command.run(p.parse_args()))"
)


def krakenex_client(sim, index: int = 0) -> krakenex.API:
    client = krakenex.API(sim.accounts[index].key, sim.accounts[index].secret)
    client.uri = sim.url
    return client


def test_krakenex_trades(kraken_sim):
    client = krakenex_client(kraken_sim)
    assert client.query_public("Time")["error"] == []
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.01"}
    assert "txid" not in client.query_private("AddOrder", {**order, "validate": True})["result"]
    txid = client.query_private("AddOrder", {**order, "validate": False})["result"]["txid"][0]
    trades = client.query_private("TradesHistory")["result"]["trades"].values()
    assert [trade["ordertxid"] for trade in trades] == [txid]
    assert kraken_sim.stats()["totals"] == {"accepted": 3, "refused": 0, "lost": 0, "invalid_nonces": 0}


@pytest.mark.kraken_sim(latency_ms=2000, jitter_ms=1500, accounts=2, seed=5)  # long beside the sending of 40 calls
def test_jitter_reorders_concurrent_calls_and_the_log_shows_it(kraken_sim):
    async def scenario() -> list[str]:
        async with aiohttp.ClientSession() as session:
            return await asyncio.gather(*(balance(session, kraken_sim, nonce) for nonce in range(1, 41)))

    replies = asyncio.run(scenario())
    row = kraken_sim.stats()["keys"]["MASTER"]
    assert row["invalid_nonces"] == replies.count("EAPI:Invalid nonce") >= 5
    assert row["most_in_flight"] > 8
    assert [entry["arrival"] for entry in kraken_sim.log()] != sorted(entry["arrival"] for entry in kraken_sim.log())


async def balance(session: aiohttp.ClientSession, sim, nonce: int) -> str:
    body, path, account = f"nonce={nonce}".encode(), "/0/private/Balance", sim.accounts[0]
    headers = {"API-Key": account.key, "API-Sign": sign(path, str(nonce), body, account.secret)}
    async with session.post(sim.url + path, data=body, headers=headers) as response:
        assert response.content_type == "application/json"
        return "".join((await response.json())["error"])


async def test_the_control_surface_and_two_exchanges_side_by_side():
    async with SimulatedKraken(accounts=2, seed=1) as one, SimulatedKraken(accounts=2, seed=1) as two:
        assert one.credentials() == two.credentials()
        assert one.port != two.port
        async with aiohttp.ClientSession() as session:
            assert await balance(session, one, 1) == ""
            for name, check in {
                "accounts": lambda document: document["accounts"][0] == one.credentials()[0],
                "stats": lambda document: document["totals"]["accepted"] == 1,
                "log": lambda document: document[0]["method"] == "Balance",
            }.items():
                async with session.get(f"{one.url}/_control/{name}") as response:
                    assert check(await response.json()), name
            async with session.post(f"{one.url}/_control/market", json={"state": "upside_down"}) as response:
                assert response.status == 400


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_accounts_as_json_and_ends_cleanly(number: int):
    command = [sys.executable, "-c", RUN, "--port", "0", "--accounts", "3", "--seed", "7", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        document = json.loads(process.stdout.readline())
        process.send_signal(number)
        assert process.wait(120) == 0
    assert [row["name"] for row in document["accounts"]] == ["MASTER", "USER:1", "USER:2"]
    assert {(len(row["key"]), len(row["secret"])) for row in document["accounts"]} == {(56, 88)}
    assert document["url"].startswith("http://127.0.0.1:")


def test_the_command_refuses_what_cannot_be():
    command = [sys.executable, "-c", RUN, "--accounts", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, "")
    assert "accounts: 0. Use a number from 1 to" in done.stderr


def test_every_setting_can_be_set_on_the_command_line(tmp_path):
    log = tmp_path / "requests.log"
    options = ["--set", "margin=true", "--set", "key_info_case=camel", "--set", "token_s=60", "--log-file", str(log)]
    command = [
        sys.executable,
        "-c",
        RUN,
        "--port",
        "0",
        "--accounts",
        "1",
        "--json",
        "--fault",
        "drop,times=1",
        *options,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        document = json.loads(process.stdout.readline())
        client = krakenex.API(document["accounts"][0]["key"], document["accounts"][0]["secret"])
        client.uri = document["url"]
        with pytest.raises(requests.ConnectionError):
            client.query_private("Balance")
        assert "apiKeyName" in client.query_private("GetApiKeyInfo")["result"]
        assert client.query_private("GetWebSocketsToken")["result"]["expires"] == 60
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
    verdicts = [json.loads(line)["verdict"] for line in log.read_text().splitlines()]
    assert verdicts == ["lost", "accepted", "accepted"]


def test_a_port_in_use_is_an_error_and_not_a_hang(kraken_sim):
    with pytest.raises(OSError, match="in use"), serve_in_thread(port=kraken_sim.port):
        pass


def test_the_command_writes_each_key_into_a_file_of_its_own(tmp_path):
    command = [sys.executable, "-c", RUN, "--port", "0", "--accounts", "2", "--json", "--keys", str(tmp_path / "keys")]
    for _ in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            accounts = json.loads(process.stdout.readline())["accounts"]
            process.send_signal(signal.SIGTERM)
            assert process.wait(120) == 0
    files = sorted((tmp_path / "keys").iterdir())
    assert [file.name for file in files] == ["MASTER", "USER1"]
    assert [file.read_text().split() for file in files] == [[row["key"], row["secret"]] for row in accounts]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
