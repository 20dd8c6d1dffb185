"""What Kraken does not document is a switch, and each switch does something."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from krakenonce.errors import ConfigError
from krakenonce.simulator import Settings
from krakenonce.simulator.accounts import PERMISSIONS
from krakenonce.simulator.calls import Call
from krakenonce.simulator.control import Control
from krakenonce.simulator.rest.routing import PRIVATE
from krakenonce.simulator.settings import settings_from

TINY = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "40000", "volume": "0.00001"}


def test_the_two_forms_of_the_minimum(bench, make_bench):
    assert bench.error("AddOrder", **TINY) == "EGeneral:Invalid arguments:volume minimum not met"
    documented = make_bench(order_minimum_error="documented")
    assert documented.error("AddOrder", **TINY) == "EOrder:Order minimum not met"


def test_a_higher_cost_minimum(make_bench):
    bench = make_bench(cost_minimum=Decimal(5))
    assert bench.error("AddOrder", **{**TINY, "volume": "0.0001"}) == "EOrder:Cost minimum not met"


def test_whether_stop_orders_hold(bench, make_bench):
    stop = {"ordertype": "stop-loss", "type": "sell", "price": "40000", "volume": "2"}
    bench.order(**stop)
    assert bench.ok("BalanceEx")["XXBT"]["hold_trade"] == "2.0000000000"
    free = make_bench(stop_orders_hold=False)
    txid, other = free.order(**stop), free.order(**stop)
    assert free.ok("BalanceEx")["XXBT"]["hold_trade"] == "0.0000000000"
    free.set_price("39000")
    assert [free.look(txid)["status"], free.look(other)["status"]] == ["closed", "canceled"]
    assert free.look(other)["reason"] == "Insufficient funds"


def test_what_a_gone_order_answers(make_bench):
    bench = make_bench(gone_order_error="EOrder:Invalid order")
    txid = bench.order(price="40000")
    bench.ok("CancelOrder", txid=txid)
    assert bench.error("CancelOrder", txid=txid) == "EOrder:Invalid order"


def test_dashes_in_client_ids(make_bench):
    lenient = make_bench(strict_client_ids=False)
    lenient.order(price="40000", cl_ord_id="arb-20240509-00010")
    assert lenient.error("AddOrder", **{**TINY, "volume": "0.1"}, cl_ord_id="x" * 19).endswith(":cl_ord_id")


@pytest.mark.parametrize("text", ["6d1b345e-2821-40e2-ad83-4ecb18a06876", "da8e4ad59b78481c93e589746b0cf91f"])
def test_uuids_as_client_ids(bench, text: str):
    bench.order(price="40000", cl_ord_id=text)
    assert bench.ok("CancelOrder", cl_ord_id=text) == {"count": 1}


def test_a_clock_that_is_wrong_judges_deadlines(make_bench):
    bench = make_bench(clock_error_ms=-60_000)
    order = {**TINY, "volume": "0.1"}
    assert bench.error("AddOrder", **order, deadline="2026-09-21T14:13:25Z") == "EGeneral:Invalid arguments:deadline"
    bench.ok("AddOrder", **order, deadline="2026-09-21T14:12:25Z")


@pytest.mark.parametrize("method", sorted(name for name, method in PRIVATE.items() if method.permissions))
def test_every_method_needs_its_permission(bench, method: str):
    key = bench.master.keys[0]
    for permission in PRIVATE[method].permissions:
        key.permissions = frozenset({permission})
        assert bench.call(method, key=key)["error"] != ["EGeneral:Permission denied"]
    key.permissions = frozenset(PERMISSIONS) - set(PRIVATE[method].permissions)
    assert bench.error(method) == "EGeneral:Permission denied"


@pytest.mark.parametrize(
    "knobs",
    [
        {"accounts": 0},
        {"latency_ms": -1},
        {"latency_ms": 5, "jitter_ms": 6},
        {"tier": "gold"},
        {"market": "closed"},
        {"lockout_scope": "world"},
        {"fees": "1999"},
        {"latency": 5},
    ],
)
def test_impossible_settings_are_named(knobs: dict[str, Any]):
    with pytest.raises(ConfigError, match=list(knobs)[-1]):
        settings_from(knobs)


def test_a_jitter_without_latency_is_refused():
    with pytest.raises(ConfigError, match="jitter_ms"):
        Settings(jitter_ms=1)


class Desk:
    """The control surface of a bench, without a port."""

    def __init__(self, bench) -> None:
        self._control = Control(bench.exchange)

    def __call__(self, path: str, document: Any = None, **changes: Any) -> tuple[int, Any]:
        verb = "GET" if document is None else "POST"
        call = Call(verb, f"/_control/{path}", body=json.dumps(document).encode())
        reply = self._control.answer(replace(call, **changes))
        return reply.status, json.loads(reply.body)


def test_control_answers_to_this_machine_only(bench):
    control = Desk(bench)
    assert [control("stats", address=address)[0] for address in ("127.0.0.1", "::1", "10.0.0.1", "")] == [
        200,
        200,
        403,
        403,
    ]


def test_control_changes_keys_prices_states_and_time(make_bench):
    bench = make_bench(virtual_step_ms=100)
    control = Desk(bench)
    assert control("keys", {"name": "USER:1", "permissions": ["query-funds"], "nonce_window": 7})[0] == 200
    key = bench.exchange.accounts[1].keys[0]
    assert (key.permissions, key.nonces.window) == ({"query-funds"}, 7)
    assert control("keys", {"name": "USER:1", "add": True})[1]["name"] == "USER:1#2"
    assert control("keys", {"name": "USER:1", "enabled": False})[0] == 200
    assert bench.call("Balance", key=key)["error"] == ["EAPI:Invalid key"]
    assert control("price", {"pair": "BTC/USD", "price": "48000"})[1]["last"] == "48000.0"
    assert control("market", {"state": "post_only"})[1] == {"state": "post_only"}
    before = bench.exchange.now
    assert control("clock", {"advance_ms": 5000})[0] == 200
    assert bench.exchange.now - before == 5_000_000_000
    assert control("audit")[1] == {"problems": []}
    assert control("settings")[1]["virtual_step_ms"] == "100"


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("keys", {"name": "NOBODY"}),
        ("keys", {}),
        ("keys", {"name": "MASTER", "permissions": ["fly"]}),
        ("price", {"pair": "BTC/USD", "price": "cheap"}),
        ("price", {"pair": "BTC/USD", "price": "0"}),
        ("price", {"pair": "NOPE", "price": "1"}),
        ("clock", {"advance_ms": 5}),
        ("faults", {"faults": [5]}),
        ("market", []),
    ],
)
def test_control_refuses_what_makes_no_sense(bench, path: str, document: Any):
    status, reply = Desk(bench)(path, document)
    assert status == 400
    assert reply["error"]
