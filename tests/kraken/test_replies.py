"""Every string of the catalogue leads to the right action, and nothing malformed counts as a success."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krakenonce.kraken.catalogue import CATALOGUE, Action
from krakenonce.kraken.replies import Accepted, Refused, Unknown, classify, judge_payload, judge_reply

# As seen on the wire or documented; the whole catalogue of the exchange, spelled out with the details it comes with.
WIRE = {
    "EAPI:Invalid nonce": Action.NEW_NONCE,
    "EAPI:Invalid key": Action.GIVE_UP,
    "EAPI:Invalid signature": Action.GIVE_UP,
    "EAPI:Rate limit exceeded": Action.WAIT,
    "EAPI:Bad request": Action.GIVE_UP,
    "EAPI:Invalid token": Action.NEW_TOKEN,
    "ESession:Invalid session": Action.NEW_TOKEN,
    "EGeneral:Invalid arguments": Action.GIVE_UP,
    "EGeneral:Invalid arguments:ordertype": Action.GIVE_UP,
    "EGeneral:Invalid arguments:volume minimum not met": Action.GIVE_UP,
    "EGeneral:Invalid arguments:cl_ord_id not unique": Action.LOOK,
    "EGeneral:Invalid arguments:Index unavailable": Action.GIVE_UP,
    "EGeneral:Permission denied": Action.GIVE_UP,
    "EGeneral:Temporary lockout": Action.PAUSE,
    "EGeneral:Internal error": Action.RECONCILE,
    "EGeneral:Internal error[:504]": Action.RECONCILE,
    "EGeneral:Too many requests": Action.WAIT,
    "EGeneral:Unknown method": Action.GIVE_UP,
    "EService:Unavailable": Action.RECONCILE,
    "EService:Busy": Action.RECONCILE,
    "EService:Timeout": Action.RECONCILE,
    "EService:Deadline elapsed": Action.RECONCILE,
    "EService: Throttled: 1790000000": Action.WAIT,
    "EService:Market in cancel_only mode": Action.WAIT,
    "EService:Market in post_only mode": Action.WAIT,
    "EOrder:Insufficient funds": Action.GIVE_UP,
    "EOrder:Order minimum not met": Action.GIVE_UP,
    "EOrder:Cost minimum not met": Action.GIVE_UP,
    "EOrder:Invalid price:ETH/USD price can only be specified up to 2 decimals.": Action.GIVE_UP,
    "EOrder:Tick size check failed": Action.GIVE_UP,
    "EOrder:Invalid limit price": Action.GIVE_UP,
    "EOrder:Invalid order": Action.GIVE_UP,
    "EOrder:Unknown order": Action.LOOK,
    "EOrder:Post only order": Action.GIVE_UP,
    "EOrder:Rate limit exceeded": Action.WAIT,
    "EOrder:Domain rate limit exceeded": Action.WAIT,
    "EOrder:Orders limit exceeded": Action.GIVE_UP,
    "EOrder:Reduce only:No position exists": Action.GIVE_UP,
    "EAccount:Invalid permissions:margin trading": Action.GIVE_UP,
    "EAuth:Account temporary disabled": Action.GIVE_UP,
    "EAuth:Rate limit exceeded": Action.WAIT,
    "EBM:limit exceeded:CAL": Action.GIVE_UP,
    "EQuery:Unknown asset pair": Action.GIVE_UP,
    "EFunding:Unknown withdraw key": Action.GIVE_UP,
    "EDatabase:Internal error": Action.RECONCILE,
}


@pytest.mark.parametrize(("error", "action"), WIRE.items(), ids=WIRE)
def test_wire_strings_lead_to_their_action(error, action):
    meaning = classify(error)
    assert meaning.known
    assert meaning.action is action
    assert meaning.no_effect is (action is not Action.RECONCILE)


@pytest.mark.parametrize("error", CATALOGUE)
def test_every_entry_is_reached(error):
    assert classify(error).action is CATALOGUE[error]


@pytest.mark.parametrize("error", ["EOrder:Something new", "EGeneral", "", "nonsense", "eapi:invalid nonce"])
def test_what_nobody_listed_is_ambiguous(error):
    assert classify(error).action is Action.RECONCILE
    assert not classify(error).no_effect


def test_warnings_beside_a_result_are_a_success():
    outcome = judge_payload({"error": ["WGeneral:Danger"], "result": {"a": 1}})
    assert outcome == Accepted({"a": 1}, ("WGeneral:Danger",))


def test_one_ambiguous_error_makes_the_whole_reply_unknown():
    outcome = judge_payload({"error": ["EOrder:Insufficient funds", "EService:Busy"]})
    assert isinstance(outcome, Unknown)


def test_an_invalid_nonce_is_a_refusal_without_effect():
    outcome = judge_reply(200, b'{"error":["EAPI:Invalid nonce"]}')
    assert isinstance(outcome, Refused)
    assert outcome.invalid_nonce


@pytest.mark.parametrize("status", [301, 302, 307, 400, 403, 429, 500, 502, 503, 504, 520, 522])
def test_a_gateway_proves_nothing_even_if_it_says_success(status):
    assert isinstance(judge_reply(status, b'{"error":[],"result":{"txid":["O"]}}'), Unknown)


def test_an_unknown_method_is_refused_though_it_comes_with_404():
    assert isinstance(judge_reply(404, b'{"error":["EGeneral:Unknown method"]}'), Refused)
    assert isinstance(judge_reply(404, b'{"error":[],"result":{}}'), Unknown)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>520</html>",
        b"null",
        b"[]",
        b"3",
        b'"x"',
        b"{}",
        b'{"error":[]}',
        b'{"error":[],"result":null}',
        b'{"error":null,"result":{}}',
        b'{"error":"EAPI:Invalid nonce"}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"error":[],"resu',
    ],
    ids=lambda body: body[:20],
)
def test_malformed_bodies_are_unknown(body):
    assert isinstance(judge_reply(200, body), Unknown)


@given(st.integers(100, 599), st.binary(max_size=200))
def test_random_bytes_never_raise_and_never_succeed(status, body):
    assert not isinstance(judge_reply(status, body), Accepted)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(json_values, json_values)
def test_only_a_list_of_no_errors_with_a_result_succeeds(error, result):
    outcome = judge_reply(200, json.dumps({"error": error, "result": result}).encode())
    clean = isinstance(error, list) and all(str(entry).startswith("W") for entry in error) and result is not None
    assert isinstance(outcome, Accepted) is clean


def test_numbers_keep_every_digit():
    digits = "0." + "".join(random.Random(7).choices("0123456789", k=40)) + "1"
    outcome = judge_reply(200, f'{{"error":[],"result":{digits}}}'.encode())
    assert isinstance(outcome, Accepted)
    assert str(outcome.result) == digits
