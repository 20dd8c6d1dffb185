"""A key that was handed over: used for a moment at once, and on from there as soon as its claim is granted."""

import threading

import pytest

from krakenonce.clock import ManualClock
from krakenonce.errors import GrantEnded
from krakenonce.stores.leases.book import Book
from krakenonce.stores.leases.engine import (
    KEPT_EVENTS,
    PUSHED_NS,
    Acquire,
    Claim,
    Done,
    Granted,
    Handed,
    Keep,
    Pass,
    Queued,
    Raise,
    Release,
    Remember,
    Renewal,
    Wanted,
)
from krakenonce.stores.leases.settings import LeaseSettings
from krakenonce.stores.leases.slots import Slot
from krakenonce.testing.waiting import Waiting, take
from tests.engines.test_leases import wait_for

KEY = "00000000000000aa:00000000000000cc"
NOW = 1_790_000_000_000_000_000
LONG = "x" * 1200
CLAIM_NS = int(LeaseSettings().claim * 10**9)
PATIENT = "?claim=60"
"""For tests in which a push is to be in time, however slow the machine is."""


class Desk:
    """A book on its own: what it asks is written down, and the test is the engine."""

    def __init__(self, **settings):
        self.asked = []
        self.between = lambda: None
        self.clock = clock = ManualClock()
        self.book = Book(LeaseSettings(**settings), clock, clock, self._act, self.asked.clear)
        self.epoch = self.book.renewed(Renewal((1,), NOW, NOW + 10**10), clock.boot_ns())

    def _act(self, effects):
        between, self.between = self.between, lambda: None
        between()  # what another thread does as soon as the lock is free
        self.asked += effects.asks
        effects.wake_all()

    def waits(self):
        return self.book.queue(KEY, 0, lambda: None)

    def granted(self, generation, *events):
        self.book.granted(KEY, Granted(NOW, 0, generation, 1, events), self.epoch)


@pytest.fixture
def desk():
    return Desk()


def push(*events, generation=5, at_ns=NOW, low=NOW):
    return Handed(KEY, generation, at_ns, Granted(low, 0, generation, 0, events))


def test_what_is_pushed_is_used_at_once_for_a_moment_and_longer_once_it_is_claimed(desk):
    pending = desk.waits()
    desk.book.handed(push("first"))
    assert desk.asked == [Acquire(KEY, 0), Claim(KEY, 5)]
    assert (pending.grant.high, pending.grant.until_boot_ns) == (NOW + PUSHED_NS, CLAIM_NS // 2)
    assert desk.book.remembered(KEY) == ("first",)
    desk.granted(5, "first", "second")
    longer = desk.book.renew(pending.grant, NOW)
    assert longer.high == NOW + 10**10
    assert longer.until_boot_ns > 10**9
    assert desk.book.remembered(KEY) == ("first", "second")


@pytest.mark.parametrize("message", [Handed(KEY, 5), push(at_ns=NOW - CLAIM_NS), push(at_ns=NOW + CLAIM_NS)])
def test_a_push_without_a_grant_or_from_another_time_waits_for_its_claim(desk, message):
    pending = desk.waits()
    desk.book.handed(message)
    assert desk.asked == [Acquire(KEY, 0), Claim(KEY, 5)]
    assert pending.grant is None
    desk.granted(5, "first")
    assert pending.grant is not None
    assert desk.book.remembered(KEY) == ("first",)


@pytest.mark.parametrize("settings", [{"replicas": 1}, {"cluster": True}])
def test_where_others_must_know_first_a_push_waits_for_its_claim(settings):
    desk = Desk(**settings)
    pending = desk.waits()
    desk.book.handed(push())
    assert pending.grant is None
    desk.granted(5)
    assert pending.grant is not None


def test_a_push_of_an_earlier_life_of_the_session_waits_for_its_claim(desk):
    desk.epoch = desk.book.renewed(Renewal((NOW + 1,), NOW + 1, NOW + 10**10), 0)
    pending = desk.waits()
    desk.book.handed(push())
    assert pending.grant is None


def test_a_moment_that_is_over_before_the_claim_is_answered_is_waited_for(desk):
    first = desk.waits()
    desk.book.handed(push())
    desk.clock.advance(CLAIM_NS)
    with pytest.raises(GrantEnded):
        desk.book.renew(first.grant, NOW)
    desk.book.release(first.grant, NOW)
    second = desk.waits()
    assert desk.asked == [Acquire(KEY, 0), Claim(KEY, 5)]  # not a third question
    assert second.grant is None
    desk.book.granted(KEY, Granted(NOW, 0, 5, 0), desk.epoch)
    assert second.grant.low == NOW + 1


def test_a_push_that_comes_twice_allows_no_more_than_once(desk):
    pending = desk.waits()
    desk.book.handed(push())
    desk.clock.advance(1)
    desk.book.handed(push())
    again = desk.book.renew(pending.grant, NOW)
    assert (again.high, again.until_boot_ns) == (pending.grant.high, pending.grant.until_boot_ns)


def test_who_used_a_push_that_was_passed_on_asks_anew(desk):
    first = desk.waits()
    desk.book.handed(push())
    second = desk.waits()
    desk.book.missed(Claim(KEY, 5))
    desk.book.release(first.grant, NOW + 7)
    assert desk.asked[2:] == [Acquire(KEY, NOW + 8)]
    assert second.grant is None


def test_the_answer_to_a_claim_does_not_confirm_what_is_in_doubt_since(desk):
    first = desk.waits()
    desk.book.handed(push())
    desk.book.doubt(KEY)
    desk.granted(5)
    desk.book.release(first.grant, NOW)
    assert desk.waits().grant is None
    assert desk.asked[2:] == [Acquire(KEY, NOW + 1)]


def test_what_is_used_unclaimed_is_spoken_for_in_a_new_era_and_stands_then(desk):
    desk.waits()
    desk.book.handed(push())
    desk.epoch = desk.book.renewed(Renewal((2,), NOW, NOW + 10**10), 0)
    keep = desk.asked[-1]
    assert keep == Keep(KEY, 5, NOW + PUSHED_NS)
    desk.book.kept(keep, effect=True)
    desk.clock.advance(CLAIM_NS)
    first = desk.book._slots[KEY].lease
    assert first.until is None


def test_a_claim_that_came_too_late_is_followed_by_another_ask(desk):
    pending = desk.waits()
    desk.book.handed(Handed(KEY, 5))
    desk.book.missed(Claim(KEY, 5))
    assert desk.asked[2:] == [Acquire(KEY, 0)]
    assert pending.grant is None


def forgets_what_it_has_not_told(desk):
    """Let a grant arrive that the engine made before it was told; return what is remembered then, and afterwards."""
    desk.waits()
    desk.granted(5, "first")
    desk.book.remember(KEY, "second")
    desk.granted(6, "first")  # asked for before, answered after
    between = desk.book.remembered(KEY)
    desk.book.told(Remember(KEY, "second"))
    desk.granted(7, "first", "second", "third")
    return between, desk.book.remembered(KEY)


def test_a_grant_made_before_does_not_make_a_process_forget_its_own_refusal(desk):
    assert forgets_what_it_has_not_told(desk) == (("first", "second"), ("first", "second", "third"))


def test_that_check_sees_a_process_that_forgets(desk, monkeypatch):
    """Positive control: what the engine says replaces what is known here."""
    monkeypatch.setattr(Slot, "recall", lambda slot, events: setattr(slot, "events", events))
    assert forgets_what_it_has_not_told(desk)[0] == ("first",)


def test_what_was_told_twice_is_remembered_once(desk):
    desk.waits()
    desk.granted(5, "first", "first")
    assert desk.book.remembered(KEY) == ("first",)


def test_a_key_in_doubt_is_given_back_at_the_end_with_all_that_was_used_of_it(desk):
    """Else its numbers would only be above what its session could use by the engine's clock, which may be set back."""
    pending = desk.waits()
    desk.book.granted(KEY, Granted(NOW, 0, 5, 0, ()), desk.epoch)
    desk.book.doubt(KEY)
    desk.book.release(pending.grant, NOW + 77)
    assert desk.book.give_back_all() == [Release(KEY, 5, NOW + 78, again=False)]


def test_what_is_here_again_is_not_given_back_for_an_older_wish(desk):
    first = desk.waits()
    desk.granted(5)
    desk.book.release(first.grant, first.grant.low)
    again = desk.waits()
    desk.granted(6)
    desk.book.wanted(Wanted(KEY, 5))  # was under way when it was given back
    desk.book.release(again.grant, again.grant.low)
    given_back = [ask.generation for ask in desk.asked if isinstance(ask, Release)]
    assert given_back == [5, 6]


class Gate:
    """Keeps a store's claims from its engine until it is opened."""

    def __init__(self, store):
        self.reached, self.opened = threading.Event(), threading.Event()
        engine = store._driver._engine
        run = engine.run

        def gated(asks):
            if any(isinstance(ask, Claim) for ask in asks):
                self.reached.set()
                self.opened.wait(20)
            return run(asks)

        engine.run = gated


def hand_over_behind_a_gate(server, key, opened, events):
    """Have *key* handed over to a process whose claims don't reach the engine; return that one, and who waits there."""
    holder, heir = opened(server.url + PATIENT), opened(server.url + PATIENT)
    grant = take(holder, key)
    gate, waiting = Gate(heir), Waiting(heir, key)
    for event in events:
        holder.remember(key, event)
    holder.release(grant, grant.low)
    assert gate.reached.wait(20)
    return heir, gate, waiting


def test_the_new_holder_does_not_wait_for_its_claim_and_knows_what_the_old_one_did(server, key, opened):
    heir, gate, waiting = hand_over_behind_a_gate(server, key, opened, ("first", "second"))
    assert waiting.grant().key == key
    assert heir.remembered(key) == ("first", "second")
    gate.opened.set()


def test_what_does_not_fit_into_a_push_comes_with_the_claim(engines, key, opened):
    events = tuple(f"{number} {LONG}" for number in range(KEPT_EVENTS))
    heir, gate, waiting = hand_over_behind_a_gate(engines["postgresql"], key, opened, events)
    assert not waiting.is_woken
    assert heir.remembered(key) == ()
    gate.opened.set()
    assert waiting.grant().key == key
    assert heir.remembered(key) == events


class Sitting:
    """A session that asks the engine itself, without a store's threads."""

    def __init__(self, store, name):
        self.name, self.engine = name, store._driver._engine
        self.ear = self.engine.ear()
        self.ear.open(name)
        self.birth = self.renew().birth

    def renew(self):
        return self.engine.renew(self.name, 1)

    def ask(self, *asks):
        replies = self.engine.run(asks)
        return replies[0] if len(asks) == 1 else replies


def heard(sitting):
    """Return the grant that is pushed next to *sitting*."""
    while True:
        for message in sitting.ear.hear(20):
            if isinstance(message, Handed):
                return message.granted


@pytest.fixture
def sittings(kind, server, opened, keep):
    """Sessions on one engine: the first, the second, the third."""
    made = []
    for name in "abc":
        store = opened(server.url)
        store._driver.close([])  # its threads are not wanted here
        store._driver._engine.connect()
        made.append(Sitting(store, f"{kind}{name}"))
    yield made
    for sitting in made:
        sitting.engine.end(sitting.name)
        sitting.engine.close()
        sitting.ear.close()


def test_who_does_not_claim_in_time_is_passed_over_and_lives_on(sittings, server, key, opened):
    before, other = opened(server.url), f"{key}other"
    for name in (key, other):
        take(before, name)  # the quiet time of the engine's era is over then
    before.close()
    first, second, third = sittings
    grant = first.ask(Acquire(key, 0))
    assert isinstance(second.ask(Acquire(other, 0)), Granted)
    assert isinstance(second.ask(Acquire(key, 0)), Queued)
    handed = first.ask(Remember(key, "refused"), Release(key, grant.generation, grant.low + 1, again=False))[1]
    pushed = heard(second)
    assert (pushed.generation, pushed.events) == (handed.handed, ("refused",))
    watch = third.ask(Acquire(key, 0)).watch
    passed = third.ask(Acquire(key, 0, watch, 10**6))
    assert isinstance(passed, Granted)
    assert passed.events == ("refused",)
    assert passed.low >= pushed.low + PUSHED_NS  # it may have been used
    assert second.ask(Claim(key, handed.handed)) == Done(effect=False)
    assert second.renew().birth == second.birth  # what else it holds is still its own


def test_what_is_spoken_for_counts_as_claimed(sittings, server, key, opened):
    """Else it would be passed on while it is used."""
    before = opened(server.url)
    take(before, key)
    before.close()
    first, second, third = sittings
    grant = first.ask(Acquire(key, 0))
    for each in (second, third):
        each.ask(Acquire(key, 0))
    handed = first.ask(Release(key, grant.generation, grant.low + 1, again=False))
    assert second.ask(Keep(key, handed.handed, 0)) == Done(effect=True)
    assert first.ask(Pass(key, handed.handed)) == Done(effect=False)


def test_what_is_told_of_an_unknown_key_is_kept(sittings, server, key, opened):
    sittings[0].ask(Remember(key, "refused"))
    store = opened(server.url)
    take(store, key)
    assert store.remembered(key) == ("refused",)


def test_what_is_given_back_just_after_the_session_began_anew_is_not_forgotten(desk):
    desk.between = lambda: desk.book.wanted(Wanted(KEY, 5))
    desk.book.renewed(Renewal((2,), NOW, NOW + 10**10), 0)
    assert desk.asked == [Release(KEY, 5, 0, again=False)]


def test_what_was_given_back_while_this_host_was_alone_is_given_back_again(desk):
    """The driver asks nothing of an epoch that is over; so whatever was decided in it must be decided anew."""
    desk = Desk(degrade=True)
    desk.granted(5)
    desk.book.engine_away("no answer")
    desk.book.release(take(desk.book, KEY), NOW + 1)
    desk.book.wanted(Wanted(KEY, 5))
    assert desk.book.renewed(Renewal((1,), NOW, NOW + 10**10), 0) > desk.epoch
    desk.asked.clear()
    desk.book.wanted(Wanted(KEY, 5))
    assert desk.asked == [Release(KEY, 5, NOW + 2, again=False)]


def test_numbers_of_a_host_alone_reserve_none(desk):
    desk = Desk(degrade=True)
    desk.book.engine_away("no answer")
    desk.book.release(take(desk.book, KEY), NOW + 10**12)
    desk.book.renewed(Renewal((2,), NOW, NOW + 10**10), 0)
    assert desk.asked == [Raise(KEY, NOW + 10**12 + 1)]


def test_a_holder_who_did_not_hear_that_somebody_waits_is_told_again(server, key, opened, monkeypatch):
    """Long before its lease would end: what is pushed while a connection is made anew is lost."""
    holder, other = opened(server.url + "?ttl=120"), opened(server.url + "?ttl=120")
    grant = take(holder, key)
    unheard, wanted = [], holder._book.wanted
    monkeypatch.setattr(holder._book, "wanted", lambda message: unheard.append(message) or wanted_from_now_on())

    def wanted_from_now_on():
        monkeypatch.setattr(holder._book, "wanted", wanted)

    waiting = Waiting(other, key)
    wait_for(lambda: unheard)
    holder.release(grant, grant.low)
    assert waiting.grant().low > grant.low
    assert len(unheard) == 1
