"""``krakenonce why``: what a process left in its store is told by another one."""

import re

import krakenex
import pytest

from krakenonce.adapters import install
from krakenonce.cli import main
from krakenonce.errors import LaneQuarantined
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import fingerprint
from krakenonce.lanes import LaneRegistry
from krakenonce.refusals.events import Event
from krakenonce.refusals.story import tell
from krakenonce.simulator.faults import Fault
from tests.refusals.judging import NOW

REFUSALS = (Fault(kind="error", error="EAPI:Invalid nonce", times=3),)


@pytest.fixture
def refused(kraken_sim, tmp_path):
    """A key whose nonces were refused three times; the process that saw it is gone."""
    url = f"file://{tmp_path}/store"
    account = kraken_sim.accounts[0]
    manager = GlobalKrakenNonceManager(url, registry=LaneRegistry())
    api = krakenex.API(account.key, account.secret)
    api.uri = kraken_sim.url
    install(api, account="USER:alice", manager=manager)
    api.query_private("Balance")
    with pytest.raises(LaneQuarantined):
        api.query_private("Balance")
    api.close()
    manager.store.close()
    return url, account


@pytest.mark.kraken_sim(accounts=1, faults=REFUSALS)
@pytest.mark.parametrize("by_account", [True, False])
def test_the_story_is_told_by_account_and_by_fingerprint(refused, capsys, by_account):
    url, account = refused
    assert main(["why", "USER:alice" if by_account else fingerprint(account.key), "--store", url]) == 0
    told = capsys.readouterr().out
    assert f"key {fingerprint(account.key)} (USER:alice): sends nothing until 20" in told
    assert "3 of 3 refusals used in the last minute" in told
    assert told.count("a nonce was refused [") == 3
    assert "Make a new API key" in told
    assert re.search(r"\d{19}  \S+Z  sent \+\d+\.\d ms  answered \+\d+\.\d ms  port", told)
    assert account.key not in told
    assert account.secret not in told


@pytest.mark.kraken_sim(accounts=1, faults=REFUSALS)
def test_the_operator_lifts_the_quarantine(refused, capsys):
    url, _ = refused
    assert main(["why", "USER:alice", "--store", url, "--lift"]) == 0
    assert main(["why", "USER:alice", "--store", url]) == 0
    assert "quarantine lifted by the operator" in capsys.readouterr().out


@pytest.mark.kraken_sim(accounts=1, faults=REFUSALS)
def test_an_unknown_key_is_said_to_be_unknown(refused, capsys):
    assert main(["why", "USER:bob", "--store", refused[0]]) == 1
    assert "nothing about 'USER:bob'" in capsys.readouterr().out


def test_an_engine_is_asked_by_fingerprint(capsys):
    assert main(["why", "MASTER", "--store", "redis://127.0.0.1:1"]) == 2
    assert "16 hex digits" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["", "memory://"])
def test_a_store_that_keeps_no_story_is_explained(url, capsys):
    assert main(["why", "MASTER", "--store", url]) == 2
    assert "file store" in capsys.readouterr().err


def test_a_key_without_events_has_no_story():
    assert tell("abc", [], NOW) == "key abc: nothing was ever refused"
    assert "on trial" in tell("abc", [Event("opened", NOW - 100, until_ns=NOW - 1)], NOW)
    assert "in use" in tell("abc", [Event("closed", NOW - 100)], NOW)


@pytest.mark.kraken_sim(accounts=1, faults=REFUSALS)
def test_the_operator_allows_a_larger_unit_and_takes_it_back(refused, kraken_sim, capsys):
    url, account = refused
    base_url = kraken_sim.url
    for unit in ("nanoseconds", "none"):
        assert main(["why", "USER:alice", "--store", url, "--allow-unit", unit]) == 0
        manager = GlobalKrakenNonceManager(url, registry=LaneRegistry())
        consent = manager.lane(account.key, base_url=base_url).watch.consent
        assert (consent.name if consent else "none") == unit, "a program that starts now knows it"
        manager.store.close()
    assert main(["why", "USER:alice", "--store", url]) == 0
    assert "the operator said which unit the key may be raised to [nanoseconds]" in capsys.readouterr().out


def test_a_unit_that_nobody_counts_in_cannot_be_allowed(capsys):
    with pytest.raises(SystemExit):
        main(["why", "MASTER", "--store", "file:///tmp/none", "--allow-unit", "hours"])
    assert "hours" in capsys.readouterr().err
