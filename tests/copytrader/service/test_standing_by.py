"""Several copiers on one journal in PostgreSQL: one copies, the others stand by; nothing is ever copied twice."""

import asyncio
import os
import sys
from contextlib import suppress
from decimal import Decimal

import pytest

from krakenonce.clock import ManualClock, SystemClock
from krakenonce.copytrader.journal.records import State
from krakenonce.copytrader.service.offline import restate
from krakenonce.copytrader.service.tenure import Leases, Tenure
from krakenonce.errors import StoreUnavailable
from tests.cli.test_copying_commands import ROOT
from tests.copytrader.service.stage import Stage, buy, sell, until
from tests.engines.servers import PostgresServer

USERS = ["USER:u1", "USER:u2"]


@pytest.fixture(scope="module")
def postgres():
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture
def url(postgres):
    leases = Leases(postgres.url, "nobody")
    for table in ("fills", "decisions", "lines", "orders", "standings", "masters", "follows", "meta", "leases"):
        leases._link.write(lambda connection, table=table: connection.execute(f"DELETE FROM copy_{table}"), vital=False)
    leases.close()
    return postgres.url


def test_the_first_one_has_it_until_it_ends(url):
    first, second = Leases(url, "first"), Leases(url, "second")
    assert first.take(USERS) == second.take(USERS) == first.take(USERS) == "first"
    first.end()
    assert second.take(USERS) == "second"
    for leases in (first, second):
        leases.close()


def test_a_lease_that_is_not_renewed_runs_out(url):
    first, second = Leases(url, "first", lasts_s=0.0), Leases(url, "second")
    assert first.take(USERS) == "first"
    assert second.take(USERS) == "second"
    assert first.take(USERS) == "second"
    for leases in (first, second):
        leases.close()


class Scripted:
    """Leases that do what a test says."""

    def __init__(self, *answers):
        self.answers, self.taken, self.ended = list(answers), [], False

    def take(self, users):
        self.taken.append(tuple(users))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def end(self):
        self.ended = True

    def close(self):
        pass


def tenure(leases, clock, passing=0.5):
    async def sleep(seconds):
        clock.advance(int(passing * 1e9))
        await asyncio.sleep(0)

    return Tenure(leases, "me", USERS, clock=clock, sleep=sleep)


async def test_it_stands_by_until_the_other_one_is_gone():
    leases = Scripted("other", "other", "me")
    mine = tenure(leases, ManualClock())
    await mine.begin()
    assert leases.taken[:3] == [tuple(USERS)] * 3
    assert not mine.lost.is_set()
    await mine.end()
    assert leases.ended


async def test_it_stops_before_the_lease_runs_out():
    leases, clock = Scripted("me", StoreUnavailable("away")), ManualClock()
    mine = tenure(leases, clock)
    await mine.begin()
    await mine.lost.wait()
    assert clock.boot_ns() <= 6e9
    await mine.end()


async def test_it_stops_when_another_one_has_it():
    mine = tenure(Scripted("me", "me", "other"), ManualClock())
    await mine.begin()
    await mine.lost.wait()
    await mine.end()


async def test_a_short_absence_of_the_database_changes_nothing():
    leases = Scripted("me", StoreUnavailable("away"), StoreUnavailable("away"), "me")
    mine = tenure(leases, ManualClock())
    await mine.begin()
    await until(lambda: len(leases.taken) > 10)
    assert not mine.lost.is_set()
    await mine.end()


async def test_users_who_join_are_covered():
    leases = Scripted("me")
    mine = tenure(leases, ManualClock())
    await mine.begin()
    await mine.cover(["USER:u3"])
    assert set(leases.taken[-1]) == {*USERS, "USER:u3"}
    await mine.end()


@pytest.mark.kraken_sim(volatility=0)
async def test_a_second_copier_stands_by_and_takes_over(kraken_sim, tmp_path, url):
    stage = Stage(kraken_sim, tmp_path, top=f'journal = "{url}"')
    async with stage.master() as master:
        first = stage.service()
        await first.__aenter__()
        await until(lambda: not first.feeds["MASTER"].standing.is_held)
        second = stage.service()
        waiting = asyncio.create_task(second.__aenter__())
        await buy(master)
        await stage.receipts(2)
        assert not waiting.done()
        await first.__aexit__(None, None, None)
        await waiting
        await until(lambda: not second.feeds["MASTER"].standing.is_held)
        assert second.copier.lines("USER:u1")[0].held == Decimal("0.05")
        await sell(master)
        await stage.receipts(4)
        await second.__aexit__(None, None, None)
    assert [stage.orders(f"USER:{place}") for place in (1, 2)] == [2, 2]


@pytest.mark.kraken_sim(volatility=0)
async def test_what_is_said_on_another_host_is_heard(kraken_sim, tmp_path, url):
    stage = Stage(kraken_sim, tmp_path, run="dry", top=f'journal = "{url}"')

    async def say(user, deed):
        return await restate(stage.settings, user, deed, "from afar", SystemClock())

    async with stage.service() as service:
        copier = service.copier
        assert "hears of it within a second" in await say("*", "kill")
        await until(lambda: copier.everybody.state is State.KILLED)
        assert copier.everybody.reason == "from afar"
        await say("*", "rearm")
        await until(lambda: copier.everybody.state is State.ACTIVE)
        await say("USER:u1", "pause")
        await until(lambda: copier.standing("USER:u1").state is State.PAUSED)
        await copier.resume(user="USER:u1")
        await copier.pause("here", user="USER:u2")
        await say("USER:u2", "resume")
        await until(lambda: copier.standing("USER:u2").state is State.ACTIVE)
        assert copier.standing("USER:u1").state is State.ACTIVE


def bought(sim, place):
    return Decimal(sim.stats()["accounts"][f"USER:{place}"]["traded"]["XXBTZUSD"]["buy"])


@pytest.mark.kraken_sim(volatility=0)
async def test_a_copier_that_is_killed_is_replaced_and_nothing_is_copied_twice(kraken_sim, tmp_path, url):
    stage = Stage(kraken_sim, tmp_path, top=f'journal = "{url}"', defaults="")
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    for reference, key in stage.keys.items():
        name = reference.removeprefix("env:")
        environment |= {f"{name}_KEY": key.key, f"{name}_SECRET": key.secret}
    words = [sys.executable, "-W", "error", "-m", "krakenonce", "run", str(stage.file)]
    process = await asyncio.create_subprocess_exec(*words, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE)
    try:
        while b"feed of MASTER: WebSocket connected" not in (line := await process.stdout.readline()):
            assert line
        async with stage.master() as master:
            await buy(master)
            await stage.receipts(2)
            await buy(master)
            process.kill()
            async with stage.service():
                await stage.receipts(4)
                await sell(master, "0.2")
                receipts = await stage.receipts(6)
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        await process.communicate()
    assert len({(receipt.user, receipt.fill.exec_id) for receipt in receipts if receipt.fill}) == 6
    for place in (1, 2):
        traded = kraken_sim.stats()["accounts"][f"USER:{place}"]["traded"]["XXBTZUSD"]
        assert Decimal(traded["buy"]) == Decimal(traded["sell"]) == Decimal("0.2")
