"""Frames: what is read, what is skipped, and that no number is ever a binary fraction."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krakenonce.client.websocket.frames import Beat, Reply, Skipped, Told, encoded, read_frame, request_text
from krakenonce.errors import ConfigError
from krakenonce.kraken.replies import Accepted, Refused, Unknown

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
WORDS = st.sampled_from(
    ["method", "channel", "type", "data", "sequence", "req_id", "success", "error", "result", "executions", "snapshot"]
)
ALMOST = st.dictionaries(WORDS, JSON | WORDS | st.lists(st.dictionaries(WORDS, JSON)), max_size=7)


def floats_in(value):
    if isinstance(value, dict):
        return any(map(floats_in, value.values()))
    if isinstance(value, list | tuple):
        return any(map(floats_in, value))
    return isinstance(value, float)


@given(JSON | ALMOST)
def test_any_json_becomes_a_frame_without_a_float(document):
    frame = read_frame(json.dumps(document))
    assert isinstance(frame, Reply | Told | Beat | Skipped)
    if isinstance(frame, Told):
        assert not floats_in(list(frame.data))
    if isinstance(frame, Reply) and isinstance(frame.outcome, Accepted):
        assert not floats_in(frame.outcome.result)


@given(st.text() | st.binary())
def test_any_text_or_bytes_become_a_frame(text):
    assert isinstance(read_frame(text), Reply | Told | Beat | Skipped)


@given(ALMOST, st.integers(0, 200))
def test_a_truncated_frame_says_nothing(document, length):
    text = json.dumps(document)
    cut = text[: min(length, len(text) - 1)]
    assert isinstance(read_frame(cut), Skipped)


@pytest.mark.parametrize("text", ["NaN", "[" * 100_000, '{"a":' * 50_000, "1e999999999999999999", "9" * 5000, "\udcff"])
def test_what_would_break_a_parser_is_skipped(text):
    assert isinstance(read_frame(text), Skipped)


def test_a_heartbeat_is_one_however_it_is_written():
    assert read_frame('{"channel":"heartbeat"}') == read_frame(b'{ "channel" : "heartbeat" }') == Beat()


def test_numbers_keep_every_digit():
    told = read_frame(
        '{"channel":"executions","type":"update","data":[{"last_qty":0.10000000000000000001}],"sequence":3}'
    )
    assert told == Told("executions", "update", ({"last_qty": Decimal("0.10000000000000000001")},), 3)


def test_replies_are_judged_by_their_error():
    def outcome(**fields):
        return read_frame(json.dumps({"method": "add_order", "req_id": 1, **fields})).outcome

    assert outcome(success=True, result={"order_id": "O"}) == Accepted({"order_id": "O"})
    assert outcome(success=True, result={"warnings": ["w"]}).warnings == ("w",)
    assert isinstance(outcome(success=False, error="EOrder:Insufficient funds"), Refused)
    assert isinstance(outcome(success=False, error="EService:Busy"), Unknown)
    assert isinstance(outcome(success=False, error="something new"), Unknown)


@given(st.dictionaries(st.sampled_from(["success", "error", "result"]), JSON))
def test_only_a_plain_success_is_a_success(fields):
    frame = read_frame(json.dumps({"method": "add_order", "req_id": 1, **fields}))
    plain = fields.get("success") is True and fields.get("error") is None and fields.get("result") is not None
    assert isinstance(frame.outcome, Accepted) is plain


NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12)
VALUES = st.recursive(
    st.booleans() | st.integers() | st.text() | NUMBERS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
NAMES = st.from_regex(r"[a-z_]{1,12}", fullmatch=True).filter(lambda name: name != "token")


@given(st.dictionaries(NAMES, VALUES), st.text())
def test_what_is_written_is_read_back_to_the_digit(params, token):
    text = request_text("add_order", encoded(params), 7, token)
    document = json.loads(text, parse_float=Decimal)
    assert document.pop("method") == "add_order"
    assert document.pop("req_id") == 7
    expected = params | ({"token": token} if token else {})
    assert document.get("params", {}) == expected


def test_numbers_travel_without_exponents_and_none_is_left_out():
    members = encoded({"order_qty": Decimal("1E-8"), "limit_price": Decimal("5E+4"), "x": None})
    text = request_text("add_order", members, 1)
    assert text == '{"method":"add_order","params":{"order_qty":0.00000001,"limit_price":50000},"req_id":1}'


@pytest.mark.parametrize("value", [0.1, [0.1], {"price": 0.1}, object(), b"x", Decimal("NaN")])
def test_floats_and_foreign_things_are_refused(value):
    with pytest.raises(ConfigError):
        encoded({"order_qty": value})
