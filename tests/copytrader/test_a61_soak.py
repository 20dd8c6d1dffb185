"""A61: a day with all faults on: nothing twice, nothing missing without a reason, exposure right to the lot."""

import tracemalloc

import pytest

from krakenonce.clock import NS_PER_SECOND
from tests.copytrader.soak import Day

SEED = 61


def judge(day, strikes):
    assert day.findings() == []
    print(dict(day.struck()))
    assert sum(day.struck().values()) > strikes, "the storm was no storm"
    assert set(day.shortfall()) == {0}, "everybody was patient enough for everything"


def test_a61_an_hour_of_ten_users_with_everything_going_wrong():
    day = Day(users=10, hours=1, orders=40, deaths=4, seed=SEED)
    day.play()
    judge(day, 50)


@pytest.fixture
def seldom(monkeypatch):
    """Heartbeats once a minute: once a second, a day of a hundred connections consists of little else."""
    monkeypatch.setattr("krakenonce.simulator.websocket.hub._SILENCE_NS", 60 * NS_PER_SECOND)


@pytest.mark.proof
@pytest.mark.usefixtures("seldom")
def test_a61_a_day_of_a_hundred_users_with_everything_going_wrong():
    day = Day(users=100, hours=24, orders=300, deaths=24, seed=SEED)
    day.play()
    judge(day, 2_000)


@pytest.mark.proof
@pytest.mark.usefixtures("seldom")
def test_a61_a_day_in_one_run_takes_no_more_and_more_memory():
    tracemalloc.start()
    try:
        day = Day(users=20, hours=24, orders=400, deaths=0, seed=SEED)
        day.play()
    finally:
        tracemalloc.stop()
    assert day.findings() == []
    first, *_, last = day.memory
    print(day.memory)
    assert last < first * 1.1
