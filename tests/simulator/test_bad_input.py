"""Bad input of every kind gets an error of Kraken's own kind: no traceback, no hung connection, no changed balance."""

from __future__ import annotations

import json
import re
import socket
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from krakenonce.kraken.signing import sign
from krakenonce.simulator import serve_in_thread
from krakenonce.simulator.calls import Call
from krakenonce.simulator.rest.routing import PRIVATE, PUBLIC
from tests.simulator.conftest import Bench

ERROR = re.compile(r"E(API|General|Query|Order|Service|Trade|Auth|Account|Funding|Session): ?\S.*")
FIELD_NAMES = """
pair type ordertype volume price price2 oflags timeinforce starttm expiretm userref cl_ord_id leverage reduce_only
stptype deadline validate displayvol trigger txid orders cl_ord_ids close[ordertype] close[price] order_qty
limit_price trigger_price display_qty timeout asset ofs start end closetime trades fee_schedule count since interval
info id close
"""
VALUES = """
XBTUSD BTC/USD buy sell limit market stop-loss trailing-stop iceberg 0.1 1 -1 0 +5% #3 1e5 NaN Infinity
99999999999999 0.00000000000000001 post viqc fcib,post GTD +10 true False None null cancel-both 2:1
2026-09-21T14:13:40Z 9999-12-31T23:59:59+99:99 \x00 ٣ 💥
"""
FIELDS, WORDS = FIELD_NAMES.split(), VALUES.split()


def cases(count: int) -> settings:
    """So many examples, found anew each time; a failure prints how to repeat it."""
    return settings(
        max_examples=count, deadline=None, suppress_health_check=list(HealthCheck), database=None, print_blob=True
    )


words = st.sampled_from(WORDS) | st.text(max_size=30)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | words
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4), max_leaves=8
)
methods = st.sampled_from(sorted(PRIVATE))
BENCH = Bench(accounts=2, margin=True)
BENCH.order(price="40000", cl_ord_id="resting")


def snapshot() -> list[Any]:
    wallets = [(dict(w.balances), {k: v for k, v in w.held.items() if v}) for w in BENCH.exchange.vault.wallets]
    return [wallets, [sorted(account.open_orders) for account in BENCH.exchange.accounts]]


def judge(call: Call) -> None:
    before = snapshot()
    reply = BENCH.face.answer(call, 0)
    document = json.loads(reply.body)
    assert BENCH.exchange.evidence.crashes == []
    assert reply.status in (200, 404)
    assert all(ERROR.fullmatch(error) for error in document["error"]), document
    assert ("result" in document) != bool(document["error"])
    if document["error"]:
        assert snapshot() == before


def signed(method: str, nonce: object, body: bytes, kind: str) -> Call:
    path, key = f"/0/private/{method}", BENCH.master
    text = str(nonce)
    signature = sign(path, text, body, key.secret)
    return Call("POST", path, "", body, kind, key.key, signature, arrived_ns=BENCH.exchange.shown_ns)


HUGE = {
    "pair": "XBTUSD",
    "type": "buy",
    "volume": "99999999999999",
    "price": "99999999999999",
    "price2": "99999999999999",
}


def next_nonce() -> int:
    return BENCH.master.keys[0].nonces.highest + 1


@cases(4800)
@given(methods, st.dictionaries(st.sampled_from(FIELDS), words, max_size=8))
@example("AddOrder", {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "99999999999999"})
@example(
    "AddOrder",
    {"pair": "XBTUSD", "type": "sell", "ordertype": "trailing-stop", "volume": "1", "price": "+99999999999999%"},
)
@example(
    "AddOrder", {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "1", "price": "+99999999999999%"}
)
@example("AddOrder", {**HUGE, "ordertype": "limit"})
@example("AddOrder", {**HUGE, "ordertype": "limit", "leverage": "2"})
@example("AddOrder", {**HUGE, "ordertype": "stop-loss-limit", "oflags": "fcib"})
@example("AddOrder", {**HUGE, "ordertype": "market", "oflags": "viqc"})
@example(
    "AddOrder", {**HUGE, "ordertype": "trailing-stop-limit", "price": "+99999999999999%", "price2": "-99999999999999%"}
)
def test_random_forms(method: str, fields: dict[str, str]):
    nonce = next_nonce()
    body = urlencode({**fields, "nonce": nonce}, errors="surrogatepass").encode()
    judge(signed(method, nonce, body, "application/x-www-form-urlencoded"))


@cases(1500)
@given(methods, st.dictionaries(st.sampled_from(FIELDS), values, max_size=8))
@example("AddOrderBatch", {"pair": "XBTUSD", "orders": [{"ordertype": {}}, []]})
@example("CancelOrderBatch", {"orders": [{"txid": []}]})
@example("AddOrder", {"pair": ["XBTUSD"], "ordertype": ["limit"], "close": {"ordertype": {"a": 1}}})
def test_random_json(method: str, fields: dict[str, Any]):
    nonce = next_nonce()
    body = json.dumps({**fields, "nonce": nonce}).encode("utf-8", "surrogatepass")
    judge(signed(method, nonce, body, "application/json; charset=utf-8"))


@cases(1400)
@given(
    methods,
    st.binary(max_size=200),
    st.sampled_from(["application/json", "", "text/plain", "multipart/form-data", "\xff"]),
)
@example("Balance", b"[" * 100_000, "application/json")
@example("Balance", b'{"nonce":' + b"9" * 5000 + b"}", "application/json")
@example("Balance", b'{"nonce": NaN}', "application/json")
@example("Balance", b"&" * 5000, "application/x-www-form-urlencoded")
def test_random_bytes(method: str, body: bytes, kind: str):
    judge(signed(method, "", body, kind))


@cases(1200)
@given(st.sampled_from(sorted(PUBLIC)), st.dictionaries(st.sampled_from(FIELDS), words, max_size=5))
def test_random_queries(method: str, fields: dict[str, str]):
    judge(Call("GET", f"/0/public/{method}", urlencode(fields, errors="surrogatepass")))


@cases(800)
@given(st.text(max_size=8), st.text(max_size=40), st.text(max_size=60), st.text(max_size=100), st.text(max_size=60))
def test_random_verbs_paths_and_headers(verb: str, path: str, query: str, key: str, signature: str):
    judge(Call(verb, path, query, api_key=key, api_sign=signature))
    judge(Call(verb, "/0/private/" + path, query, b"nonce=1", "", key, signature))
    judge(Call("POST", "/0/private/Balance", query, b"nonce=1", "", BENCH.master.key, signature))


@pytest.fixture(scope="module")
def server():
    with serve_in_thread(accounts=1) as sim:
        yield sim
        assert sim.stats()["crashes"] == []
        assert sim.audit() == []


def exchange_bytes(port: int, data: bytes) -> bytes:
    """Send *data*, close our half, and return what comes back until the server closes its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))
        except (ConnectionResetError, BrokenPipeError):
            return b""


HEAD = b"POST /0/private/Balance HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"


@cases(300)
@given(st.binary(max_size=300), st.booleans())
@example(b"", True)
@example(b"Content-Length: 10\r\n\r\nnonce", True)
@example(b"Content-Length: -1\r\n\r\n", True)
@example(b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", True)
@example(b"API-Key: " + b"a" * 20_000 + b"\r\n\r\n", True)
@example(b"API-Key: \xff\r\nAPI-Sign: \xff\r\nContent-Length: 0\r\n\r\n", True)
@example(b"GET /%ff%00?%ff=%00 HTTP/1.1\r\n\r\n", False)
def test_random_bytes_on_the_wire(server, data: bytes, with_head: bool):
    reply = exchange_bytes(server.port, HEAD + data if with_head else data)
    assert reply == b"" or reply.startswith(b"HTTP/1.")
    assert b"Traceback" not in reply
    assert requests.get(server.url + "/0/public/Time", timeout=5).json()["error"] == []


def test_bodies_beyond_all_measure(server):
    reply = exchange_bytes(server.port, HEAD + b"Content-Length: 5000000\r\n\r\n" + b"a" * 5_000_000)
    assert reply == b"" or reply.startswith((b"HTTP/1.1 413", b"HTTP/1.1 200"))
