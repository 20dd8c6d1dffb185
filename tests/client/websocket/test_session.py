"""A session over its whole life, in virtual time: connect, lose, come back; and nonsense from the exchange."""

import asyncio
import json
import logging
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from krakenonce.client.websocket import ConnectionLost, Session, Subscription, Timing, token_source
from krakenonce.client.websocket.connection import NOT_SENT
from krakenonce.clock import NS_PER_SECOND, ManualClock
from krakenonce.kraken.replies import Accepted, Refused, Unknown
from krakenonce.simulator.faults import Fault
from tests.virtual_kraken import VirtualKraken
from tests.virtual_time import run_virtually

EXECUTIONS = (Subscription("executions"),)


class Notes:
    """A listener that writes everything down."""

    def __init__(self):
        self.told, self.subscribed, self.downs, self.ups = [], [], [], 0
        self.up = asyncio.Event()

    def on_subscribed(self, channel):
        self.subscribed.append(channel)

    def on_told(self, told):
        self.told.append(told)

    def on_up(self):
        self.ups += 1
        self.up.set()

    def on_down(self, cause):
        self.downs.append(cause)
        self.up.clear()


class Script:
    """Sockets that say what a test wants: a list of texts per connection, then silence, or the end after ``None``."""

    def __init__(self, *lines, answer=True):
        self.lines, self.answer, self.written = list(lines), answer, []

    def wait_s(self, *, urgent):
        return 0.0

    async def open(self):
        if not self.lines:
            raise ConnectionLost("no connection: unreachable")
        return _ScriptedSocket(self, self.lines.pop(0))


class _ScriptedSocket:
    def __init__(self, script, texts):
        self.script, self.inbox = script, asyncio.Queue()
        self.texts = texts

    def write(self, text):
        document = json.loads(text)
        self.script.written.append(document)
        if document["method"] == "subscribe" and self.script.answer:
            ack = {"method": "subscribe", "req_id": document["req_id"], "success": True, "result": {"channel": "x"}}
            for line in (json.dumps(ack), *self.texts):
                self.inbox.put_nowait(line)

    async def receive(self):
        text = await self.inbox.get()
        if text is None:
            raise ConnectionLost("the script ends")
        return text

    async def close(self):
        """Nothing is left open."""


async def token():
    return "a token that must not be seen"


def scripted(script, notes, clock, **options):
    options.setdefault("subscriptions", EXECUTIONS)
    return Session("USER:1", script, token, listener=notes, clock=clock, chance=random.Random(1), **options)


async def stop(task):
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def play(story, **knobs):
    kraken = VirtualKraken(accounts=2, **knobs)
    return kraken, kraken.run(story(kraken))


async def connected(kraken, **options):
    broker, notes = kraken.broker(1), Notes()
    session = Session(
        "USER:1",
        kraken.dialing,
        token_source(broker.client),
        EXECUTIONS,
        notes,
        clock=kraken.clock,
        chance=kraken.chance,
        **options,
    )
    task = asyncio.create_task(session.run())
    await notes.up.wait()
    return broker, session, notes, task


def tokens(kraken):
    return sum(method == "GetWebSocketsToken" for _, method in kraken.rest_calls)


def test_requests_get_their_replies_and_only_tokens_cost_a_nonce():
    async def story(kraken):
        broker, session, notes, task = await connected(kraken)
        pongs = await asyncio.gather(*(session.ask("ping") for _ in range(50)))
        assert pongs == [Accepted(None)] * 50
        refused = await session.ask("add_order", {"order_type": "limit"})
        assert isinstance(refused, Refused)
        assert refused.error.startswith("EGeneral:Invalid arguments")
        await stop(task)
        await broker.close()
        assert notes.downs == ["closed by us"]

    kraken, _ = play(story, latency_ms=20, jitter_ms=15)
    assert [method for _, method in kraken.rest_calls] == ["GetWebSocketsToken"]


def test_a_caller_that_is_gone_does_not_disturb_the_connection():
    async def story(kraken):
        broker, session, notes, task = await connected(kraken)
        session.ask("ping").cancel()
        assert await session.ask("ping") == Accepted(None)
        assert notes.downs == []
        await stop(task)
        await broker.close()

    play(story)


def test_a_cut_connection_comes_back_at_once_and_what_was_under_way_is_unknown():
    async def story(kraken):
        broker, session, notes, task = await connected(kraken)
        under_way = session.ask("ping")
        kraken.dialing.break_all()
        assert isinstance(await under_way, Unknown)
        before_ns = kraken.clock.boot_ns()
        assert await session.ask("ping") is NOT_SENT
        await notes.up.wait()
        assert kraken.clock.boot_ns() - before_ns < NS_PER_SECOND
        assert await session.ask("ping") == Accepted(None)
        await stop(task)
        await broker.close()
        assert notes.subscribed == ["executions", "executions"]

    kraken, _ = play(story, latency_ms=20, jitter_ms=15)
    assert tokens(kraken) == 2


def test_silence_for_five_seconds_ends_a_connection():
    async def story(kraken):
        broker, _session, notes, task = await connected(kraken)
        kraken.exchange.faults.replace([Fault(kind="ws-drop"), Fault(kind="ws-drop", phase="after")])
        silent_ns = kraken.clock.boot_ns()
        while not notes.downs:
            await asyncio.sleep(0.1)
        assert 4 * NS_PER_SECOND < kraken.clock.boot_ns() - silent_ns < 8 * NS_PER_SECOND
        assert notes.downs[0].startswith("silent for")
        kraken.exchange.faults.replace([])
        await notes.up.wait()
        await stop(task)
        await broker.close()

    play(story)


def test_heartbeats_alone_keep_a_connection():
    async def story(kraken):
        broker, session, notes, task = await connected(kraken)
        await asyncio.sleep(1800)
        assert session.is_up
        assert not notes.downs
        await stop(task)
        await broker.close()

    play(story)


def test_an_unreachable_exchange_is_tried_less_and_less_often_and_costs_no_tokens():
    async def story(kraken):
        broker, _session, notes, task = await connected(kraken)
        kraken.dialing.break_all()
        attempts, fetched = kraken.dialing.attempts, tokens(kraken)
        original, kraken.dialing.open = kraken.dialing.open, _unreachable(kraken)
        await asyncio.sleep(400)
        assert 8 <= kraken.dialing.attempts - attempts <= 25
        assert tokens(kraken) - fetched == 1
        kraken.dialing.open = original
        await asyncio.wait_for(notes.up.wait(), 61)
        await stop(task)
        await broker.close()

    play(story)


def _unreachable(kraken):
    async def refuse():
        kraken.dialing.attempts += 1
        raise ConnectionLost("no connection: unreachable")

    return refuse


def test_a25_a_hundred_sessions_that_drop_at_once_are_all_back_within_thirty_seconds():
    kraken = VirtualKraken(accounts=101, latency_ms=100, jitter_ms=80, tier="starter", lockout_after=3)

    async def story():
        everybody = []
        for place in range(101):
            broker, notes = kraken.broker(place), Notes()
            session = Session(
                broker.name, kraken.dialing, token_source(broker.client), EXECUTIONS, notes,
                clock=kraken.clock, chance=kraken.chance,
            )  # fmt: skip
            everybody.append((broker, notes, asyncio.create_task(session.run())))
        await asyncio.gather(*(notes.up.wait() for _, notes, _ in everybody))
        kraken.dialing.break_all()
        dropped_ns = kraken.clock.boot_ns()
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        await asyncio.gather(*(notes.up.wait() for _, notes, _ in everybody))
        took_s = (kraken.clock.boot_ns() - dropped_ns) / NS_PER_SECOND
        for broker, notes, task in everybody:
            assert notes.ups == 2
            await stop(task)
            await broker.close()
        return took_s

    took_s = kraken.run(story())
    assert took_s < 30
    errors = [entry["cause"] for entry in kraken.exchange.evidence.log() if entry["cause"]]
    assert errors == []


def test_a_refused_subscription_is_tried_again_slowly_and_named_in_the_log(caplog):
    async def story(kraken):
        broker, notes = kraken.broker(1), Notes()
        kraken.exchange.accounts[1].keys[0].permissions = frozenset({"query-funds"})
        session = Session(
            "USER:1", kraken.dialing, token_source(broker.client), EXECUTIONS, notes,
            clock=kraken.clock, chance=kraken.chance,
        )  # fmt: skip
        task = asyncio.create_task(session.run())
        await asyncio.sleep(600)
        assert not notes.ups
        assert "Permission denied" in session.standing.cause
        await stop(task)
        await broker.close()

    kraken, _ = play(story)
    assert kraken.dialing.attempts < 40
    assert caplog.text.count("Permission denied") == 1


def test_after_maintenance_it_waits_at_least_five_seconds():
    clock, notes = ManualClock(), Notes()
    status = json.dumps({"channel": "status", "type": "update", "data": [{"system": "maintenance"}]})
    script = Script([status, None], [])

    async def story():
        task = asyncio.create_task(scripted(script, notes, clock).run())
        while notes.ups < 2:
            await asyncio.sleep(0.1)
        await stop(task)

    run_virtually(clock, story())
    assert clock.boot_ns() >= 5 * NS_PER_SECOND


def test_where_connections_are_scarce_it_waits_for_its_turn():
    clock, notes, script = ManualClock(), Notes(), Script([])
    script.wait_s = lambda *, urgent: 0.0 if clock.boot_ns() >= 100 * NS_PER_SECOND else 30.0

    async def story():
        session = scripted(script, notes, clock)
        task = asyncio.create_task(session.run())
        await asyncio.sleep(10)
        assert "allows no further connection" in session.standing.cause
        await notes.up.wait()
        await stop(task)

    run_virtually(clock, story())
    assert clock.boot_ns() >= 100 * NS_PER_SECOND


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=10,
)
FIELDS = ["method", "channel", "type", "data", "sequence", "req_id", "success", "error", "result"]
WORDS = st.sampled_from(["executions", "update", "status"])
NONSENSE = st.one_of(
    st.text(max_size=50),
    st.binary(max_size=50),
    JSON.map(json.dumps),
    st.dictionaries(st.sampled_from(FIELDS), JSON | WORDS).map(json.dumps),
    JSON.map(lambda data: json.dumps({"channel": "status", "type": "update", "data": [data]})),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(NONSENSE, max_size=30), st.integers(0, 2**32))
def test_no_nonsense_ends_a_session_or_makes_it_send_anything(frames, seed):
    clock, notes = ManualClock(), Notes()
    heartbeat = json.dumps({"channel": "heartbeat"})
    script = Script([*frames, heartbeat])

    async def story():
        session = scripted(script, notes, clock)
        task = asyncio.create_task(session.run())
        await notes.up.wait()
        await asyncio.sleep(1)
        assert session.is_up
        assert session.standing.frames == len(frames) + 2
        await stop(task)

    run_virtually(clock, story())
    assert [document["method"] for document in script.written] == ["subscribe"]


def test_a_message_its_listener_cannot_read_is_skipped_with_a_reason(caplog):
    clock, notes = ManualClock(), Notes()
    notes.on_told = lambda told: told.data[0]["missing"]
    message = json.dumps({"channel": "executions", "type": "update", "data": [{}], "sequence": 1})
    script = Script([message] * 5)

    async def story():
        session = scripted(script, notes, clock)
        task = asyncio.create_task(session.run())
        await asyncio.sleep(1)
        assert session.is_up
        assert session.standing.skipped == 5
        await stop(task)

    run_virtually(clock, story())
    assert [record.args[1] for record in caplog.records if "skipped" in record.message] == [1, 2, 4]


def test_the_token_is_nowhere_but_on_the_wire(caplog):
    clock, notes, script = ManualClock(), Notes(), Script([None], [])

    async def story():
        session = scripted(script, notes, clock)
        task = asyncio.create_task(session.run())
        while notes.ups < 2:
            await asyncio.sleep(0.01)
        connection = session._connection
        shown = repr(session) + repr(connection) + repr(session.standing) + repr(task)
        await stop(task)
        return shown

    with caplog.at_level(logging.DEBUG):
        shown = run_virtually(clock, story())
    secret = asyncio.run(token())
    assert script.written[0]["params"]["token"] == secret
    assert secret not in shown + caplog.text


def test_no_answer_in_time_is_unknown():
    clock, notes, script = ManualClock(), Notes(), Script([json.dumps({"channel": "heartbeat"})])

    async def story():
        session = scripted(script, notes, clock, timing=Timing(silence_s=1e9))
        task = asyncio.create_task(session.run())
        await notes.up.wait()
        outcome = await session.ask("add_order", {"x": 1}, answer_s=3)
        assert outcome == Unknown("no answer in time")
        assert 3 * NS_PER_SECOND <= clock.boot_ns() <= 4 * NS_PER_SECOND
        await stop(task)

    run_virtually(clock, story())


def test_a_value_that_cannot_travel_is_an_error_of_the_caller_and_leaves_the_session_alone():
    async def story(kraken):
        broker, session, _, task = await connected(kraken)
        with pytest.raises(ValueError, match="order_qty"):
            session.ask("add_order", {"order_qty": 0.1})
        assert await session.ask("ping") == Accepted(None)
        await stop(task)
        await broker.close()

    play(story)


def test_renewing_a_channel_takes_a_new_token_and_a_failure_drops_the_connection():
    async def story(kraken):
        broker, session, notes, task = await connected(kraken)
        assert await session.renew("executions")
        assert notes.subscribed == ["executions"] * 2
        assert [told.kind for told in notes.told] == ["snapshot"] * 2
        kraken.exchange.faults.add(Fault(kind="ws-drop", endpoint="subscribe", times=1))
        notes.up.clear()
        assert not await session.renew("executions")
        await notes.up.wait()
        assert notes.subscribed == ["executions"] * 3
        await stop(task)
        await broker.close()

    kraken, _ = play(story)
    assert tokens(kraken) == 4
