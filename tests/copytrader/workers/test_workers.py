"""Several workers, real processes: users are divided, a dead worker's are taken over, and nothing is copied twice."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from krakenonce.broker import KrakenBroker, Order
from krakenonce.copytrader.journal import Changes, open_copy_journal
from krakenonce.copytrader.journal.leases import Leases
from krakenonce.copytrader.journal.records import LineRow
from krakenonce.copytrader.journal.schema import SCHEMA
from krakenonce.copytrader.records import Line, LineKey
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.orders.postgres_link import PostgresLink
from krakenonce.simulator import serve_in_thread
from tests.copytrader.trading import PAIR, bought_and_sold, doubles
from tests.engines.servers import PostgresServer

ROOT = Path(__file__).parents[3]
USERS = [f"USER:{number}" for number in range(1, 7)]


@pytest.fixture(scope="module")
def server():
    server = PostgresServer()
    yield server
    server.close()


TABLES = "fills decisions lines orders standings masters follows mirrors meta leases"


@pytest.fixture
def url(server):
    """An empty journal."""
    link = PostgresLink(server.url, SCHEMA, survives_power_loss=False)
    link.write(lambda one: [one.execute(f"DELETE FROM copy_{name}") for name in TABLES.split()], vital=False)
    link.close()
    return server.url


class Crowd:
    """The workers' processes. All of them are ended with the test."""

    def __init__(self, sim, url, store, *, lease_s):
        accounts = [{"name": one.name, "key": one.key, "secret": one.secret} for one in sim.accounts]
        self.sim, self.url, self.workers = sim, url, {}
        self.job = {"url": sim.url, "journal": url, "store": store, "lease_s": lease_s, "accounts": accounts}
        self.journal = open_copy_journal(url)
        self.manager = GlobalKrakenNonceManager(store)

    def start(self, name):
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        script = Path(__file__).with_name("worker.py")
        self.workers[name] = worker = subprocess.Popen(
            [sys.executable, script], stdin=subprocess.PIPE, text=True, cwd=ROOT, env=environment
        )
        worker.stdin.write(json.dumps(self.job | {"worker": name}) + "\n")
        worker.stdin.flush()

    async def __aenter__(self):
        master = self.sim.accounts[0]
        credentials = Credentials(master.key, master.secret)
        self.master = KrakenBroker("MASTER", credentials, manager=self.manager, base_url=self.sim.url)
        await self.master.connect()
        return self

    async def __aexit__(self, *_):
        for worker in self.workers.values():
            worker.send_signal(signal.SIGCONT)
            worker.kill()
            worker.wait()
            worker.stdin.close()
        await self.master.close()
        await self.journal.close()

    def signal(self, name, number):
        self.workers[name].send_signal(number)

    async def trade(self, side, volume):
        await self.master.place(Order(PAIR, side, Decimal(volume)))

    def owners(self):
        rows = self.journal.backend.read(
            "SELECT worker, user_name FROM copy_leases WHERE left(user_name, 1) <> '@' AND until_ns > "
            "(extract(epoch FROM clock_timestamp()) * 1000000000)::bigint"
        )
        return {user: worker for worker, user in rows}

    def followed(self):
        return {row[0] for row in self.journal.backend.read("SELECT user_name FROM copy_follows")}

    async def until(self, holds):
        while not holds():
            assert all(worker.poll() in (None, -signal.SIGKILL) for worker in self.workers.values())
            await asyncio.sleep(0.05)

    async def until_all_have(self, bought, sold):
        await self.until(lambda: all(bought_and_sold(one) == (bought, sold) for one in self.sim.accounts[1:]))


def divided(crowd, workers):
    """Return whether everybody is somebody's, and all of *workers* have as many."""
    owners = crowd.owners()
    counts = {worker: list(owners.values()).count(worker) for worker in workers}
    return set(owners) == set(USERS) and set(counts.values()) == {len(USERS) // len(workers)}


@pytest.mark.parametrize("death", ["killed", "frozen"])
async def test_a_worker_that_dies_or_freezes_is_replaced_and_nothing_is_copied_twice(url, tmp_path, death):
    with serve_in_thread(accounts=7, volatility=0) as sim:
        async with Crowd(sim, url, f"file://{tmp_path}/nonces", lease_s=3) as crowd:
            for name in ("a", "b", "c"):
                crowd.start(name)
            await crowd.until(lambda: divided(crowd, "abc") and crowd.followed() == set(USERS))
            await crowd.trade("buy", "0.02")
            await crowd.until_all_have(Decimal("0.01"), 0)
            crowd.signal("b", signal.SIGKILL if death == "killed" else signal.SIGSTOP)
            await crowd.trade("buy", "0.01")
            await crowd.trade("sell", "0.015")
            await crowd.until(lambda: divided(crowd, "ac"))
            await crowd.until(lambda: all(_net(one) == Decimal("0.0075") for one in sim.accounts[1:]))
            if death == "frozen":
                crowd.signal("b", signal.SIGCONT)
                await crowd.until(lambda: divided(crowd, "abc"))
            await crowd.trade("buy", "0.01")
            await crowd.until(lambda: all(_net(one) == Decimal("0.0125") for one in sim.accounts[1:]))
            rows = await crowd.journal.select(
                "SELECT user_name, count(*), count(DISTINCT exec_id) FROM copy_decisions GROUP BY user_name"
            )
        assert sorted(rows) == [(user, 4, 4) for user in USERS]
        assert [doubles(account) for account in sim.accounts] == [[]] * 7
        assert all(_net(account) == Decimal("0.0125") for account in sim.accounts[1:])
        assert sim.stats()["totals"]["invalid_nonces"] == 0


def _net(account):
    bought, sold = bought_and_sold(account)
    return bought - sold


def test_users_are_divided_evenly_and_given_back_when_others_come(url):
    first, second = (Leases(url, name, lease_s=60) for name in "ab")
    assert first.renew(USERS).users == set(USERS)
    assert second.renew(USERS).users == set(), "what others have is left to them"
    share = first.renew(USERS)
    assert len(share.surplus) == 3
    first.give_back(share.surplus)
    assert second.renew(USERS).users == share.surplus
    assert first.renew(USERS).users == set(USERS) - share.surplus
    second.close()
    assert first.renew(USERS).users == set(USERS), "who ends in peace gives everything back"
    first.close()


async def test_a_worker_without_the_lease_writes_nothing_about_a_user(url):
    key = LineKey("USER:1", "MASTER", PAIR)
    leases = Leases(url, "a", lease_s=60)
    leases.renew(["USER:1"])
    mine, others = (open_copy_journal(url, worker=name) for name in "ab")
    row = LineRow(Line(key, Decimal(1)))
    assert await others.commit(Changes(lines=(row,), meta={"any": "thing"})) == {"USER:1"}
    assert (await others.load()).lines == ()
    assert (await others.load()).meta == {"any": "thing"}, "what concerns nobody else is written"
    assert await mine.commit(Changes(lines=(row,))) == frozenset()
    assert (await mine.load()).lines == (row,)
    await mine.close()
    await others.close()
    leases.close()


def test_a_lease_that_is_not_renewed_is_taken_over(url):
    first, second = Leases(url, "a", lease_s=0.001), Leases(url, "b", lease_s=60)
    first.renew(USERS)
    while second.renew(USERS).users != set(USERS):
        pass
    assert first.renew(USERS).users == set()
    first.close()
    second.close()
