"""A copier steered while it runs: over its socket file, and by its configuration."""

import asyncio
import json
import os
import socket
import stat
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from krakenonce.copytrader.config import BadConfig
from krakenonce.copytrader.journal.records import State
from krakenonce.copytrader.service.control import ControlServer, ask
from krakenonce.copytrader.service.socket_file import LONGEST, socket_path
from krakenonce.copytrader.service.steering import Steering
from krakenonce.errors import ConfigError
from tests.copytrader.service.stage import Stage, buy, sell, until


@asynccontextmanager
async def running(stage, **options):
    """Run the configuration of *stage* with its socket file; yield the service and who asks it."""
    async with stage.service(**options) as service:
        steering = Steering(service)
        path = socket_path(stage.file)
        async with ControlServer(path, steering.steer):
            await until(lambda: not service.feeds["MASTER"].standing.is_held)
            yield service, lambda **request: ask(path, request)


async def test_a_pause_keeps_entries_back_and_lets_exits_out(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path)
    async with running(stage) as (_service, asked), stage.master() as master:
        await buy(master)
        await stage.receipts(2)
        answer = await asked(do="pause", user="USER:u1", reason="lunch")
        assert answer["lines"] == ["USER:u1: paused (lunch)"]
        await buy(master)
        await stage.receipts(4)
        await sell(master, "0.2")
        receipts = await stage.receipts(6)
        assert (await asked(do="resume", user="USER:u1"))["lines"] == ["USER:u1: active"]
    outcomes = [(receipt.user, receipt.fill.side, receipt.outcome.value) for receipt in receipts]
    assert outcomes.count(("USER:u1", "buy", "skipped")) == 1
    assert outcomes.count(("USER:u1", "sell", "copied")) == 1
    assert stage.orders("USER:1") == 2
    assert stage.orders("USER:2") == 3


async def test_a_kill_lets_nothing_leave(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path)
    async with running(stage) as (_service, asked), stage.master() as master:
        assert (await asked(do="kill", user="*", reason="a drill"))["lines"] == [
            "*: killed; open copy orders are cancelled"
        ]
        await buy(master)
        await stage.receipts(2)
        listed = await asked(do="list")
        assert (listed["everybody"], listed["why"]) == ("killed", "a drill")
        assert (await asked(do="rearm", user="*"))["lines"] == ["*: active"]
    assert stage.orders("USER:1") == stage.orders("USER:2") == 0


async def test_the_list_tells_who_holds_what(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path)
    async with running(stage) as (_, asked), stage.master() as master:
        await buy(master)
        await stage.receipts(2)
        first, second = (await asked(do="list"))["users"]
    assert first["user"] == "USER:u1"
    assert first["state"] == "active"
    assert first["path"] in ("ws", "rest")
    assert [(line["pair"], Decimal(line["held"])) for line in first["lines"]] == [("BTC/USD", Decimal("0.05"))]
    assert second["trouble"] == ""


@pytest.mark.parametrize(
    "request_",
    [{"do": "nothing"}, {"do": "pause", "user": "USER:nobody"}, {}, {"do": "leave", "user": "USER:u1", "leaving": "x"}],
)
async def test_what_makes_no_sense_is_told_and_changes_nothing(kraken_sim, tmp_path, request_):
    stage = Stage(kraken_sim, tmp_path, run="dry")
    async with running(stage) as (service, asked):
        with pytest.raises(ConfigError, match="the copier: says"):
            await asked(**request_)
        assert {service.copier.standing(user).state for user in service.copier.users} == {State.ACTIVE}


async def test_rubbish_on_the_socket_hurts_nobody(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path, run="dry")
    async with running(stage) as (_, asked):
        for rubbish in (b"\n", b"[]\n", b'"kill"\n', b"\xff\xfe\n", b"{" * 70_000, b'{"do": "list"', b""):
            reader, writer = await asyncio.open_unix_connection(str(socket_path(stage.file)))
            writer.write(rubbish)
            writer.write_eof()
            answer = await reader.read()
            assert answer == b"" or json.loads(answer)["ok"] is False
            writer.close()
        assert len((await asked(do="list"))["users"]) == 2


async def test_only_the_owner_can_open_the_socket(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path, run="dry")
    path = socket_path(stage.file)
    before = os.umask(0)
    os.umask(before)
    async with running(stage):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with pytest.raises(ConfigError, match="a copier that runs already"):
            async with ControlServer(path, Steering.steer):
                pass
        assert path.exists()
    assert not path.exists()
    assert os.umask(before) == before
    assert await ask(path, {"do": "list"}) is None


async def test_a_socket_left_behind_is_replaced(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path, run="dry")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(socket_path(stage.file)))
    async with running(stage) as (_, asked):
        assert (await asked(do="list"))["users"]


def test_a_long_path_has_a_short_socket(tmp_path):
    deep = tmp_path / ("d" * 80) / "copy.toml"
    assert len(os.fsencode(socket_path(deep))) <= LONGEST
    assert socket_path(deep) != socket_path(deep.with_name("other.toml"))
    assert socket_path(tmp_path / "c.toml").name == "c.toml.sock"


# A configuration that is read again


@pytest.mark.kraken_sim(accounts=5)
async def test_users_come_go_and_change_while_the_others_go_on(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path, users=3)
    async with running(stage) as (service, asked), stage.master() as master:
        untouched = service.guests._opened["USER:u1"]
        await buy(master)
        await stage.receipts(3)
        stage.users = 2
        stage.tail = "[users.u2.sizing]\namount = 1\n" + stage.table(4) + '[[webhooks]]\nurl = "http://127.0.0.1:1"\n'
        stage.write()
        lines = (await asked(do="reload"))["lines"]
        assert sorted(lines) == [
            "USER:u2: another policy", "USER:u3: left", "USER:u4: joined", "webhooks: changed",
        ]  # fmt: skip
        await until(lambda: "USER:u3" not in service.copier.users)
        await buy(master)
        await stage.receipts(6)
        assert service.guests._opened["USER:u1"] is untouched
        assert set(service.copier.users) == {"USER:u1", "USER:u2", "USER:u4"}
        held = {user: service.copier.lines(user)[0].held for user in service.copier.users}
        assert (await asked(do="reload"))["lines"] == ["nothing has changed"]
    assert held == {"USER:u1": Decimal("0.1"), "USER:u2": Decimal("0.15"), "USER:u4": Decimal("0.05")}
    assert [stage.orders(f"USER:{place}") for place in range(1, 5)] == [2, 2, 1, 1]


async def test_a59_a_key_is_rotated_while_the_others_go_on(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path)
    async with running(stage) as (service, asked), stage.master() as master:
        await buy(master)
        await stage.receipts(2)
        untouched = service.guests._opened["USER:u2"]
        old = service.guests._opened["USER:u1"].account.fingerprint
        stage.write(stage.text.replace("env:USER1", stage.another_key("USER:1")))
        assert (await asked(do="reload"))["lines"] == ["USER:u1: another account"]
        account = service.guests._opened["USER:u1"].account
        assert account.fingerprint != old
        assert service.guests._opened["USER:u2"] is untouched
        await until(lambda: account.path == "ws")
        await sell(master)
        await stage.receipts(4)
        assert service.copier.lines("USER:u1")[0].held == 0
    assert stage.orders("USER:1") == 2


async def test_a_wrong_configuration_changes_nothing(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path, run="dry")
    async with running(stage) as (service, asked):
        before = service.settings
        for text in ("no toml", stage.text + '[users.u9]\nkey = "env:USER1"\n', stage.text.replace("0.5", "zero")):
            stage.write(text)
            with pytest.raises(ConfigError, match=r"line \d+"):
                await asked(do="reload")
        stage.file.unlink()
        with pytest.raises(ConfigError, match="can't be read"):
            await asked(do="reload")
        assert service.settings is before
        assert len(service.copier.users) == 2


async def test_a_pair_that_is_not_listed_is_no_reload(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path, run="dry")
    async with stage.service() as service:
        stage.write(stage.text + '[users.u1.guards]\npairs = ["NOPE/USD"]\n')
        with pytest.raises(BadConfig, match="NOPE/USD, which the exchange does not list"):
            await Steering(service).reload()


async def test_what_needs_a_restart_is_told_and_waits_for_it(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path, run="dry")
    async with running(stage) as (service, asked):
        stage.top = "fee_rate = 0.001"
        stage.write()
        assert (await asked(do="reload"))["lines"] == ["fee_rate: counts after a restart"]
        assert service.settings.fee_rate == Decimal("0.004")


async def test_other_limits_of_all_together_count_without_a_restart(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path, run="dry")
    async with running(stage) as (service, asked), stage.master() as master:
        stage.tail = "[guards]\nmax_exposure = 1\n"
        stage.write()
        assert (await asked(do="reload"))["lines"] == ["guards: changed"]
        await buy(master)
        receipts = await stage.receipts(2)
        assert service.settings.guards.max_exposure == 1
    assert {receipt.reason.partition(":")[0] for receipt in receipts} == {"max_exposure"}


async def test_one_user_who_cannot_join_does_not_keep_the_next_one_out(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path, run="dry", users=1)
    async with running(stage) as (service, asked):
        stage.tail = '[users.u2]\nkey = "env:NOWHERE"\n[users.u3]\nkey = "env:USER3"\n'
        stage.write()
        lines = (await asked(do="reload"))["lines"]
        assert "USER:u3: joined" in lines
        assert any(line.startswith("USER:u2: not done (joined)") for line in lines)
        stage.keys["env:NOWHERE"] = stage.keys["env:USER2"]
        assert (await asked(do="reload"))["lines"] == ["USER:u2: joined"]
        assert service.copier.users == ("USER:u1", "USER:u3", "USER:u2")


# Leaving


@pytest.mark.kraken_sim(volatility=0)
async def test_who_leaves_and_closes_is_seen_off_when_it_is_done(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path)
    async with running(stage) as (service, asked), stage.master() as master:
        await buy(master)
        await stage.receipts(2)
        answer = await asked(do="leave", user="USER:u1", leaving="close", wait_s=60)
        assert (answer["left"], answer["lines"]) == (True, ["USER:u1: has left"])
        assert "USER:u1" not in service.guests._opened
        await buy(master)
        await stage.receipts(3)
    assert stage.orders("USER:1") == 2
    async with running(stage) as (service, asked):
        assert service.copier.users == ("USER:u2",)
        assert "has left" in service.guests.trouble["USER:u1"]
        assert (await asked(do="rearm", user="USER:u1"))["lines"] == ["USER:u1: active"]
        assert set(service.copier.users) == {"USER:u1", "USER:u2"}


@pytest.mark.kraken_sim(volatility=0)
async def test_who_closes_with_the_master_goes_on_doing_so_after_a_restart(kraken_sim, tmp_path):
    stage = Stage(kraken_sim, tmp_path)
    async with running(stage) as (_, asked), stage.master() as master:
        await buy(master)
        await stage.receipts(2)
        answer = await asked(do="leave", user="USER:u1", leaving="close_with_master")
        assert (answer["left"], answer["lines"]) == (False, ["USER:u1: is leaving"])
    async with running(stage) as (service, _), stage.master() as master:
        assert service.copier.standing("USER:u1").state is State.LEAVING
        await buy(master)
        await sell(master, "0.2")
        await until(lambda: "USER:u1" not in service.copier.users)
    assert stage.orders("USER:1") == 2
