"""Recorder, events, budget and firewall, one by one; and whatever the exchange says, nothing crashes."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krakenonce.clock import NS_PER_SECOND, ManualClock
from krakenonce.errors import LaneQuarantined
from krakenonce.kraken.catalogue import CATALOGUE, Action
from krakenonce.kraken.replies import Accepted, Meaning, Refused, Unknown, judge_errors
from krakenonce.lanes import Priority
from krakenonce.nonce import UNITS
from krakenonce.refusals.answers import Answer, read_answer
from krakenonce.refusals.events import Event, read_events
from krakenonce.refusals.firewall import Firewall, Pass, State
from krakenonce.refusals.incident import key_numbers
from krakenonce.refusals.recorder import KEPT, FlightRecorder, Verdict
from krakenonce.refusals.standing import HOUR, LOCKOUT_SPAN, MINUTE, standing_of
from krakenonce.stores.file import FileStore
from krakenonce.stores.memory import MemoryStore
from tests.ending_store import EndingStore
from tests.refusals.judging import INVALID, NOW, Key, call, make_lane

LOCKOUT = judge_errors(("EGeneral:Temporary lockout",))


def test_the_recorder_keeps_the_last_thousand_flights_in_order():
    recorder = FlightRecorder()
    assert recorder.flights() == []
    assert recorder.last is None
    for number in range(1, KEPT + 501):
        recorder.issued(number, number * 10, 77)
        recorder.sent(number * 10 + 1, 40_000 + number)
        recorder.answered(number * 10 + 2, Verdict.ACCEPTED)
    flights = recorder.flights()
    assert [flight.nonce for flight in flights] == list(range(501, KEPT + 501))
    assert flights[-1] == recorder.last == (1500, 15_000, 15_001, 15_002, 41_500, 77, Verdict.ACCEPTED)


def test_a_flight_without_an_answer_is_open():
    recorder = FlightRecorder()
    recorder.sent(1)
    recorder.answered(1, Verdict.ACCEPTED)
    recorder.issued(5, 10, 1)
    assert recorder.last.verdict is Verdict.OPEN
    assert recorder.last.answered_ns == 0


@pytest.mark.parametrize("gaps", [(3, MINUTE), (10, HOUR)])
def test_the_budget_is_spent_and_comes_back(gaps):
    most, span = gaps
    step = span // most
    moments = [NOW + number * step // 2 for number in range(most)]
    standing = standing_of([Event("refused", moment) for moment in moments])
    assert standing.budget_end(moments[-1]) == moments[0] + span
    assert standing.budget_end(moments[0] + span) == 0
    assert standing_of([Event("refused", moment) for moment in moments[1:]]).budget_end(moments[-1]) == 0


def test_a_quarantine_lasts_until_it_is_closed_or_lifted():
    opened = Event("opened", NOW, until_ns=NOW + MINUTE, text="why")
    assert standing_of([opened, opened]).strikes == 2
    assert standing_of([opened]).is_open
    for end in ("closed", "lifted"):
        assert not standing_of([opened, Event(end, NOW)]).is_open


@given(st.lists(st.text() | st.sampled_from(['{"kind":"opened"}', '{"kind":"refused","at_ns":"x"}', "[]", "{" * 9999])))
def test_damaged_lines_are_left_out(lines):
    standing_of(read_events(lines))


def test_an_event_survives_its_line():
    event = Event("refused", 1, 2, "USER:é", 3, "UNPARSABLE", 'text with "quotes"\nand lines', 4)
    assert read_events(["", event.line(), '{"kind":"ref']) == [event]
    assert "\n" not in event.line()


@given(st.lists(st.sampled_from(sorted(CATALOGUE)) | st.text(), min_size=1, max_size=3), st.booleans())
def test_whatever_error_strings_come_the_lane_goes_on_or_says_why_not(errors, is_unknown):
    lane = make_lane(ManualClock(wall_ns=NOW), UNITS[-1])
    outcome = Unknown("lost", tuple(errors)) if is_unknown else judge_errors(tuple(errors))
    kept_back = []
    for _ in range(4):
        try:
            with lane.turn() as turn:
                talk = turn.conversation()
                step = next(talk)
                while True:
                    turn.take(step)
                    turn.note_date("".join(errors))
                    turn.settle(outcome)
                    try:
                        step = talk.send(outcome)
                    except StopIteration:
                        break
        except LaneQuarantined as error:
            kept_back.append(error)
    assert all(error.until_ns >= NOW and "Nothing was sent" in str(error) for error in kept_back)
    assert lane.stats().in_flight == 0
    assert lane.stats().issued <= 6


@given(st.recursive(st.none() | st.text() | st.integers(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)))
def test_whatever_a_probe_returns_is_read_or_left(result):
    key_numbers(result)
    key_numbers({"nonce": result, "nonce_window": result})


def test_key_numbers_come_in_two_spellings():
    assert key_numbers({"nonce": "17", "nonce_window": "5"}) == key_numbers({"nonce": 17, "nonceWindow": 5}) == (17, 5)


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        ("EAPI:Invalid nonce", Answer.NONCE),
        ("EAPI:Invalid key", Answer.CREDENTIALS),
        ("EGeneral:Temporary lockout", Answer.LOCKOUT),
        ("EOrder:Insufficient funds", Answer.PASSED),
        ("EOrder:Unknown order", Answer.PASSED),
        ("EGeneral:Unknown method", Answer.NOTHING),
        ("EAPI:Rate limit exceeded", Answer.NOTHING),
        ("EService:Busy", Answer.NOTHING),
    ],
)
def test_what_an_error_says_about_the_nonce(error, answer):
    assert read_answer(judge_errors((error,))) is answer


def test_what_was_never_sent_says_nothing():
    unsent = Refused(("not sent: the journal is full",), Meaning(Action.GIVE_UP, no_effect=True))
    assert read_answer(unsent) is Answer.NOTHING


def settle(lane, outcome, priority=Priority.READ):
    with lane.turn(priority) as turn:
        assert turn.nonce
        turn.settle(outcome)


def test_refusals_count_for_every_process_that_shares_the_store(tmp_path):
    clock = ManualClock(wall_ns=NOW)
    stores = [FileStore(f"file://{tmp_path}/store", clock) for _ in range(2)]
    lanes = [make_lane(clock, UNITS[-1], store) for store in stores]
    for lane in (*lanes, lanes[0]):
        settle(lane, INVALID)
    for lane in lanes:
        with pytest.raises(LaneQuarantined, match="too many refused nonces; the last: another program"), lane.turn():
            pass
    clock.advance(MINUTE)
    settle(lanes[1], Accepted({}))
    for store in stores:
        store.close()


def heal_beside_another_process(stores):
    """Let a process queue for the key while another one heals it, in vain; return the refusals of both.

    When the first one asks for its key again, the second gets it in between.
    """
    clock = ManualClock(wall_ns=NOW)
    key = Key(clock, UNITS[-1], mark=2**63)
    first, second = (make_lane(clock, UNITS[-1], store) for store in stores)
    beside = threading.Thread(target=call, args=(second, key, 1))

    def begin_beside():
        if beside.ident is None:
            beside.start()
            while beside.is_alive() and not second.stats().in_flight:
                threading.Event().wait(0.001)

    call(first, key, 0, begin_beside)
    beside.join()
    return len(key.sent)


def test_a_process_that_heals_counts_what_happened_while_another_one_had_the_key():
    assert heal_beside_another_process([MemoryStore()] * 2) == 3


def test_two_processes_without_a_shared_budget_are_refused_twice_as_often():
    """Positive control of the test above."""
    assert heal_beside_another_process([MemoryStore(), MemoryStore()]) == 6


def test_without_a_shared_store_each_process_counts_alone():
    """Positive control of the test above."""
    clock = ManualClock(wall_ns=NOW)
    lanes = [make_lane(clock, UNITS[-1], MemoryStore()) for _ in range(2)]
    for lane in (*lanes, lanes[0]):
        settle(lane, INVALID)
    settle(lanes[0], Accepted({}))


def test_a_wrong_private_key_stops_this_process_only(tmp_path):
    clock = ManualClock(wall_ns=NOW)
    stores = [FileStore(f"file://{tmp_path}/store", clock) for _ in range(2)]
    wrong, right = (make_lane(clock, UNITS[-1], store) for store in stores)
    settle(wrong, judge_errors(("EAPI:Invalid signature",)))
    with pytest.raises(LaneQuarantined, match="private key"), wrong.turn():
        pass
    settle(right, Accepted({}))
    for store in stores:
        store.close()


def test_a_clock_set_back_does_not_prolong_a_quarantine():
    clock = ManualClock(wall_ns=NOW)
    lane = make_lane(clock, UNITS[-1])
    settle(lane, LOCKOUT)
    clock.step(-10 * HOUR)
    clock.advance(LOCKOUT_SPAN)
    with lane.turn() as turn:
        assert turn.on_trial


def test_the_operator_can_lift_a_quarantine():
    lane = make_lane(ManualClock(wall_ns=NOW), UNITS[-1])
    settle(lane, LOCKOUT)
    with pytest.raises(LaneQuarantined, match="lockout"), lane.turn(Priority.CANCEL):
        pass
    lane.watch.lift()
    settle(lane, Accepted({}))


class TestFirewall:
    def setup_method(self):
        self.clock = ManualClock(wall_ns=NOW)
        self.wall = Firewall(self.clock)
        self.wall.locked_out("bad")

    def test_one_lockout_lets_one_scout_out_and_the_others_wait(self):
        woken = threading.Event()
        assert self.wall.admit("a", "turn a", None) is Pass.SCOUT
        assert self.wall.admit("b", "turn b", woken.set) is Pass.WAIT
        assert self.wall.admit("bad", "turn bad", None) is Pass.FREE, "its own quarantine keeps it"
        self.wall.passed("a", self.clock.boot_ns())
        assert woken.is_set()
        assert self.wall.state is State.CALM
        assert self.wall.admit("b", "turn b", None) is Pass.FREE

    def test_what_was_issued_before_proves_nothing(self):
        self.clock.advance(NS_PER_SECOND)
        self.wall.locked_out("bad")
        self.wall.passed("a", 0)
        assert self.wall.state is State.DOUBT

    def test_a_scout_that_brings_nothing_is_followed_by_another(self):
        woken = threading.Event()
        self.wall.admit("a", "turn a", None)
        self.wall.admit("b", "turn b", woken.set)
        self.wall.leave("turn a")
        assert woken.is_set()
        assert self.wall.admit("b", "turn b", None) is Pass.SCOUT

    def test_two_lockouts_shut_it_and_one_probe_opens_it_after_fifteen_minutes(self):
        self.wall.admit("a", "turn a", None)
        self.wall.locked_out("a")
        self.wall.leave("turn a")
        with pytest.raises(LaneQuarantined, match="2 keys were locked out"):
            self.wall.admit("b", "turn b", None)
        self.clock.advance(LOCKOUT_SPAN)
        assert self.wall.admit("b", "turn b", None) is Pass.SCOUT
        assert self.wall.admit("c", "turn c", lambda: None) is Pass.WAIT
        self.wall.passed("b", self.clock.boot_ns())
        assert self.wall.state is State.CALM

    def test_a_closed_loop_among_those_who_wait_harms_nobody(self):
        def gone():
            raise RuntimeError("Event loop is closed")

        woken = threading.Event()
        self.wall.admit("a", "turn a", None)
        self.wall.admit("b", "turn b", gone)
        self.wall.admit("c", "turn c", woken.set)
        self.wall.passed("a", 0)
        assert woken.is_set()


def test_what_is_kept_of_an_event_is_short_and_keeps_cause_and_mend():
    words = ("1795407685436507001", "2026-11-23T04:21:20.462921Z", "sent +0.1 ms", "answered +3.2 ms", "port 54321")
    line = "  ".join((*words, "pid 4321", "refused"))
    long = Event(
        "refused",
        NOW,
        1,
        "USER:alice",
        7,
        "FOREIGN_PROGRAM",
        "cause " + "x" * 3000 + " mend",
        trail="\n".join([line] * 5),
    )
    kept = long.line()
    (read,) = read_events([kept])
    assert len(kept) < 1300
    assert read.text.startswith("cause x")
    assert read.text.endswith("x mend")
    assert read.trail == "\n".join([line] * 3)
    brief = Event("opened", NOW, text="as it is", trail=line)
    assert read_events([brief.line()]) == [brief]


def test_a_refusal_that_is_healed_keeps_its_cause():
    """What heals it lies in another grant, whose end says nothing of the first."""
    clock = ManualClock(wall_ns=NOW)
    unit = max(UNITS, key=lambda one: one.per_second)
    key, lane = Key(clock, unit), make_lane(clock, unit, EndingStore(clock))
    call(lane, key, 1)
    pauses = [2 * NS_PER_SECOND]

    def stand_still():
        if pauses:
            clock.advance(pauses.pop())
            key.mark = clock.wall_ns() - NS_PER_SECOND  # somebody else had the key

    assert isinstance(call(lane, key, 2, stand_still), Accepted)
    events = read_events(lane.store.remembered(lane.key))
    assert [(event.kind, event.cause) for event in events] == [("refused", "LEASE_LOST"), ("healed", "LEASE_LOST")]
