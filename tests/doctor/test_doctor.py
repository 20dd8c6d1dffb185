"""Each single defect is prepared on a simulated exchange, and exactly that defect is named. A55 and A56 among them."""

import json
from importlib.metadata import version

import pytest

from krakenonce.cli import main
from krakenonce.clock import NS_PER_SECOND, ManualClock
from krakenonce.doctor import Subject, Verdict, examine, parse_subject
from krakenonce.doctor.keys import KeyFacts, judge_key, judge_signed_call
from krakenonce.doctor.surroundings import OLDEST, examine_store, judge_engine_clock, judge_versions
from krakenonce.errors import ConfigError, StoreUnavailable
from krakenonce.keychain import Reference
from krakenonce.kraken.credentials import Credentials
from krakenonce.kraken.replies import Accepted, Unknown, judge_errors
from krakenonce.stores.memory import MemoryStore
from tests.faults import add_fault

NAMES = ("MASTER", "USER:1")


@pytest.fixture
def store(tmp_path):
    return f"file://{tmp_path / 'store'}"


def keys_of(sim):
    return {account.name: Credentials(account.key, account.secret) for account in sim.accounts}


def harden(sim):
    """Give every key the IP restriction that the doctor would advise otherwise."""
    for key in sim.exchange.keys.values():
        key.addresses = ("127.0.0.1",)


async def findings_of(sim, store, names=NAMES, keys=None, **options):
    keys = keys_of(sim) if keys is None else keys
    subjects = [Subject(name, Reference("env", name)) for name in names]
    load = options.pop("load", lambda reference: keys[reference.name])
    return await examine(subjects, base_url=options.pop("url", sim.url), store=store, load=load, **options)


def defects(findings):
    return [(found.check, found.account) for found in findings if found.verdict is not Verdict.PASS]


async def test_a_healthy_set_up_passes_every_check(kraken_sim, store):
    harden(kraken_sim)
    findings = await findings_of(kraken_sim, store)
    assert defects(findings) == []
    assert [found.mend for found in findings if found.mend] == []
    assert {found.check for found in findings} == {
        "versions", "store", "store durability", "credentials", "same key twice", "exchange", "clock",
        "signed call", "withdrawal", "permissions", "nonce window", "IP restriction", "expiry",
    }  # fmt: skip


def grant(sim, permission):
    user = sim.exchange.account("USER:1").keys[0]
    user.permissions |= {permission}


def deprive(sim, permission):
    user = sim.exchange.account("USER:1").keys[0]
    user.permissions -= {permission}


def change(sim, **members):
    for name, value in members.items():
        setattr(sim.exchange.account("USER:1").keys[0], name, value)


def fault(sim, error):
    add_fault(sim, {"kind": "error", "error": error, "account": "USER:1"})


DEFECTS = {
    "withdraw": (lambda sim: grant(sim, "withdraw-funds"), "withdrawal", "'Withdraw funds'"),
    "address": (lambda sim: grant(sim, "update-withdraw-address"), "withdrawal", "'Update withdrawal address'"),
    "no orders": (lambda sim: deprive(sim, "modify-trades"), "permissions", "'Create & modify orders'"),
    "no funds": (lambda sim: deprive(sim, "query-funds"), "permissions", "'Query funds'"),
    "window": (lambda sim: setattr(sim.exchange.account("USER:1").keys[0].nonces, "window", 5000), "nonce window", "0"),
    "any address": (lambda sim: change(sim, addresses=()), "IP restriction", "address"),
    "expiring": (lambda sim: change(sim, valid_until_ns=sim.exchange.now + NS_PER_SECOND), "expiry", "new key"),
    "disabled": (lambda sim: change(sim, enabled=False), "signed call", "enabled"),
    "lockout": (lambda sim: fault(sim, "EGeneral:Temporary lockout"), "signed call", "15 minutes"),
    "permission": (lambda sim: fault(sim, "EGeneral:Permission denied"), "signed call", "IP restriction"),
    "rate": (lambda sim: fault(sim, "EAPI:Rate limit exceeded"), "signed call", "Another program"),
    "foreign nonce": (
        lambda sim: sim.exchange.account("USER:1").keys[0].nonces.accept(2**62), "signed call", "larger numbers",
    ),
}  # fmt: skip


@pytest.mark.parametrize("defect", DEFECTS)
async def test_a_single_defect_of_a_key_is_named_and_no_other(kraken_sim, store, defect):
    prepare, check, mend = DEFECTS[defect]
    harden(kraken_sim)
    prepare(kraken_sim)
    findings = await findings_of(kraken_sim, store)
    assert defects(findings) == [(check, "USER:1")]
    assert mend in " ".join(found.mend for found in findings)


async def test_a_wrong_private_key_is_named(kraken_sim, store):
    harden(kraken_sim)
    keys = keys_of(kraken_sim)
    keys["USER:1"] = Credentials(keys["USER:1"].key, keys["MASTER"].secret)
    assert defects(await findings_of(kraken_sim, store, keys=keys)) == [("signed call", "USER:1")]


async def test_a56_a_master_key_given_as_a_users_is_named(kraken_sim, store):
    harden(kraken_sim)
    keys = keys_of(kraken_sim)
    keys["USER:1"] = keys["MASTER"]
    assert defects(await findings_of(kraken_sim, store, keys=keys)) == [("same key twice", "USER:1")]


@pytest.mark.parametrize("state", ["maintenance", "cancel_only", "post_only"])
async def test_an_exchange_that_takes_no_orders_is_named(kraken_sim, store, state):
    harden(kraken_sim)
    kraken_sim.exchange.market_state = state
    assert defects(await findings_of(kraken_sim, store)) == [("exchange", "")]


@pytest.mark.parametrize("error_s", [-90, 90])
async def test_a_wrong_clock_is_named(kraken_sim, store, error_s):
    harden(kraken_sim)
    kraken_sim.exchange.clock_error_ns = error_s * NS_PER_SECOND
    findings = await findings_of(kraken_sim, store)
    assert defects(findings) == [("clock", "")]
    assert ("behind" if error_s > 0 else "ahead of") in " ".join(found.text for found in findings)


async def test_an_address_without_an_exchange_is_named(kraken_sim, store):
    assert defects(await findings_of(kraken_sim, store, url="http://127.0.0.1:9")) == [("exchange", "")]


async def test_credentials_that_are_not_there_are_named(kraken_sim, store):
    harden(kraken_sim)

    def load(reference):
        if reference.name == "USER:1":
            raise ConfigError("USER:1_KEY", "an environment variable that is not set", "Set it.")
        return keys_of(kraken_sim)[reference.name]

    assert defects(await findings_of(kraken_sim, store, load=load)) == [("credentials", "USER:1")]


@pytest.mark.parametrize("url", ["redis://127.0.0.1:9/0", "nonsense://", "file:///proc/nowhere"])
async def test_a_store_that_does_not_open_is_named_and_no_key_is_used(kraken_sim, url):
    harden(kraken_sim)
    assert defects(await findings_of(kraken_sim, url)) == [("store", "")]
    assert kraken_sim.stats()["totals"]["accepted"] == 0


async def test_a_store_in_memory_is_advised_against(kraken_sim):
    harden(kraken_sim)
    assert defects(await findings_of(kraken_sim, "memory://")) == [("store durability", "")]


def test_an_engine_that_could_forget_floors_is_named(monkeypatch):
    def forgetful(url, clock):
        raise ConfigError("store", "a server that could forget floors", "Set appendonly yes.")

    monkeypatch.setattr("krakenonce.doctor.surroundings.open_store", forgetful)
    (finding,) = examine_store("redis://x", ManualClock())
    assert (finding.check, finding.verdict, finding.mend) == ("store durability", Verdict.FAIL, "Set appendonly yes.")


class Broken(MemoryStore):
    """A store that has stopped to grant."""

    def queue(self, *_):
        raise StoreUnavailable("the disk is gone")


class Silent(MemoryStore):
    """A store of which nothing is heard any more."""

    def queue(self, key, floor, wake):
        return super().queue(key, floor, lambda: None)


@pytest.mark.parametrize("store", [Broken, Silent])
def test_a_store_that_stops_granting_is_named(monkeypatch, store):
    monkeypatch.setattr("krakenonce.doctor.grants.PATIENCE_S", 0.01)
    monkeypatch.setattr("krakenonce.doctor.surroundings.open_store", lambda url, clock: store())
    assert defects(examine_store("redis://x", ManualClock())) == [("store", "")]


@pytest.mark.parametrize(("ahead_s", "verdict"), [(0, Verdict.PASS), (2, Verdict.FAIL), (-2, Verdict.FAIL)])
def test_the_clock_of_the_engine_is_compared_with_ours(ahead_s, verdict):
    clock = ManualClock()
    offset = clock.wall_ns() - clock.boot_ns() + ahead_s * NS_PER_SECOND
    (finding,) = judge_engine_clock(offset, clock)
    assert finding.verdict is verdict


def test_an_old_release_is_named():
    found = judge_versions({"ccxt": "4.4.99", "aiohttp": "3.14.1"}.get)
    assert found.verdict is Verdict.FAIL
    assert found.mend == "pip install --upgrade 'ccxt>=4.5'"
    assert judge_versions(lambda name: version(name) if name in OLDEST else None).verdict is Verdict.PASS
    assert judge_versions(lambda _: None).verdict is Verdict.PASS


@pytest.mark.parametrize("result", [None, [], {}, {"permissions": 3}, {"permissions": [], "nonce_window": "x"}])
def test_an_answer_of_another_form_is_named(result):
    finding, facts = judge_signed_call("MASTER", Accepted(result))
    assert (finding.check, finding.verdict, facts) == ("signed call", Verdict.FAIL, None)


@pytest.mark.parametrize("outcome", [Unknown("HTTP 520"), judge_errors(("EGeneral:Invalid arguments",))])
def test_every_outcome_has_a_mend(outcome):
    finding, _ = judge_signed_call("MASTER", outcome)
    assert finding.mend


@pytest.mark.kraken_sim(key_info_case="camel")
async def test_the_documented_spelling_is_read_as_well(kraken_sim, store):
    harden(kraken_sim)
    grant(kraken_sim, "withdraw-funds")
    assert defects(await findings_of(kraken_sim, store)) == [("withdrawal", "USER:1")]


@pytest.mark.parametrize("account", ["MASTER", "MASTER:trend"])
def test_every_master_needs_to_read_only(account):
    subject = parse_subject(f"{account}=env:X")
    facts = KeyFacts(
        0, frozenset({"query-funds", "query-open-trades", "query-closed-trades", "create-ws-token"}), (), 0
    )
    verdicts = {finding.check: finding.verdict for finding in judge_key(subject.account, facts, 0)}
    assert verdicts["permissions"] is Verdict.PASS
    assert {finding.check: finding.verdict for finding in judge_key("USER:bob", facts, 0)}[
        "permissions"
    ] is Verdict.FAIL


@pytest.mark.parametrize(
    "text", ["BOSS=env:X", "USER:=env:X", "MASTER:=env:X", "USER:bob=nowhere", "=env:X", "MASTERS=env:X"]
)
def test_malformed_subjects_are_refused(text):
    with pytest.raises(ConfigError):
        parse_subject(text)


def set_keys(monkeypatch, sim):
    for name, account in zip(("MASTER", "BOB"), sim.accounts, strict=False):
        monkeypatch.setenv(f"{name}_KEY", account.key)
        monkeypatch.setenv(f"{name}_SECRET", account.secret)


def test_the_command_prints_the_list_and_fails_on_a_defect(kraken_sim, monkeypatch, capsys, store):
    harden(kraken_sim)
    set_keys(monkeypatch, kraken_sim)
    words = ["doctor", "MASTER=env:MASTER", "USER:bob=env:BOB", "--url", kraken_sim.url, "--store", store]
    assert main(words) == 0
    assert "0 fail" in capsys.readouterr().out
    grant(kraken_sim, "withdraw-funds")
    assert main(words) == 1
    out = capsys.readouterr().out
    assert "FAIL    USER:bob: withdrawal: whoever gets hold of this key can move the money away" in out
    assert "mend: In Kraken's API settings take 'Withdraw funds' away from it" in out
    assert kraken_sim.accounts[1].key not in out
    assert main([*words, "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)
    assert [row["check"] for row in rows if row["verdict"] == "fail"] == ["withdrawal"]


def test_the_command_refuses_an_account_given_twice(capsys):
    assert main(["doctor", "MASTER=env:A", "MASTER=env:B"]) == 2
    assert "MASTER given twice" in capsys.readouterr().err
