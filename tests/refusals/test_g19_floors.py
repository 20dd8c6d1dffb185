"""G19: whatever a key's mark is and whoever else uses it, few refusals, small steps, and no unit without consent."""

import logging

import pytest

from krakenonce.clock import NS_PER_SECOND, ManualClock
from krakenonce.errors import LaneQuarantined
from krakenonce.kraken.replies import Accepted, Refused
from krakenonce.nonce import UNITS
from krakenonce.refusals import healing
from krakenonce.refusals.events import Event
from krakenonce.refusals.healing import Step
from krakenonce.refusals.watch import Watch
from tests.refusals.judging import MINUTE, NOW, Key, call, faults_of, make_lane, play


@pytest.fixture(autouse=True)
def _silence(caplog):
    """Thousands of keys in trouble say so in the log."""
    caplog.set_level(logging.CRITICAL, "krakenonce")


SHORT, FEW = range(2_000), range(400)


@pytest.mark.parametrize("seeds", [SHORT, pytest.param(range(20_000), marks=pytest.mark.proof)], ids=len)
def test_g19_every_kind_of_trouble_stays_within_bounds(seeds):
    troubles = {seed: found for seed in seeds if (found := faults_of(*play(seed)))}
    assert troubles == {}, "replay with play(seed)"


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
@pytest.mark.parametrize(("ahead_s", "refusals"), [(0, 1), (1, 1), (60, 2), (590, 2)])
def test_g19_a_new_key_is_healed_at_once_up_to_ten_minutes_ahead(unit, ahead_s, refusals):
    """Sending nothing at all would keep every bound."""
    clock = ManualClock(wall_ns=NOW)
    key, lane = Key(clock, unit, mark=unit.at(NOW + ahead_s * NS_PER_SECOND)), make_lane(clock, unit)
    assert isinstance(call(lane, key, 0), Accepted)
    assert [sent.accepted for sent in key.sent] == [False] * refusals + [True, True]
    assert [sent.is_probe for sent in key.sent] == [False] + [True] * refusals + [False]
    assert isinstance(call(lane, key, 1), Accepted)
    assert len(key.sent) == refusals + 3


def test_g19_a_key_in_use_goes_on_after_a_minute():
    clock = ManualClock(wall_ns=NOW)
    key, lane = Key(clock, UNITS[-1]), make_lane(clock, UNITS[-1])
    call(lane, key, 0)
    key.mark = NOW + 30 * NS_PER_SECOND
    assert not isinstance(call(lane, key, 1), Accepted)
    assert isinstance(call(lane, key, 2), LaneQuarantined)
    assert len(key.sent) == 4, "the quarantine sends nothing"
    clock.advance(MINUTE)
    assert isinstance(call(lane, key, 3), Accepted)
    assert [sent.is_probe for sent in key.sent[4:]] == [True, False]


@pytest.mark.parametrize("allowed", ["", "in the program", "in the store"])
def test_g19_a_larger_unit_is_reached_with_consent_only(allowed):
    clock, milliseconds, nanoseconds = ManualClock(wall_ns=NOW), UNITS[1], UNITS[-1]
    key, lane = Key(clock, milliseconds, mark=nanoseconds.at(NOW)), make_lane(clock, milliseconds)
    if allowed == "in the program":
        lane.watch.consent = nanoseconds
    elif allowed == "in the store":
        lane.store.remember(lane.key, Event("allowed", NOW, cause=nanoseconds.name).line())
    assert isinstance(call(lane, key, 0), Accepted if allowed else Refused)
    assert max(sent.nonce for sent in key.sent) == (NOW + 2 * NS_PER_SECOND + 1 if allowed else key.sent[-1].nonce)


def test_g19_control_without_a_budget_it_is_noticed(monkeypatch):
    monkeypatch.setattr(Watch, "may_risk", lambda _: True)
    monkeypatch.setattr(Watch, "check", lambda _: False)
    found = {fault for seed in FEW for fault in faults_of(*play(seed))}
    assert "more than 3 refusals in 60 s" in found
    assert "more than 10 refusals in 3600 s" in found


def test_g19_control_doubling_steps_are_noticed(monkeypatch):
    def doubling(_cause, refused, *_args, **_options):
        return [Step(True, min(refused * 2**power, 2**63 - 1)) for power in range(4)]

    monkeypatch.setattr(healing, "ladder", doubling)
    found = {fault for seed in FEW for fault in faults_of(*play(seed))}
    assert "the unit was raised without consent" in found or "the mark was raised by more than ten minutes" in found


def test_g19_control_a_reissue_too_many_is_noticed(monkeypatch):
    monkeypatch.setattr(healing, "ladder", lambda *_args, **_options: [Step(False)] * 3)
    found = {fault for seed in FEW for fault in faults_of(*play(seed))}
    assert "a request was sent more than twice" in found


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_g19_the_generator_of_cases_reaches_every_unit(unit):
    keys = [play(seed)[0] for seed in range(200)]
    assert any(key.unit is unit and isinstance(key.receive(99, 2**63, is_probe=False), Accepted) for key in keys)
