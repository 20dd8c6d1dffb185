"""Faults over real HTTP: what the client sees, and whether the exchange executed the order all the same."""

from __future__ import annotations

import asyncio
import threading
import time
from urllib.parse import urlencode

import aiohttp
import krakenex
import pytest
import requests

from krakenonce.errors import ConfigError
from krakenonce.kraken.signing import sign
from krakenonce.simulator import SimulatedKraken, serve_in_thread
from krakenonce.simulator.faults import Fault, Faults, parse_fault

ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "40000", "volume": "0.01"}


def client_of(sim: SimulatedKraken, index: int = 0) -> krakenex.API:
    client = krakenex.API(sim.accounts[index].key, sim.accounts[index].secret)
    client.uri = sim.url
    return client


def open_count(sim: SimulatedKraken) -> int:
    return len(client_of(sim).query_private("OpenOrders")["result"]["open"])


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize(
    ("kind", "expected"),
    [("drop", requests.ConnectionError), ("reset", requests.ConnectionError), ("http", requests.HTTPError)],
)
def test_lost_answers(kind: str, expected: type[Exception], phase: str):
    fault = Fault(kind=kind, phase=phase, endpoint="AddOrder", status=520, times=1)
    with serve_in_thread(accounts=1, faults=(fault,)) as sim:
        client = client_of(sim)
        with pytest.raises(expected):
            client.query_private("AddOrder", ORDER)
        if kind == "http":
            assert (client.response.status_code, client.response.headers["Content-Type"]) == (
                520,
                "text/html; charset=utf-8",
            )
        assert open_count(sim) == (1 if phase == "after" else 0)
        entry = sim.log()[0]
        assert entry["fault"] == fault.label
        assert entry["verdict"] == ("accepted" if phase == "after" else "lost")
        client.query_private("AddOrder", ORDER)
        assert open_count(sim) == (2 if phase == "after" else 1)


def test_error_strings_with_execution():
    fault = Fault(kind="error", phase="after", error="EService:Busy", endpoint="AddOrder")
    with serve_in_thread(accounts=1, faults=(fault,)) as sim:
        assert client_of(sim).query_private("AddOrder", ORDER) == {"error": ["EService:Busy"]}
        assert open_count(sim) == 1


def test_a_slow_body_arrives_whole_and_late():
    with serve_in_thread(accounts=1, faults=(Fault(kind="slow", ms=300, endpoint="Balance"),)) as sim:
        begun = time.monotonic()
        assert client_of(sim).query_private("Balance")["result"]["ZUSD"] == "100000.0000"
        assert time.monotonic() - begun >= 0.25


async def place(session: aiohttp.ClientSession, sim: SimulatedKraken, nonce: int) -> list[str]:
    path, account = "/0/private/AddOrder", sim.accounts[0]
    body = urlencode(ORDER | {"nonce": nonce}).encode()
    headers = {"API-Key": account.key, "API-Sign": sign(path, str(nonce), body, account.secret)}
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    async with session.post(sim.url + path, data=body, headers=headers) as response:
        return (await response.json())["error"]


@pytest.mark.parametrize(("phase", "first"), [("before", ["EAPI:Invalid nonce"]), ("after", [])])
async def test_what_is_held_goes_on_when_it_is_released(phase: str, first: list[str]):
    fault = Fault(kind="hold", phase=phase, endpoint="AddOrder", times=1, ms=3_600_000)
    async with SimulatedKraken(accounts=1, faults=(fault,)) as sim, aiohttp.ClientSession() as session:
        held = asyncio.create_task(place(session, sim, 1))
        while not sim.exchange.faults.report()[0]["struck"]:
            await asyncio.sleep(0)
        assert await place(session, sim, 2) == []
        assert not held.done()
        async with session.post(f"{sim.url}/_control/release", json={}) as response:
            assert await response.json() == {"released": 1}
        assert await held == first
        assert [row["fault"] for row in sim.log()].count(f"hold {phase}") == 1


async def test_what_is_held_too_long_goes_on_by_itself_and_ends_with_the_exchange():
    brief = Fault(kind="hold", endpoint="AddOrder", ms=1, times=1)
    endless = Fault(kind="hold", phase="after", endpoint="AddOrder", ms=3_600_000)
    async with aiohttp.ClientSession() as session:
        async with SimulatedKraken(accounts=1, faults=(brief,)) as sim:
            assert await place(session, sim, 1) == []
            sim.exchange.faults.replace([endless])
            held = asyncio.create_task(place(session, sim, 2))
            while len(sim.log()) < 2:
                await asyncio.sleep(0)
            assert not held.done()
        await asyncio.wait((held,))
        held.exception()  # whether the answer still got out does not matter


def expect_no_answer(client: krakenex.API) -> None:
    with pytest.raises(requests.ConnectionError):
        client.query_private("Balance")


def test_a_hung_account_does_not_hold_the_others():
    fault = Fault(kind="hang", ms=60_000, account="USER:1")
    with serve_in_thread(accounts=3, faults=(fault,)) as sim:
        hung = threading.Thread(target=expect_no_answer, args=(client_of(sim, 1),))
        hung.start()
        assert client_of(sim, 0).query_private("Balance")["error"] == []
        assert client_of(sim, 2).query_private("Balance")["error"] == []
        assert hung.is_alive()
    hung.join(10)
    assert not hung.is_alive()


def test_stale_reads_do_not_show_a_fresh_order():
    with serve_in_thread(accounts=1, faults=(Fault(kind="stale", ms=60_000, endpoint="OpenOrders", times=1),)) as sim:
        client_of(sim).query_private("AddOrder", ORDER)
        assert [open_count(sim), open_count(sim)] == [0, 1]


def test_faults_are_set_while_it_runs():
    with serve_in_thread(accounts=1) as sim:
        url = sim.url + "/_control/faults"
        assert requests.get(url, timeout=5).json() == []
        rule = {"kind": "error", "error": "EAPI:Rate limit exceeded", "endpoint": "Balance"}
        assert requests.post(url, json=rule, timeout=5).json()[0]["struck"] == 0
        assert client_of(sim).query_private("Balance")["error"] == ["EAPI:Rate limit exceeded"]
        assert requests.get(url, timeout=5).json()[0]["struck"] == 1
        assert requests.post(url, json={"faults": []}, timeout=5).json() == []
        assert client_of(sim).query_private("Balance")["error"] == []
        assert requests.post(url, json={"kind": "rain"}, timeout=5).status_code == 400


def test_a_clock_that_is_wrong():
    with serve_in_thread(accounts=1) as sim:
        before = client_of(sim).query_public("Time")["result"]["unixtime"]
        requests.post(sim.url + "/_control/clock", json={"error_ms": -3_600_000}, timeout=5)
        assert 3000 <= before - client_of(sim).query_public("Time")["result"]["unixtime"] <= 3601


def test_draws_follow_from_the_seed_and_accounts_do_not_disturb_each_other():
    alone = Faults(7, [Fault(kind="drop", rate=0.5)])
    mixed = Faults(7, [Fault(kind="drop", rate=0.5)])
    first = [bool(alone.draw("Balance", "A")) for _ in range(50)]
    second = []
    for _ in range(50):
        mixed.draw("Balance", "B")
        second.append(bool(mixed.draw("Balance", "A")))
    assert first == second
    assert 10 < sum(first) < 40


def test_faults_in_words():
    fault = parse_fault("http, status=504, phase=after, rate=0.25, endpoint=Add*|Cancel*, account=USER:*, times=3")
    assert (fault.status, fault.phase, fault.rate, fault.times) == (504, "after", 0.25, 3)
    assert fault.hits("AddOrder", "USER:4")
    assert not fault.hits("Balance", "USER:4")
    assert not fault.hits("AddOrder", "MASTER")
    for text in (
        "rain",
        "http,status=200",
        "drop,rate",
        "drop,rate=2",
        "drop,colour=red",
        "hang,ms=long",
        "drop,phase=during",
    ):
        with pytest.raises(ConfigError):
            parse_fault(text)
