"""A thread and an event loop agree on who goes on with a commit: exactly one of them, whoever is first."""

import threading

import pytest

from krakenonce.orders import voyages
from krakenonce.orders.voyages import Voyage


def test_what_has_arrived_is_returned_at_once_and_nobody_needs_to_be_called():
    voyage = Voyage()
    assert voyage.arrive(["done"]) is False
    assert voyage.await_arrival() == ["done"]


def test_the_loop_that_has_gone_on_must_be_called(monkeypatch):
    monkeypatch.setattr(voyages, "PATIENCE_S", 0)
    voyage = Voyage()
    assert voyage.await_arrival() is None
    assert voyage.arrive(["done"]) is True
    assert voyage.await_arrival() == ["done"]


@pytest.mark.parametrize("patience_s", [0, 0.000_05, 1])
def test_it_is_never_lost_between_the_two(monkeypatch, patience_s):
    """Either the loop has the result, or the thread knows that the loop must be called; seldom both."""
    monkeypatch.setattr(voyages, "PATIENCE_S", patience_s)
    for _ in range(300):
        voyage, called = Voyage(), []
        thread = threading.Thread(target=lambda v=voyage, c=called: c.append(v.arrive(["done"])))
        thread.start()
        result = voyage.await_arrival()
        thread.join()
        assert result == ["done"] or called == [True]


def test_departing_twice_lets_go_once():
    voyage = Voyage()
    voyage.depart()
    voyage.depart()
    voyage.await_departure()
    voyage.depart()
    assert voyage.arrive([]) is False
