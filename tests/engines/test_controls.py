"""The checks can see: engines that are broken on purpose fail them."""

import pytest

from krakenonce.stores.leases.session import Session
from krakenonce.testing import waiting
from tests.engines import test_leases
from tests.engines.mutants import FORGETS_FLOORS, GRANTS_WHAT_IS_HELD, ROUNDS_DIGITS
from tests.engines.test_conformance import SUITES


def runs(kind, server, name):
    """Run one test of the suite on *server*."""
    suite = SUITES[kind]()
    suite.begin(server)
    try:
        getattr(suite, name)()
    finally:
        suite.teardown_method()


def fails(kind, server, name):
    try:
        runs(kind, server, name)
    except AssertionError:
        return True
    return False


def test_the_suite_sees_a_store_that_grants_what_is_held(kind, server, broken):
    broken(server, GRANTS_WHAT_IS_HELD)
    assert any(fails(kind, server, "test_threads_never_hold_a_key_together") for _ in range(10))  # two must meet


def test_a_floor_that_is_not_kept_is_seen(server, broken, opened, key, monkeypatch):
    test_leases.test_floors_have_nineteen_digits_and_none_is_rounded(server, f"{key}x", opened)
    broken(server, FORGETS_FLOORS)
    monkeypatch.setattr(waiting, "PATIENCE", 2.0)  # the store asks again and again for what it never gets
    with pytest.raises(AssertionError):
        test_leases.test_floors_have_nineteen_digits_and_none_is_rounded(server, key, opened)


def test_double_arithmetic_is_seen_to_round(server, broken, opened, key):
    broken(server, ROUNDS_DIGITS)
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
