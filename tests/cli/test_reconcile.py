"""``krakenonce reconcile``, with a copier that runs and without: what is on target, what is adrift, and how it ends."""

import asyncio
import csv
import json
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from krakenonce.broker import KrakenBroker, Order
from krakenonce.cli import main
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.lanes import LaneRegistry
from tests.copytrader.service.stage import BTC, Stage, buy
from tests.copytrader.service.test_steering import running

D = Decimal


@asynccontextmanager
async def broker(stage, name):
    """Connect *name* with a key of his own, as if he traded by himself."""
    manager = GlobalKrakenNonceManager("memory://", registry=LaneRegistry())
    credentials = stage.keys[stage.another_key(name)]
    async with KrakenBroker(name, credentials, base_url=stage.sim.url, manager=manager) as own:
        yield own


async def sell_everything(stage, name):
    """Have *name* sell all bitcoins he has."""
    async with broker(stage, name) as own:
        free = (await own.balances())["XXBT"].available
        await own.place(Order(BTC, "sell", free))


@pytest.fixture
def stage(kraken_sim, tmp_path, monkeypatch):
    made = Stage(kraken_sim, tmp_path)
    for reference, credentials in made.keys.items():
        name = str(reference).removeprefix("env:")
        monkeypatch.setenv(f"{name}_KEY", credentials.key)
        monkeypatch.setenv(f"{name}_SECRET", credentials.secret)
    return made


@pytest.fixture
def told(stage, capsys):
    async def told(*words):
        status = await asyncio.to_thread(main, ["reconcile", "--config", str(stage.file), *words])
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    return told


def rows_of(text):
    return {row["user"]: row for row in json.loads(text)["positions"]}


@pytest.mark.kraken_sim(volatility=0)
async def test_without_a_copier_the_accounts_themselves_are_asked(stage, told, tmp_path):
    status, shown = await told()
    assert (status, shown.splitlines()) == (0, ["nothing is copied and held"])
    async with running(stage), stage.master() as master:
        await buy(master)
        await stage.receipts(2)
    before = stage.mutating({"USER:1", "USER:2"})
    status, shown = await told()
    assert status == 0
    assert "2 of 2 positions on target" in shown
    await sell_everything(stage, "USER:1")
    status, shown = await told("--json", "--csv", str(tmp_path / "positions.csv"))
    assert status == 1
    own, other = rows_of(shown)["USER:u1"], rows_of(shown)["USER:u2"]
    assert not json.loads(shown)["copier_runs"]
    assert (D(own["target"]), D(own["journal"]), D(own["exchange"])) == (D("0.05"), D("0.05"), 0)
    assert (D(own["drift"]), own["pair"], own["adrift"]) == (D("-0.05"), "BTC/USD", True)
    assert "--mend" in own["step"]
    assert (D(other["exchange"]), D(other["drift"]), other["adrift"], other["step"]) == (D("0.05"), 0, False, "")
    with (tmp_path / "positions.csv").open(newline="") as file:
        assert {row["user"]: D(row["drift"]) for row in csv.DictReader(file)} == {"USER:u1": D("-0.05"), "USER:u2": 0}
    status, shown = await told("--user", "u2")
    assert (status, "u1" in shown) == (0, False)
    status, shown = await told("--mend")
    assert (status, "1 of 1 positions on target" in shown) == (0, True)
    assert (await told())[0] == 0
    after = [row for row in stage.mutating({"USER:1", "USER:2"}) if row not in before]
    assert [row["account"] for row in after] == ["USER:1"], "nothing was sent but his own sell"


@pytest.mark.kraken_sim(volatility=0)
async def test_a_copier_that_runs_is_asked_and_mends_when_told(stage, told):
    async with running(stage) as (service, _), stage.master() as master:
        await buy(master)
        await stage.receipts(2)
        assert (await told())[0] == 0
        await sell_everything(stage, "USER:2")
        status, shown = await told("--json")
        assert (status, json.loads(shown)["copier_runs"]) == (1, True)
        assert {user: row["adrift"] for user, row in rows_of(shown).items()} == {"USER:u1": False, "USER:u2": True}
        assert service.copier.lines("USER:u2")[0].held == D("0.05"), "looking changes nothing"
        status, shown = await told("--mend")
        assert (status, "on target" in shown) == (0, True)
        assert service.copier.lines("USER:u2")[0].held == 0


@pytest.mark.kraken_sim(volatility=0)
async def test_an_account_that_cannot_be_looked_at_is_told_and_is_not_on_target(stage, told, monkeypatch):
    async with running(stage), stage.master() as master:
        await buy(master)
        await stage.receipts(2)
    monkeypatch.delenv("USER1_KEY")
    status, shown = await told()
    assert status == 1
    assert "USER:u1: not looked at: USER1_KEY: an environment variable that is not set" in shown
    assert "1 of 1 positions on target" in shown


@pytest.mark.kraken_sim(volatility=0)
@pytest.mark.parametrize("run", ["dry", "shadow"])
async def test_what_is_held_on_paper_only_is_looked_for_on_paper(stage, told, run):
    stage.run, stage.defaults = run, 'sizing.amount = "0.5"' + ("\nbalances.USD = 100_000" if run == "shadow" else "")
    stage.write()
    async with running(stage), stage.master() as master:
        await buy(master)
        await stage.receipts(2)
        assert (await told())[0] == 0
    status, shown = await told("--json")
    assert [(D(row["exchange"]), D(row["drift"])) for row in rows_of(shown).values()] == [(D("0.05"), 0)] * 2
    assert status == 0


async def test_wrong_words_change_nothing(stage, told):
    status, shown = await told("--user", "nobody")
    assert (status, "who is not in copy.toml. Known: u1, u2." in shown) == (2, True)
