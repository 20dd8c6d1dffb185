"""Connecting, subscribing, pinging, and the words of refusals."""

from __future__ import annotations

import json

import pytest


def test_the_status_comes_first_then_pings_are_answered(bench, make_line):
    line = make_line(bench)
    (status,) = line.read()
    assert list(status) == ["channel", "type", "data"]
    assert (status["channel"], status["type"], status["data"][0]["system"]) == ("status", "update", "online")
    assert status["data"][0]["connection_id"] > 2**63
    (pong,) = line.raw('{"method":"ping","req_id":7}')
    assert list(pong) == ["method", "req_id", "time_in", "time_out"]
    assert line.raw('{"method":"ping"}')[0].keys() == {"method", "time_in", "time_out"}


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        ("", "Malformed request"),
        ("[]", "Malformed request"),
        ('{"method": 5}', "Malformed request"),
        ('{"method":"ping","req_id":NaN}', "Malformed request"),
        ("[" * 100_000, "Malformed request"),
        (b"\xff\xfe{}", "Malformed request"),
        ("1" * 5000, "Malformed request"),
        ('{"method":"ping","params":{}}', "Unsupported field: 'params' for the given msg type: ping"),
        ('{"method":"ping","req_id":"7"}', "Req_id field must be an integer"),
        ('{"method":"ping","req_id":-1}', "Req_id field must be an integer"),
        ('{"method":"fly"}', "Unsupported event"),
        ('{"method":"fly","event":1}', "Unsupported field: 'event' for the given msg type: fly"),
        ('{"method":"subscribe","params":[]}', "Params field must be an object"),
        ('{"method":"subscribe","params":{"channel":"level9"}}', "Unsupported event"),
        ('{"method":"subscribe","params":{"channel":"ticker"}}', "EGeneral:Invalid arguments:symbol"),
        ('{"method":"subscribe","params":{"channel":"ticker","symbol":"BTC/USD"}}', "Symbol field must be an array"),
        (
            '{"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD"],"depth":10}}',
            "Unsupported field: 'depth' for the given msg type: subscribe",
        ),
        (
            '{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":27}}',
            "Subscription depth not supported",
        ),
        (
            '{"method":"subscribe","params":{"channel":"ohlc","symbol":["BTC/USD"],"interval":7}}',
            "Subscription ohlc interval not supported",
        ),
        (
            '{"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD"],"snapshot":"yes"}}',
            "Snapshot field must be a boolean",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_reply(line, frame, error):
    (reply,) = line.raw(frame)
    assert (reply["success"], reply["error"]) == (False, error)


def test_every_symbol_gets_its_own_ack_before_its_snapshot(line):
    frames = line.subscribe("ticker", symbol=["BTC/USD", "XBT/USD", "XBTUSD", "ETH/USD"], req_id=3)
    kinds = [frame.get("error") or (frame.get("result") or frame["data"][0])["symbol"] for frame in frames]
    assert kinds == [
        "BTC/USD",
        "BTC/USD",
        "Currency pair not supported XBT/USD",
        "Currency pair not in ISO 4217-A3 format XBTUSD",
        "ETH/USD",
        "ETH/USD",
    ]
    assert {frame["req_id"] for frame in frames if "method" in frame} == {3}
    assert frames[2]["symbol"] == "XBT/USD"
    assert frames[0]["result"] == {
        "channel": "ticker",
        "event_trigger": "trades",
        "snapshot": True,
        "symbol": "BTC/USD",
    }


def test_subscribing_twice_and_leaving_twice_is_refused(line):
    line.subscribe("trade", symbol=["BTC/USD"])
    assert line.error("subscribe", token=False, channel="trade", symbol=["BTC/USD"]) == "Already subscribed"
    assert line.ok("unsubscribe", token=False, channel="trade", symbol=["BTC/USD"])["symbol"] == "BTC/USD"
    assert line.error("unsubscribe", token=False, channel="trade", symbol=["BTC/USD"]) == "Subscription Not Found"


@pytest.mark.parametrize("token", [None, "", 5, "wrong", ["x"]])
def test_without_a_good_token_there_is_no_session(line, token):
    params = {"channel": "executions"} | ({} if token is None else {"token": token})
    (reply,) = line.raw(json.dumps({"method": "subscribe", "params": params}))
    assert {key: reply[key] for key in ("channel", "error", "status", "success")} == {
        "channel": "executions",
        "error": "ESession:Invalid session",
        "status": "error",
        "success": False,
    }
    (reply,) = line.raw(json.dumps({"method": "cancel_all", "params": {"token": token}}))
    assert reply["error"] == "ESession:Invalid session"


def test_a_token_dies_after_15_minutes_unless_a_subscription_keeps_it(bench, make_line):
    kept, forgotten = make_line(bench), make_line(bench)
    kept.subscribe("executions")
    bench.wait(901)
    assert kept.ok("cancel_all") == {"count": 0}
    late = make_line(bench)
    late.token = forgotten.token
    assert late.error("cancel_all") == "ESession:Invalid session"
    kept.ok("unsubscribe", channel="executions")
    assert kept.error("cancel_all") == "ESession:Invalid session"


def test_a_key_needs_the_permission(line):
    line.account.keys[0].permissions = frozenset({"create-ws-token", "close-trades"})
    assert line.error("subscribe", channel="balances") == "EGeneral:Permission denied"
    assert line.error("add_order") == "EGeneral:Permission denied"
    assert line.ok("cancel_all") == {"count": 0}


def test_a_heartbeat_each_second_of_silence_for_subscribers_and_the_end_for_the_idle(bench, make_line):
    idle, busy = make_line(bench), make_line(bench)
    busy.subscribe("trade", symbol=["BTC/USD"])
    idle.read()
    for _ in range(70):
        bench.wait(1)
    assert [frame["channel"] for frame in busy.read()] == ["heartbeat"] * 70
    assert (idle.read(), idle.session.close_code, busy.session.close_code) == ([], 1008, 0)


def test_too_many_messages_a_second_are_refused(make_bench, make_line):
    bench = make_bench(ws_message_rate=5)
    line = make_line(bench)
    line.read()
    replies = [line.raw('{"method":"ping"}')[0].get("error", "") for _ in range(8)]
    assert replies == [""] * 5 + ["Exceeded msg rate"] * 3
    bench.wait(1)
    assert "error" not in line.raw('{"method":"ping"}')[0]


def test_a_client_that_does_not_read_is_disconnected(line):
    for _ in range(30):
        line.session.allowance = 200
        line.face.receive(line.session, json.dumps({"method": "cancel_order", "params": {}}))
        for _ in range(700):
            line.face.hub.board.push(line.session, "status", "{}")
    assert line.session.close_code == 1013
    assert len(line.session.outbox) == 20_000


def test_the_market_state_is_told_to_everybody(line):
    line.subscribe("instrument")
    line.bench.exchange.set_market_state("cancel_only")
    status, instruments = line.read()
    assert status["data"][0]["system"] == "cancel_only"
    assert {row["status"] for row in instruments["data"]["pairs"]} == {"cancel_only"}
    order = {"order_type": "market", "side": "buy", "order_qty": 1, "symbol": "BTC/USD"}
    assert line.error("add_order", **order) == "EService:Market in cancel_only mode"
    line.bench.exchange.set_market_state("maintenance")
    assert line.error("add_order", **order) == "EService:Unavailable"
