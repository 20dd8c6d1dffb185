"""Whatever is sent, the answer is one of Kraken's kind: no traceback, no hung connection, no changed balance."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from krakenonce.simulator import SimulatedKraken
from krakenonce.simulator.accounting import audit
from krakenonce.simulator.websocket.channels import CHANNELS
from krakenonce.simulator.websocket.trading import METHODS

EXAMPLES = settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

numbers = st.one_of(
    st.integers(), st.floats(), st.sampled_from([0, -1, 1e300, -1e-300, 10**400, 0.1, 1e15, 999999999999999])
)
leaves = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=30))
anything = st.recursive(
    leaves,
    lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(max_size=12), part, max_size=4),
    max_leaves=8,
)
names = sorted({field for method in METHODS.values() for field in method.fields})
good = {
    "symbol": ["BTC/USD", "ETH/EUR", "XBT/USD", ["BTC/USD"]],
    "order_type": [
        "limit",
        "market",
        "iceberg",
        "stop-loss",
        "take-profit-limit",
        "trailing-stop",
        "trailing-stop-limit",
    ],
    "side": ["buy", "sell"],
    "order_qty": [0.1, 1, 1e-8, 10**14, 999999999999999],
    "limit_price": [40000, 60000.1, 1, 999999999999999, -5],
    "limit_price_type": ["static", "pct", "quote"],
    "triggers": [{"price": 45000}, {"price": 1, "price_type": "pct"}, {"price": 999999999999999}],
    "time_in_force": ["gtc", "ioc", "fok", "gtd"],
    "cash_order_qty": [50, 999999999999999],
    "conditional": [{"order_type": "limit", "limit_price": 50000}],
    "display_qty": [0.01, 0.1],
    "timeout": [0, 60],
    "orders": [[{"order_type": "market", "side": "sell", "order_qty": 0.1}] * 2, ["1", "2"]],
    "order_id": [["OAAAAA-AAAAA-AAAAAA"], "OAAAAA-AAAAA-AAAAAA"],
}


@st.composite
def orders(draw) -> dict[str, Any]:
    """Params of an order that has all it needs, with sizes from nothing to absurd."""
    params = {name: draw(st.sampled_from(good[name])) for name in ("order_type", "side", "order_qty")}
    params["symbol"] = "BTC/USD"
    if params["order_type"] in ("limit", "iceberg") or params["order_type"].endswith("-limit"):
        params["limit_price"] = draw(st.sampled_from(good["limit_price"]))
    if params["order_type"] not in ("limit", "market", "iceberg"):
        params["triggers"] = draw(st.sampled_from(good["triggers"]))
    if params["order_type"] == "iceberg":
        params["display_qty"] = params["order_qty"]
    return params


@st.composite
def requests(draw) -> dict[str, Any]:
    """A request that is nearly right: known methods, known fields, values that fit or do not."""
    method = draw(st.sampled_from([*METHODS, "add_order", "add_order", "subscribe", "unsubscribe", "ping", "magic"]))
    known = sorted(METHODS[method].fields) if method in METHODS else ["symbol", "depth", "interval", "snapshot"]
    fields = draw(st.lists(st.sampled_from(known) if known else st.sampled_from(names), max_size=9, unique=True))
    params = {
        name: draw(st.sampled_from(good[name]) if name in good and draw(st.booleans()) else anything) for name in fields
    }
    if method == "add_order" and draw(st.integers(0, 3)):
        params = draw(orders()) | dict(list(params.items())[: draw(st.integers(0, 2))])
    if "subscribe" in method:
        params["channel"] = draw(st.sampled_from([*CHANNELS, "level3"]))
    if draw(st.integers(0, 9)) == 0:
        params[draw(st.text(max_size=10))] = draw(anything)
    document: dict[str, Any] = {"method": method, "params": params}
    if draw(st.booleans()):
        document["req_id"] = draw(st.one_of(st.integers(0, 99), anything))
    return document


def judge(frames: list[dict[str, Any]]) -> None:
    """Check that there is an answer, and that every answer is whole."""
    replies = [frame for frame in frames if "method" in frame]
    assert replies
    for reply in replies:
        if reply["method"] == "pong":
            continue
        assert reply.keys() >= {"method", "success", "time_in", "time_out"}
        assert ("result" in reply) is reply["success"] is ("error" not in reply)
        assert reply["success"] or "Internal error" not in reply["error"]


@EXAMPLES
@given(frame=st.one_of(st.text(max_size=200), st.binary(max_size=200), anything.map(json.dumps)))
def test_frames_without_sense_are_malformed(line, frame):
    line.session.allowance = 200
    replies = line.raw(frame)
    judge(replies)
    assert replies[0]["error"]


@EXAMPLES
@given(document=requests())
def test_requests_that_are_nearly_right(line, document):
    exchange, account = line.bench.exchange, line.account
    line.session.allowance = 200
    document["params"]["token"] = line.token
    balances, traded = deepcopy(account.wallet.balances), len(account.trades)
    replies = line.raw(json.dumps(document))
    judge(replies)
    if len(account.trades) == traded:
        assert account.wallet.balances == balances
    assert exchange.evidence.crashes == []
    assert audit(exchange) == []


@pytest.mark.parametrize(
    ("send", "code"),
    [
        (lambda socket: socket.send_bytes(b"\x00\xff"), None),
        (lambda socket: socket.send_str("{" * 5000), None),
        (lambda socket: socket.send_str('"' + "x" * (2 * 1024 * 1024) + '"'), 1009),
        (lambda socket: socket._writer.send_frame(b"\xff\xfe\xfd", aiohttp.WSMsgType.TEXT), 1007),
        (lambda socket: socket._writer.send_frame(b"x", 0x5), 1002),
    ],
)
async def test_frames_that_break_the_protocol_end_the_connection_and_nothing_else(send, code):
    async with SimulatedKraken(accounts=1) as sim, aiohttp.ClientSession() as session:
        async with session.ws_connect(f"{sim.ws_url}/v2") as other, session.ws_connect(f"{sim.ws_url}/v2") as socket:
            await other.receive_json()
            await socket.receive_json()
            await send(socket)
            if code is None:
                assert (await socket.receive_json())["error"] == "Malformed request"
            else:
                await socket.receive(timeout=5)
                assert socket.close_code == code
            await other.send_json({"method": "ping"})
            assert (await other.receive_json())["method"] == "pong"
        assert sim.exchange.evidence.crashes == []
