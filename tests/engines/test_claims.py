"""A key that was handed over: used once its claim is granted, and with all that is remembered of it."""

import threading

import pytest

from krakenonce.clock import ManualClock
from krakenonce.stores.leases.book import Book
from krakenonce.stores.leases.engine import (
    KEPT_EVENTS,
    Acquire,
    Claim,
    Done,
    Granted,
    Handed,
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


class Desk:
    """A book on its own: what it asks is written down, and the test is the engine."""

    def __init__(self, **settings):
        self.asked = []
        self.between = lambda: None
        clock = ManualClock()
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


def test_a_push_is_not_used_before_its_claim_is_granted(desk):
    pending = desk.waits()
    desk.book.handed(Handed(KEY, 5))
    assert desk.asked == [Acquire(KEY, 0), Claim(KEY, 5)]
    assert pending.grant is None
    desk.granted(5, "first")
    assert pending.grant is not None
    assert desk.book.remembered(KEY) == ("first",)


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


def test_what_was_given_back_and_is_wanted_once_more_is_given_back_once_more(desk):
    """The engine crashed with the first release in its memory; nobody here will use the key and give it back again."""
    pending = desk.waits()
    desk.granted(5)
    desk.book.release(pending.grant, pending.grant.low)
    assert desk.asked[1:] == [Release(KEY, 5, NOW + 1, again=False)]
    desk.book.wanted(Wanted(KEY, 5))
    assert desk.asked[1:] == [Release(KEY, 5, NOW + 1, again=False)] * 2


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


def test_the_new_holder_waits_for_its_claim_and_knows_what_the_old_one_did(server, key, opened):
    holder, heir = opened(server.url), opened(server.url)
    grant = take(holder, key)
    gate, waiting = Gate(heir), Waiting(heir, key)
    events = tuple(f"{number} {LONG}" for number in range(KEPT_EVENTS))  # far more than a push could carry
    for event in events:
        holder.remember(key, event)
    holder.release(grant, grant.low)
    assert gate.reached.wait(20)
    assert not waiting.is_woken
    assert heir.remembered(key) == ()
    gate.opened.set()
    assert waiting.grant().low > grant.low
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
    """Return the generations of what is pushed next to *sitting*."""
    return [message.generation for message in sitting.ear.hear(20) if isinstance(message, Handed)]


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
    assert handed.handed in heard(second)
    watch = third.ask(Acquire(key, 0)).watch
    passed = third.ask(Acquire(key, 0, watch, 10**6))
    assert isinstance(passed, Granted)
    assert passed.events == ("refused",)
    assert second.ask(Claim(key, handed.handed)) == Done(effect=False)
    assert second.renew().birth == second.birth  # what else it holds is still its own


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
