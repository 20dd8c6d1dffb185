"""The three kinds of run, against a simulated exchange over real HTTP and WebSockets, judged by its own log."""

import asyncio
from decimal import Decimal

import pytest

from krakenonce.copytrader.config import BadConfig
from krakenonce.copytrader.journal.records import State
from krakenonce.copytrader.report import Outcome
from krakenonce.errors import ConfigError, KrakenonceError
from tests.copytrader.service.stage import Stage, buy, control, sell, until

USERS_100 = [f"USER:{place}" for place in range(1, 101)]


@pytest.mark.kraken_sim(volatility=0)
async def test_a_live_run_copies_what_the_master_trades(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path)
    async with stage.service() as service, stage.master() as master:
        await until(lambda: not service.feeds["MASTER"].standing.is_held)
        await buy(master)
        await stage.receipts(2)
        await sell(master, "0.04")
        receipts = await stage.receipts(4)
        held = [service.copier.lines(user)[0].held for user in ("USER:u1", "USER:u2")]
    assert held == [Decimal("0.03")] * 2
    assert [receipt.outcome for receipt in receipts] == [Outcome.COPIED] * 4
    assert {receipt.order.path for receipt in receipts} <= {"ws", "rest"}
    assert [stage.orders(name) for name in ("USER:1", "USER:2")] == [2, 2]
    assert (await stage.report()).run == "live"


@pytest.mark.kraken_sim(accounts=101, volatility=0)
async def test_a60_a_dry_run_of_a_hundred_users_changes_nothing_and_tells_everything(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path, run="dry", users=100)
    async with stage.service() as service, stage.master() as master:
        assert len(service.copier.users) == 100
        await until(lambda: not service.feeds["MASTER"].standing.is_held)
        await buy(master)
        await stage.receipts(100)
        await sell(master, "0.05")
        receipts = await stage.receipts(200)
    fills = {receipt.fill.exec_id for receipt in receipts}
    assert len(fills) == 2
    assert {(receipt.user, receipt.fill.exec_id) for receipt in receipts} == {
        (f"USER:u{place}", exec_id) for place in range(1, 101) for exec_id in fills
    }
    for receipt in receipts:
        order = receipt.order
        assert receipt.outcome in (Outcome.COPIED, Outcome.PARTLY, Outcome.NOT_FILLED)
        assert order.path == "dry"
        assert order.sent_ns
        assert order.done_ns
        assert not order.executed or (order.cost > 0 and order.fee > 0)
    assert stage.mutating(USERS_100) == []
    assert stage.calls(USERS_100) <= {"GetApiKeyInfo", "BalanceEx"}
    # The positive control: what the master did is found in the same log.
    assert len(stage.mutating(["MASTER"])) == 2


@pytest.mark.kraken_sim(accounts=101, volatility=0)
async def test_a60_a_shadow_of_a_hundred_users_needs_nothing_of_theirs(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path, run="shadow", users=100, defaults="balances = { USD = 10000 }")
    async with stage.service() as service, stage.master() as master:
        await until(lambda: not service.feeds["MASTER"].standing.is_held)
        await buy(master, "0.01")
        receipts = await stage.receipts(100)
    assert sum(receipt.outcome is Outcome.COPIED for receipt in receipts) == 100
    assert stage.calls(USERS_100) == set()
    assert stage.mutating(["MASTER"])


@pytest.mark.kraken_sim(volatility=0)
async def test_a_dry_run_goes_on_where_the_last_one_ended(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path, run="dry")
    async with stage.service() as service, stage.master() as master:
        await until(lambda: not service.feeds["MASTER"].standing.is_held)
        await buy(master)
        await stage.receipts(2)
        before = await service.guests._opened["USER:u1"].account.balances()
    async with stage.service() as service, stage.master() as master:
        assert await service.guests._opened["USER:u1"].account.balances() == before
        await until(lambda: not service.feeds["MASTER"].standing.is_held)
        await sell(master)
        await stage.receipts(4)
        assert service.copier.lines("USER:u1")[0].held == 0
    assert stage.mutating(["USER:1", "USER:2"]) == []


@pytest.mark.kraken_sim(volatility=0)
async def test_fills_of_the_time_between_two_runs_are_found(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path, defaults='sizing.amount = "0.5"')
    async with stage.service() as service, stage.master() as master:
        await until(lambda: not service.feeds["MASTER"].standing.is_held)
        await buy(master)
        await stage.receipts(2)
    async with stage.master() as master:
        await buy(master)
    async with stage.service() as service:
        await stage.receipts(4)
        assert service.copier.lines("USER:u1")[0].held == Decimal("0.1")
    assert stage.orders("USER:1") == 2


# What only shows when it is started


async def test_a_journal_belongs_to_one_kind_of_run(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path, run="dry", top='journal = "one.db"')
    async with stage.service():
        pass
    stage.run = "live"
    stage.write()
    with pytest.raises(ConfigError, match="journal: one that a dry run has begun, for a live run"):
        async with stage.service():
            pass


async def test_a_journal_has_one_copier(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path, run="dry")
    async with stage.service():
        with pytest.raises(KrakenonceError, match="copy-dry"):
            async with stage.service():
                pass


@pytest.mark.parametrize(
    ("top", "tail", "told"),
    [
        (
            'pairs = ["BTC/USD", "BTC/USX"]',
            "",
            "line 3: pairs: BTC/USX, which the exchange does not list. Did you mean",
        ),
        ('currency = "DOGS"', "", "line 3: currency: DOGS, which is in no pair of the exchange"),
        ("", '[users.u2.mapping]\n"BTC/USD" = "ETH/USD"\n', "line 14: users.u2.mapping: XXBTZUSD to XETHZUSD"),
        ("", '[users.u2.mapping]\n"BTC/XYZ" = "BTC/USD"\n', 'line 15: users.u2.mapping."BTC/XYZ": BTC/XYZ, which'),
        ("", '[users.u2.guards]\npairs = ["XBT/USD", "NOPE/USD"]\n', "line 15: users.u2.guards.pairs: NOPE/USD, which"),
    ],
)
async def test_what_the_exchange_does_not_list_is_told_with_its_line(kraken_sim, tmp_path, top, tail, told):
    stage = Stage(kraken_sim, tmp_path, run="dry", top=top, tail=tail)
    with pytest.raises(BadConfig) as caught:
        async with stage.service():
            pass
    assert told in str(caught.value)


async def test_a_master_that_cannot_be_connected_ends_the_start(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path, run="dry")
    control(kraken_sim, "keys", name="MASTER", enabled=False)
    with pytest.raises(KrakenonceError, match="MASTER"):
        async with stage.service():
            pass


# One account's trouble is its own


@pytest.mark.kraken_sim(volatility=0, accounts=6)
async def test_a51_users_who_cannot_be_copied_hold_up_nobody(kraken_sim, tmp_path, caplog):
    stage = Stage(kraken_sim, tmp_path, users=5)
    permissions = ["query-funds", "query-open-trades", "query-closed-trades", "modify-trades", "withdraw-funds"]
    control(kraken_sim, "keys", name="USER:1", permissions=permissions)
    control(kraken_sim, "keys", name="USER:2", enabled=False)
    stage.keys["env:USER3"] = stage.keys["env:MASTER"]
    async with stage.service() as service, stage.master() as master:
        assert service.copier.users == ("USER:u4", "USER:u5")
        trouble = service.guests.trouble
        assert "may withdraw funds" in trouble["USER:u1"]
        assert "EAPI:Invalid key" in trouble["USER:u2"]
        assert "the key of MASTER as well" in trouble["USER:u3"]
        await until(lambda: not service.feeds["MASTER"].standing.is_held)
        await buy(master)
        await stage.receipts(2)
    assert [stage.orders(f"USER:{place}") for place in range(1, 6)] == [0, 0, 0, 1, 1]
    assert "USER:u1: failure: not copied" in caplog.text


@pytest.mark.kraken_sim(volatility=0)
async def test_an_account_that_comes_back_is_copied_from_then_on(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path)
    key = stage.keys.pop("env:USER2")
    async with stage.service(sleep=_quick) as service:
        assert service.copier.users == ("USER:u1",)
        assert "not there" in service.guests.trouble["USER:u2"]
        stage.keys["env:USER2"] = key
        await until(lambda: "USER:u2" in service.copier.users)
        assert service.guests.trouble == {}


async def _quick(seconds):
    await asyncio.sleep(min(seconds, 0.05))


@pytest.mark.kraken_sim(volatility=0)
async def test_a_kill_survives_a_restart_and_is_rearmed_by_hand(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path)
    async with stage.service() as service:
        await service.copier.kill("a drill")
    async with stage.service() as service, stage.master() as master:
        assert service.copier.everybody.state is State.KILLED
        await until(lambda: not service.feeds["MASTER"].standing.is_held)
        await buy(master)
        receipts = await stage.receipts(2)
        assert [receipt.outcome for receipt in receipts] == [Outcome.SKIPPED] * 2
        await service.copier.rearm()
        await buy(master, "0.2")
        await stage.receipts(4)
    assert stage.orders("USER:1") == 1
    assert service.copier.lines("USER:u1")[0].held == Decimal("0.1")
