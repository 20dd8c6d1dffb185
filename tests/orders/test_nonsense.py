"""Whatever comes back over the wire: nothing crashes the client, and nothing but a success counts as one."""

import asyncio
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from krakenonce.broker import Patience, Placement
from krakenonce.client import KrakenClient
from krakenonce.client.budget import ReadBudget
from krakenonce.clock import SystemClock
from krakenonce.errors import KrakenonceError, OutcomeUnknown, RequestRefused
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.catalogue import CATALOGUE
from krakenonce.kraken.credentials import Credentials
from krakenonce.kraken.replies import Accepted, Refused, Unknown, classify, judge_reply
from krakenonce.lanes import LaneRegistry
from krakenonce.orders import OrderDesk, open_journal
from krakenonce.orders.inquiry import Inquiry
from krakenonce.orders.parsing import closed_orders, fills, first_txid, nonce_window, open_orders, orders, parsed
from tests.orders.traders import market

NUMBERS = st.one_of(st.integers(), st.floats(), st.booleans(), st.none())
JSON = st.recursive(
    st.one_of(NUMBERS, st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=12), inner, max_size=4)),
    max_leaves=12,
)
KNOWN = st.sampled_from(sorted(CATALOGUE))
ERROR = st.one_of(st.text(max_size=60), st.builds(str.__add__, KNOWN, st.text(max_size=20)), KNOWN)
ENVELOPE = st.fixed_dictionaries({"error": st.one_of(st.lists(ERROR, max_size=3), JSON)}, optional={"result": JSON})


@st.composite
def bodies(draw):
    """Bytes that may be anything, and most often are nearly what they should be."""
    kind = draw(st.integers(0, 4))
    if kind == 0:
        return draw(st.binary(max_size=200))
    if kind == 1:
        return b"<!DOCTYPE html><html>" + draw(st.binary(max_size=60)) + b"</html>"
    whole = json.dumps(draw(ENVELOPE if kind < 4 else JSON)).encode()
    return whole if kind != 3 else whole[: draw(st.integers(0, len(whole)))]


STATUS = st.sampled_from([200, 200, 200, 404, 301, 400, 401, 403, 429, 500, 502, 503, 504, 520, 522])


def is_success(status, body):
    """The envelope's definition, told again: HTTP 200, a list of warnings at most, and a result."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return False
    if status != 200 or not isinstance(payload, dict) or not isinstance(payload.get("error"), list):
        return False
    return all(str(entry).startswith("W") for entry in payload["error"]) and payload.get("result") is not None


@settings(max_examples=1500)
@given(STATUS, bodies())
def test_only_a_success_is_a_success(status, body):
    outcome = judge_reply(status, body)
    assert isinstance(outcome, Accepted) == is_success(status, body)
    if isinstance(outcome, Refused):
        assert all(classify(error).known for error in outcome.errors), "only a string we know proves anything"


@pytest.mark.parametrize("parse", [first_txid, open_orders, closed_orders, orders, fills, nonce_window])
@given(result=JSON)
def test_a_result_of_another_shape_is_unknown(parse, result):
    try:
        parsed("Method", parse, result)
    except OutcomeUnknown:
        return
    assert isinstance(result, dict), "what is read has at least the right outer shape"


def an_order(**changes):
    descr = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "1.0", "price2": "0"}
    row = {"cl_ord_id": "a1", "status": "open", "descr": descr, "vol": "1", "vol_exec": "0", "price": "0"}
    return row | {"cost": "0", "fee": "0", "opentm": "1790000000.1"} | changes


BAD = ["NaN", "Infinity", "-inf", "1e999999999", "-1e999999999", None, [], {}, True, "", "abc", "0x10"]


@pytest.mark.parametrize("field", ["vol", "vol_exec", "price", "cost", "fee", "opentm"])
@pytest.mark.parametrize("value", BAD, ids=repr)
def test_money_and_times_that_are_no_numbers_are_not_read(field, value):
    with pytest.raises(OutcomeUnknown):
        parsed("OpenOrders", orders, {"OTX": an_order(**{field: value})})


@pytest.mark.parametrize("value", ["done", "", None, 1, ["open"], {}], ids=repr)
def test_states_that_nobody_documents_are_not_read(value):
    with pytest.raises(OutcomeUnknown):
        parsed("OpenOrders", orders, {"OTX": an_order(status=value)})


@pytest.mark.parametrize("txid", [[], [""], [None], [1], [["O"]], "OABC", {"0": "O"}, None], ids=repr)
def test_an_order_without_a_proper_txid_is_not_an_order(txid):
    with pytest.raises(OutcomeUnknown):
        parsed("AddOrder", first_txid, {"txid": txid})


class Nonsense:
    """An HTTP server that answers with what it was given, and counts."""

    def __init__(self):
        self.answers, self.asked = [], 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()

    async def _serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line[15:]) for line in head.splitlines() if line.lower().startswith(b"content-length:")
                )
                await reader.readexactly(length)
                status, body = self.answers[self.asked % len(self.answers)]
                self.asked += 1
                writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, StopIteration):
            writer.close()


async def at_once(_seconds):
    """Do not wait."""
    await asyncio.sleep(0)


async def place_into(answers):
    async with Nonsense() as exchange:
        exchange.answers = answers
        credentials = Credentials("key", "aGVsbG8=")
        manager = GlobalKrakenNonceManager("memory://", registry=LaneRegistry())
        budget, journal = ReadBudget(2, 1, 0), open_journal("memory://")
        async with KrakenClient(
            credentials, manager=manager, base_url=exchange.url, timeout=60, budget=budget, sleep=at_once, reissues=0
        ) as client:
            patience = Patience(attempts=2, settle_s=0, pause_s=0)
            desk = OrderDesk("MASTER", client, journal, clock=SystemClock(), sleep=at_once, patience=patience)
            try:
                return await desk.place(market("nonsense"))
            finally:
                await journal.close()


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.tuples(STATUS, bodies()), min_size=1, max_size=6))
async def test_an_exchange_that_talks_nonsense_never_makes_an_order_look_placed(answers):
    try:
        ending = await place_into(answers)
    except KrakenonceError:
        return  # one of ours, whose class says what to do
    if isinstance(ending, Placement):
        assert any(is_success(status, body) for status, body in answers)
        assert isinstance(ending.txid, str)
        assert ending.txid
    else:
        assert isinstance(ending, Refused)


async def test_the_check_above_sees_a_placement_when_there_is_one():
    ending = await place_into([(200, b'{"error":[],"result":{"txid":["OTX"]}}')])
    assert ending.txid == "OTX"


@settings(max_examples=100, deadline=None)
@given(st.tuples(STATUS, bodies()))
async def test_reading_nonsense_ends_in_an_error_of_ours_or_in_a_result(answer):
    async with Nonsense() as exchange:
        exchange.answers = [answer]
        manager = GlobalKrakenNonceManager("memory://", registry=LaneRegistry())
        async with KrakenClient(
            Credentials("key", "aGVsbG8="), manager=manager, base_url=exchange.url, budget=ReadBudget(1), reissues=0
        ) as client:
            outcome = await client.call("OpenOrders")
            assert isinstance(outcome, Accepted | Refused | Unknown)
            try:
                Inquiry("MASTER", client).read("OpenOrders", open_orders, outcome)
            except (RequestRefused, OutcomeUnknown):
                return
            assert isinstance(outcome, Accepted)
