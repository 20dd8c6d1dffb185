"""A61: a day with all faults on: nothing twice, nothing missing without a reason, exposure right to the lot."""

import pytest

from krakenonce.broker.executions import OrderLog
from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader import lines
from krakenonce.copytrader.deciding import skip
from krakenonce.copytrader.engine import sweep
from krakenonce.copytrader.guards.reasons import Reason, say
from tests.copytrader.soak import Day
from tests.copytrader.verdict import figures, findings, is_flat

SEED = 61
QUIET = {"share": 1e-9, "seed": SEED}


def judge(day, strikes):
    print(figures(day))
    assert findings(day) == []
    assert day.struck.total() > strikes, "the storm was no storm"


def test_a61_an_hour_of_ten_users_with_everything_going_wrong():
    day = Day(users=10, hours=1, orders=30, deaths=3, closures=2, outages=1, unlucky=2, restless=2, seed=SEED)
    day.play()
    judge(day, 200)
    assert day.done["die"] == 3


@pytest.fixture
def seldom(monkeypatch):
    """Heartbeats once a minute: once a second, a day of a hundred connections consists of little else."""
    monkeypatch.setattr("krakenonce.simulator.websocket.hub._SILENCE_NS", 60 * NS_PER_SECOND)


@pytest.mark.proof
@pytest.mark.usefixtures("seldom")
def test_a61_a_day_of_a_hundred_users_with_everything_going_wrong():
    day = Day(users=100, hours=24, orders=240, deaths=24, closures=12, outages=8, unlucky=10, restless=10, seed=SEED)
    day.play()
    judge(day, 10_000)


@pytest.mark.proof
@pytest.mark.usefixtures("seldom")
def test_a61_a_day_in_one_run_takes_no_more_and_more_memory():
    day = Day(users=100, hours=24, orders=240, closures=12, outages=8, unlucky=10, restless=10, looks=24, seed=SEED)
    day.play()
    judge(day, 10_000)
    print(day.memory, day.rings, day.tasks)
    assert is_flat(day.memory, warm_up=4)
    assert max(day.tasks) <= 1.1 * day.tasks[4], "there may be fewer while the network is away, and never more"


def short():
    return Day(users=3, hours=0.5, orders=12, **QUIET)


def played(day):
    day.play()
    return findings(day)


def test_a61_a_day_on_which_nothing_goes_wrong_is_not_found_fault_with():
    day = short()
    assert played(day) == []
    assert figures(day)["copy orders at the exchange"] >= 3 * 12


def test_a61_an_order_that_is_forgotten_and_sent_again_is_found(monkeypatch):
    executed, times = lines.executed, []

    def forgetful(line, side, volume):
        times.append(volume)
        return line if len(times) == 5 else executed(line, side, volume)

    monkeypatch.setattr(lines, "executed", forgetful)
    assert any(" has " in text and " wants " in text for text in played(short()))


def test_a61_a_fill_that_is_overlooked_for_one_user_is_found(monkeypatch):
    decide_for, times = sweep.decide_for, []

    def overlooking(board, figures, member, row, draft):
        times.append(member.name)
        if len(times) != 5:
            decide_for(board, figures, member, row, draft)

    monkeypatch.setattr(sweep, "decide_for", overlooking)
    assert any("never decided on" in text for text in played(short()))


def test_a61_a_skip_for_a_reason_that_is_none_is_found(monkeypatch):
    decide, times = sweep.decide, []

    def excuse(fill, line, *others):
        times.append(fill.exec_id)
        why = say(Reason.PAUSED, "no entries are made")
        return skip(fill, line, why, fill.filled_ns) if len(times) == 5 else decide(fill, line, *others)

    monkeypatch.setattr(sweep, "decide", excuse)
    assert any("was skipped: paused" in text for text in played(short()))


def test_a61_a_size_that_is_a_little_wrong_is_found(monkeypatch):
    apply, times = lines.apply, []

    def careless(line, decision):
        times.append(decision.delta)
        moved = apply(line, decision)
        return lines.write_off(moved, moved.wanted - moved.held) if len(times) == 5 else moved

    monkeypatch.setattr(lines, "apply", careless)
    assert any("was given up" in text or "written off" in text for text in played(short()))


def test_a61_memory_that_grows_with_every_order_is_found(monkeypatch):
    sound, leaking = (Day(users=3, hours=0.5, orders=30, looks=3, **QUIET) for _ in range(2))
    sound.play()
    monkeypatch.setattr(OrderLog, "_close", lambda log, order: None)
    leaking.play()
    copies = figures(leaking)["copy orders at the exchange"]
    assert leaking.memory[-1] - sound.memory[-1] > 500 * copies / 2
    assert leaking.memory[-1] > 1.1 * sound.memory[-1]


def test_a61_ten_per_cent_are_the_bound_of_what_is_flat():
    assert is_flat([5, 100, 95, 105, 109, 92], warm_up=1)
    assert not is_flat([100 * 1.02**hour for hour in range(24)], warm_up=4)
