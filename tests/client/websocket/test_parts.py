"""The parts that decide: sequences, pauses, attempts, addresses, requests and their replies."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krakenonce.client.websocket import Continuity, SequenceWatch, Timing, websocket_url
from krakenonce.client.websocket.dialing import Attempts
from krakenonce.client.websocket.dialogue import Dialogue
from krakenonce.client.websocket.frames import Reply
from krakenonce.clock import NS_PER_SECOND
from krakenonce.kraken.replies import Accepted, Unknown


@given(st.integers(-5, 5), st.integers(1, 50))
def test_a_sequence_may_begin_anywhere(first, length):
    watch = SequenceWatch()
    assert {watch.look(first + step) for step in range(length)} == {Continuity.NEXT}
    assert watch.gaps == 0


def test_gaps_repeats_and_steps_back_are_told_apart():
    watch = SequenceWatch()
    looks = [watch.look(number) for number in (1, 2, 2, None, 3, 5, 6, 2, 3)]
    words = [look.name for look in looks]
    assert words == ["NEXT", "NEXT", "REPEATED", "NEXT", "NEXT", "GAP", "NEXT", "GAP", "NEXT"]
    assert watch.gaps == 2


def test_the_first_attempts_follow_at_once_and_later_pauses_grow_up_to_a_bound():
    timing, chance = Timing(), random.Random(1)
    pauses = [timing.pause_s(failures, chance) for failures in range(1, 40)]
    assert pauses[:4] == [0, 0, 0, 0]
    for number, pause in enumerate(pauses[4:]):
        bound = min(60, 2**number)
        assert bound / 2 <= pause <= bound


@given(st.integers(1, 10_000), st.floats(0.1, 1000), st.integers())
def test_a_pause_is_never_shorter_than_asked_for(failures, least_s, seed):
    assert Timing().pause_s(failures, random.Random(seed), least_s) >= least_s


def test_connections_are_rationed_per_ten_minutes_and_some_are_kept_for_urgent_ones():
    attempts = Attempts(most=10, kept=3)
    assert [attempts.wait_ns(0, urgent=False) for _ in range(7)] == [0] * 7
    assert attempts.wait_ns(NS_PER_SECOND, urgent=False) == 599 * NS_PER_SECOND
    assert [attempts.wait_ns(0, urgent=True) for _ in range(3)] == [0] * 3
    assert attempts.wait_ns(NS_PER_SECOND, urgent=True) > 0
    assert attempts.wait_ns(600 * NS_PER_SECOND, urgent=False) == 0


@given(st.lists(st.tuples(st.integers(0, 90), st.booleans()), max_size=300))
def test_in_no_ten_minutes_there_are_more_attempts_than_allowed(wishes):
    attempts, now, made = Attempts(most=20, kept=5), 0, []
    for pause_s, urgent in wishes:
        now += pause_s * NS_PER_SECOND
        if attempts.wait_ns(now, urgent=urgent) == 0:
            made.append(now)
    for at in made:
        assert sum(at - 600 * NS_PER_SECOND < other <= at for other in made) <= 20


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://api.kraken.com", "wss://ws-auth.kraken.com/v2"),
        ("http://127.0.0.1:8787", "ws://127.0.0.1:8787/v2"),
        ("https://sim.example", "wss://sim.example/v2"),
    ],
)
def test_where_the_websocket_is(base, url):
    assert websocket_url(base) == url


def test_each_reply_goes_to_its_request_and_what_is_left_ends_as_unknown():
    dialogue, one, two, three = Dialogue(), [], [], []
    _, first = dialogue.begin("add_order", "", "t", 10, one.append)
    _, second = dialogue.begin("add_order", "", "t", 20, two.append)
    _, third = dialogue.begin("cancel_order", "", "t", 30, three.append)
    assert dialogue.answer(Reply("add_order", second, Accepted(2))) == ""
    assert dialogue.answer(Reply("add_order", second, Accepted(2))) != ""
    assert dialogue.answer(Reply("cancel_order", first, Accepted(1))) != ""
    assert dialogue.answer(Reply("add_order", None, Accepted(1))) != ""
    dialogue.expire(10)
    dialogue.end("cut")
    assert two == [Accepted(2)]
    assert one == [Unknown("no answer in time")]
    assert three == [Unknown("connection lost: cut")]
    assert len(dialogue) == 0
    assert third == 3
