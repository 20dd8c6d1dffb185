"""Two runs with one seed and one sequence of requests leave the same evidence, byte for byte, faults included."""

from __future__ import annotations

import json
import random
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from krakenonce.kraken.signing import sign
from krakenonce.simulator import serve_in_thread
from krakenonce.simulator.faults import Fault

FAULTS = (
    Fault(kind="http", status=520, phase="after", rate=0.1, endpoint="AddOrder"),
    Fault(kind="drop", phase="before", rate=0.1),
    Fault(kind="reset", phase="after", rate=0.05, account="USER:1"),
    Fault(kind="error", error="EService:Busy", rate=0.1, endpoint="Balance|OpenOrders"),
    Fault(kind="delay", ms=2, rate=0.2),
    Fault(kind="stale", ms=5000, rate=0.3, endpoint="OpenOrders"),
)
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("Balance", {}),
    ("AddOrder", {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.01"}),
    ("AddOrder", {"pair": "XBTUSD", "type": "sell", "ordertype": "limit", "price": "+3%", "volume": "0.01"}),
    ("AddOrder", {"pair": "ETHUSD", "type": "buy", "ordertype": "limit", "price": "2499", "volume": "0.1"}),
    ("OpenOrders", {}),
    ("TradesHistory", {}),
    ("CancelAll", {}),
]


def run(**settings: Any) -> tuple[str, list[str]]:
    """Send 150 calls, some with stale nonces. Returns the log's text and every answer's."""
    rng, answers = random.Random(5), []
    with serve_in_thread(accounts=2, seed=11, faults=FAULTS, latency_ms=1, jitter_ms=1, **settings) as sim:
        for nonce in range(10, 160):
            method, fields = rng.choice(CALLS)
            account = rng.choice(sim.accounts)
            number = nonce - rng.choice((0, 0, 0, 5))
            answers.append(send(sim.url, account, method, {**fields, "nonce": number}))
        log = requests.get(sim.url + "/_control/log", timeout=5).text
        assert sim.audit() == []
    return log, answers


def send(url: str, account, method: str, fields: dict[str, Any]) -> str:
    path, body = f"/0/private/{method}", urlencode(fields).encode()
    headers = {
        "API-Key": account.key,
        "API-Sign": sign(path, str(fields["nonce"]), body, account.secret),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    try:
        return requests.post(url + path, data=body, headers=headers, timeout=10).text
    except requests.ConnectionError:
        return "no answer"


def test_equal_runs_leave_equal_logs_and_with_virtual_time_equal_answers():
    (log, answers), (again, same) = run(virtual_step_ms=250), run(virtual_step_ms=250)
    assert log == again
    assert answers == same
    rows = json.loads(log)
    assert {row["verdict"] for row in rows} == {"accepted", "refused", "lost"}
    assert len({row["fault"] for row in rows}) > 4


def test_in_real_time_the_log_is_the_same_too():
    assert run(volatility=0)[0] == run(volatility=0)[0]


def test_another_seed_leaves_another_log():
    settings = {"virtual_step_ms": 250}
    log, _ = run(**settings)
    with serve_in_thread(accounts=1, seed=12) as sim, serve_in_thread(accounts=1, seed=11) as other:
        assert sim.accounts[0].key != other.accounts[0].key
    assert '"fault": "drop before"' in log


@pytest.mark.parametrize("count", [10, 1000])
def test_an_exchange_that_is_asked_rarely_shows_the_same_prices(make_bench, count: int):
    bench = make_bench(volatility=0.05, seed=3)
    for _ in range(count):
        bench.wait(100 / count)
    assert bench.exchange.markets["XXBTZUSD"].move == make_bench_after(make_bench, 100)


def make_bench_after(make_bench, seconds: float):
    bench = make_bench(volatility=0.05, seed=3)
    bench.wait(seconds)
    return bench.exchange.markets["XXBTZUSD"].move
