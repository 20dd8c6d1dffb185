"""A57: logs, tracebacks, reprs, state files and the process list of a run hold no secret, signature or full key."""

import logging
import os
import pathlib
import re
import subprocess
import sys
import traceback
from decimal import Decimal

import krakenex
import psutil
import pytest

from krakenonce.adapters import install, uninstall
from krakenonce.broker import KrakenBroker, Order
from krakenonce.client import KrakenClient
from krakenonce.errors import KrakenonceError
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.lanes import LaneRegistry
from krakenonce.simulator import Exchange, Settings
from tests.faults import add_fault

ROOT = pathlib.Path(__file__).parent.parent.parent
SIGNATURE = re.compile(r"[A-Za-z0-9+/]{86}==")  # 64 bytes in base64: a private key or a signature


def leaks(text, accounts):
    """Return what *text* gives away: the names of the accounts, or ``signature``."""
    found = {account.name for account in accounts if account.key in text or account.secret in text}
    return found | ({"signature"} if SIGNATURE.search(text) else set())


def test_the_scan_finds_what_is_there():
    """Positive control."""
    accounts = Exchange(Settings(accounts=2)).accounts
    assert leaks(f"key {accounts[0].key}", accounts) == {"MASTER"}
    assert leaks(f"API-Sign: {accounts[1].secret}", accounts) == {"USER:1", "signature"}
    assert leaks("EAPI:Invalid nonce", accounts) == set()


def test_a57_a_whole_demonstration_gives_nothing_away(tmp_path):
    seed, command_lines = 57, set()
    command = [sys.executable, "-X", "dev", "-m", "krakenonce", "demo", "--seed", str(seed), "--orders", "3"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONASYNCIODEBUG": "1"}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as demo:
        watched = psutil.Process(demo.pid)
        lines = []
        for line in demo.stdout:
            lines.append(line)
            command_lines |= {" ".join(process.cmdline()) for process in [watched, *watched.children(recursive=True)]}
    assert demo.returncode == 0
    text = "".join([*lines, *command_lines, *(file.read_text() for file in tmp_path.rglob("*") if file.is_file())])
    assert "USER:5" in text
    assert leaks(text, Exchange(Settings(accounts=6, seed=seed)).accounts) == set()


@pytest.fixture
def manager():
    return GlobalKrakenNonceManager("memory://", registry=LaneRegistry())


async def story_of(action):
    """Run *action*; return how it ended, with the traceback of whatever it raised."""
    try:
        return repr(await action)
    except Exception:
        return traceback.format_exc()


FAULTS = [
    {"kind": "reset"},
    {"kind": "http", "status": 520},
    {"kind": "error", "error": "EAPI:Invalid signature"},
    {"kind": "error", "error": "EAPI:Invalid nonce"},
    {"kind": "error", "error": "EGeneral:Internal error"},
    {"kind": "hang", "ms": 1000},
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault.get("error", fault["kind"])))
async def test_a57_client_and_broker_give_nothing_away_when_things_go_wrong(kraken_sim, manager, caplog, fault):
    caplog.set_level(logging.DEBUG)
    account = kraken_sim.accounts[0]
    credentials = Credentials(account.key, account.secret)
    add_fault(kraken_sim, fault)
    async with KrakenClient(credentials, manager=manager, base_url=kraken_sim.url, timeout=0.2) as client:
        broker = KrakenBroker(account.name, credentials, manager=manager, base_url=kraken_sim.url)
        order = Order("XXBTZUSD", "buy", Decimal("0.001"))
        texts = [await story_of(client.call("Balance")), await story_of(client.call("AddOrder", {"pair": "XBTUSD"}))]
        texts += [await story_of(broker.connect()), await story_of(broker.place(order))]
        texts += [repr(thing) for thing in (credentials, client, broker, manager, manager.lanes(), vars(client))]
        await broker.close()
    assert leaks("".join([*texts, caplog.text]), kraken_sim.accounts) == set()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault.get("error", fault["kind"])))
def test_a57_an_installed_client_gives_nothing_away_when_things_go_wrong(kraken_sim, manager, caplog, fault):
    caplog.set_level(logging.DEBUG)
    account = kraken_sim.accounts[0]
    add_fault(kraken_sim, fault)
    api = krakenex.API(account.key, account.secret)
    api.uri = kraken_sim.url
    texts = [repr(install(api, account="MASTER", manager=manager))]
    try:
        texts.append(repr(api.query_private("Balance", timeout=0.2)))
    except Exception:
        texts.append(traceback.format_exc())
    texts += [repr(manager.lanes()), repr(manager.lanes()[0].stats())]
    uninstall(api)
    api.close()
    assert leaks("".join([*texts, caplog.text]), kraken_sim.accounts) == set()


@pytest.mark.parametrize("spoiled", ["key ", "", "not base64!", 3])
def test_a57_errors_about_credentials_show_shapes_only(spoiled):
    account = Exchange(Settings(accounts=1)).accounts[0]
    for key, secret in ((account.key, spoiled), (spoiled, account.secret)):
        try:
            Credentials(key, secret)
        except KrakenonceError:
            text = traceback.format_exc()
        else:
            text = ""
        assert leaks(text, [account]) == set()
