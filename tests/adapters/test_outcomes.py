"""What results and exceptions of the clients mean. Never an error, and never harmless when nobody knows."""

import json

import pytest
from ccxt.base.errors import InsufficientFunds, RequestTimeout
from hypothesis import given
from hypothesis import strategies as st
from kraken.exceptions import KrakenInsufficientFundsError, KrakenInvalidNonceError

from krakenonce.adapters.outcomes import outcome_of_failure, outcome_of_result
from krakenonce.kraken.catalogue import CATALOGUE, Action
from krakenonce.kraken.replies import Accepted, Refused, Unknown


def sdk(*errors):
    return KrakenInvalidNonceError({"error": list(errors)})


def ccxt(*errors):
    return InsufficientFunds("kraken " + json.dumps({"error": list(errors)}))


@pytest.mark.parametrize("raise_", [sdk, ccxt])
@pytest.mark.parametrize("error", CATALOGUE)
def test_an_error_string_is_found_in_the_clients_exception(raise_, error):
    outcome = outcome_of_failure(raise_(error))
    assert isinstance(outcome, Unknown if CATALOGUE[error] is Action.RECONCILE else Refused)
    assert outcome.errors == (error,)


@pytest.mark.parametrize("raise_", [sdk, ccxt])
def test_quotes_inside_an_error_do_not_confuse(raise_):
    outcome = outcome_of_failure(raise_("EEarnings:Permission denied:The user's tier is not high enough"))
    assert outcome.errors == ("EEarnings:Permission denied:The user's tier is not high enough",)


def test_a_batch_with_one_bad_row_is_not_called_refused():
    """ccxt raises the row's error, though the sibling orders are live."""
    reply = {"error": [], "result": {"orders": [{"error": "EOrder:Insufficient funds"}, {"txid": "O1"}]}}
    assert isinstance(outcome_of_failure(InsufficientFunds("kraken " + json.dumps(reply))), Accepted)


@pytest.mark.parametrize(
    "error",
    [
        RequestTimeout("kraken POST http://127.0.0.1/0/private/AddOrder"),
        Exception("502 - <html>{}</html>"),
        ConnectionResetError(104, "Connection reset by peer"),
        KeyboardInterrupt(),
        KrakenInsufficientFundsError(),
        ValueError(b"{"),
        Exception("{'error': 'EAPI:Invalid nonce'}"),
        Exception("{" * 100_000),
    ],
    ids=lambda error: type(error).__name__,
)
def test_without_krakens_own_words_nobody_knows(error):
    outcome = outcome_of_failure(error)
    assert outcome == Unknown(type(error).__name__)


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        ({"error": [], "result": {"ZUSD": "1"}}, Accepted),
        ({"error": ["EAPI:Invalid nonce"]}, Refused),
        ({"error": ["EService:Busy"]}, Unknown),
        ({"error": []}, Unknown),
        ({"ZUSD": "1"}, Accepted),
        ([], Accepted),
        ("<html>Sign in</html>", Unknown),
        (None, Accepted),
    ],
)
def test_results(result, kind):
    assert isinstance(outcome_of_result(result), kind)


class Raw:
    """An HTTP response as requests or aiohttp hand it over."""

    def __init__(self, status, kind, content, name="status_code"):
        setattr(self, name, status)
        self.headers, self.content = {"Content-Type": kind}, content


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (Raw(200, "application/json", b'{"error":[],"result":{}}'), Accepted),
        (Raw(200, "application/json", b'{"error":["EAPI:Invalid nonce"]}'), Refused),
        (Raw(502, "text/html", b"<html>"), Unknown),
        (Raw(200, "application/octet-stream", b"PK"), Accepted),
        (Raw(200, "application/json", object(), "status"), Unknown),
        (Raw(200, "application/octet-stream", object(), "status"), Accepted),
        (Raw(520, "text/html", object(), "status"), Unknown),
    ],
)
def test_raw_responses(response, kind):
    assert isinstance(outcome_of_result(response), kind)


@given(st.text() | st.recursive(st.none() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)))
def test_nothing_makes_the_judges_raise(thing):
    outcome_of_result(thing)
    assert not isinstance(outcome_of_failure(Exception(f"{thing}")), Refused)
