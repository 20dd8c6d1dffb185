"""The checks can see: engines that are broken on purpose fail them."""

import hashlib

import pytest

from krakenonce.stores.leases.session import Session
from krakenonce.stores.redis import engine as redis_engine
from tests.engines import test_leases
from tests.engines.test_conformance import SUITES

GRANTS_WHAT_IS_HELD = {
    "redis": ("acquire", "is_known and state.holder and wait_for_holder()", "nil"),
    "postgresql": ("acquire", "known and lane.holder is not null", "false"),
}
FORGETS_FLOORS = {
    "redis": ("prelude", "highest(highest(state.floor or '0', state.wish), floor)", "'0'"),
    "postgresql": ("first_free", "greatest(lane.floor, lane.wish, floor)", "0"),
}
ROUNDS_DIGITS = {
    "redis": ("prelude", "return highest(now, known)", "return string.format('%.0f', tonumber(highest(now, known)))"),
    "postgresql": ("first_free", "return greatest(now_ns, known)", "return greatest(now_ns, known)::float8::bigint"),
}


def break_redis(monkeypatch, name, what, by):
    """Send scripts in which one thing is replaced by another."""
    for script in redis_engine._SCRIPTS if name == "prelude" else (name,):
        text = redis_engine._SCRIPTS[script]
        assert what in text or script == "renew"
        broken = text.replace(what, by)
        monkeypatch.setitem(redis_engine._SCRIPTS, script, broken)
        monkeypatch.setitem(redis_engine._SHAS, script, hashlib.sha1(broken.encode()).hexdigest())


def break_postgres(server, name, what, by):
    """Replace one thing in a function by another; return what it was."""
    text = server.do(f"select pg_get_functiondef('krakenonce.{name}'::regproc)")[0][0]
    assert what in text
    server.do(text.replace(what, by))
    return text


@pytest.fixture
def broken(server, kind, monkeypatch, opened):
    """Break the engine of this test in the way that *mutant* says."""
    whole = []

    def broken(mutant):
        if kind == "redis":
            break_redis(monkeypatch, *mutant[kind])
        else:
            opened(server.url)  # makes the functions
            whole.append(break_postgres(server, *mutant[kind]))

    yield broken
    for text in whole:
        server.do(text)


def runs(kind, server, name):
    """Run one test of the suite on *server*."""
    suite = SUITES[kind]()
    suite.begin(server)
    try:
        getattr(suite, name)()
    finally:
        suite.teardown_method()


def test_the_suite_sees_a_store_that_grants_what_is_held(kind, server, broken):
    broken(GRANTS_WHAT_IS_HELD)
    with pytest.raises(AssertionError):
        runs(kind, server, "test_threads_never_hold_a_key_together")


def test_a_floor_that_is_not_kept_is_seen(server, broken, opened, key):
    broken(FORGETS_FLOORS)
    with pytest.raises(AssertionError):
        test_leases.test_floors_have_nineteen_digits_and_none_is_rounded(server, key, opened)


def test_double_arithmetic_is_seen_to_round(server, broken, opened, key):
    broken(ROUNDS_DIGITS)
    with pytest.raises(AssertionError):
        test_leases.test_floors_have_nineteen_digits_and_none_is_rounded(server, key, opened)


def test_the_lease_check_is_missed(server, monkeypatch, opened, key):
    monkeypatch.setattr(Session, "may_send", lambda self, boot_ns: True)
    with pytest.raises(pytest.fail.Exception):
        test_leases.test_a_grant_ends_before_the_lease_does(server, key, opened)


def test_the_suite_sees_a_queue_that_is_out_of_order(kind, server, monkeypatch):
    monkeypatch.setattr(
        "krakenonce.stores.leases.slots.Slot.pop", lambda self: self.waiting.pop() if self.waiting else None
    )
    with pytest.raises(AssertionError):
        runs(kind, server, "test_first_come_first_served")
