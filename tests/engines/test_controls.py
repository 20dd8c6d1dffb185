"""The checks can see: engines that are broken on purpose fail them."""

import hashlib

import pytest

from krakenonce.stores.leases.session import Session
from krakenonce.stores.redis import engine as redis_engine
from tests.engines import test_leases
from tests.engines.test_conformance import TestPostgres as Postgres
from tests.engines.test_conformance import TestRedis as Redis


def runs(suite, server, name):
    """Run one test of *suite* on *server*."""
    suite.server = server
    suite.__class__.__mro__[2].setup_method(suite)
    try:
        server.forget_all()
        getattr(suite, name)()
    finally:
        suite.teardown_method()


@pytest.fixture
def redis(engines):
    return engines["redis"]


@pytest.fixture
def broken_script(monkeypatch):
    """Send a script in which one thing is replaced by another."""

    def replace(name, what, by):
        text = redis_engine._SCRIPTS[name]
        assert what in text
        monkeypatch.setitem(redis_engine._SCRIPTS, name, text.replace(what, by))
        sha = hashlib.sha1(text.replace(what, by).encode()).hexdigest()
        monkeypatch.setitem(redis_engine._SHAS, name, sha)

    return replace


def test_the_suite_sees_a_store_that_grants_what_is_held(redis, broken_script):
    broken_script("acquire", "if not alive or unclaimed then", "if true then")
    with pytest.raises(AssertionError):
        runs(Redis(), redis, "test_threads_never_hold_a_key_together")


def test_a_floor_that_is_not_kept_is_seen(redis, broken_script, opened, key):
    for name in ("acquire", "release"):
        broken_script(name, "highest(highest(highest(low, state.floor), state.wish), floor)", "low")
    with pytest.raises(AssertionError):
        test_leases.test_floors_have_nineteen_digits_and_none_is_rounded(redis, key, opened)


def test_the_digits_are_seen_to_be_rounded_by_double_arithmetic(redis, broken_script, opened, key):
    exact = "if not doubtful then return low end"
    for name in ("acquire", "release"):
        broken_script(name, exact, f"low = string.format('%.0f', tonumber(low)) {exact}")
    with pytest.raises(AssertionError):
        test_leases.test_floors_have_nineteen_digits_and_none_is_rounded(redis, key, opened)


def test_the_lease_check_is_missed(engines, monkeypatch, opened, key):
    monkeypatch.setattr(Session, "may_send", lambda self, boot_ns: True)
    with pytest.raises(pytest.fail.Exception):
        test_leases.test_a_grant_ends_before_the_lease_does(engines["redis"], key, opened)


@pytest.mark.parametrize("suite", [Redis, Postgres])
def test_the_suite_sees_a_queue_that_is_out_of_order(engines, monkeypatch, suite):
    monkeypatch.setattr(
        "krakenonce.stores.leases.slots.Slot.pop", lambda self: self.waiting.pop() if self.waiting else None
    )
    with pytest.raises(AssertionError):
        runs(suite(), engines[suite.kind], "test_first_come_first_served")
