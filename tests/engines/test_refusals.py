"""Refusals on one host count on every host, and any of them can tell the story."""

import pytest

from krakenonce.cli import main
from krakenonce.clock import SystemClock
from krakenonce.errors import LaneQuarantined
from krakenonce.global_nonce import KRAKEN_URL, GlobalKrakenNonceManager
from krakenonce.kraken.credentials import fingerprint
from krakenonce.kraken.replies import judge_errors
from krakenonce.lanes import LaneRegistry
from krakenonce.refusals import standing
from krakenonce.refusals.standing import BUDGET, HOUR

INVALID = judge_errors(("EAPI:Invalid nonce",))


def refuse(lane):
    with lane.turn(timeout=20) as turn:
        assert turn.nonce
        turn.settle(INVALID)


@pytest.mark.parametrize("budget", [BUDGET[0], (10, HOUR)], ids=["minute", "hour"])
def test_refusals_on_two_hosts_stop_the_key_on_both(server, opened, key, capsys, monkeypatch, budget):
    monkeypatch.setattr(standing, "BUDGET", (budget,))
    stores = [opened(server.url), opened(server.url)]
    managers = [GlobalKrakenNonceManager(store, registry=LaneRegistry(), clock=SystemClock()) for store in stores]
    lanes = [manager.lane(key) for manager in managers]
    for number in range(budget[0]):
        refuse(lanes[number % 2])
    for lane in reversed(lanes):
        with pytest.raises(LaneQuarantined, match="too many refused nonces"), lane.turn(timeout=20):
            pass
    assert main(["why", fingerprint(key), "--base-url", KRAKEN_URL, "--store", server.url]) == 0
    assert capsys.readouterr().out.count("a nonce was refused [") == budget[0]
