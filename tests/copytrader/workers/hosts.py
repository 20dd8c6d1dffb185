"""``krakenonce run`` as real processes on several "hosts": folders of their own, one journal, one exchange."""

import asyncio
import os
import re
import signal
import sys
from collections import Counter
from contextlib import AsyncExitStack, suppress
from decimal import Decimal
from pathlib import Path

from krakenonce.copytrader.journal import open_copy_journal
from krakenonce.copytrader.journal.leases import HELD
from krakenonce.copytrader.journal.schema import SCHEMA
from krakenonce.orders.postgres_link import PostgresLink
from tests.copytrader.service.stage import Stage
from tests.copytrader.trading import bought_and_sold, doubles

ROOT = Path(__file__).parents[3]
TABLES = "fills decisions lines orders standings masters follows mirrors meta leases"
MUTANT = Path(__file__).with_name("mutant.py")


def empty(url):
    """Empty the journal at *url*."""
    link = PostgresLink(url, SCHEMA, survives_power_loss=False)
    link.write(lambda one: [one.execute(f"DELETE FROM copy_{name}") for name in TABLES.split()], vital=False)
    link.close()


class Host:
    """One ``krakenonce run``.

    Parameters:
        stage: its configuration; program: what runs it; words: further arguments.
    """

    def __init__(self, stage, program=("-m", "krakenonce"), words=()):
        self.stage, self.program, self.words = stage, program, words
        self.shown, self._news = "", asyncio.Event()

    @property
    def environment(self):
        """The variables with the keys."""
        found = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
        for reference, key in self.stage.keys.items():
            name = reference.removeprefix("env:")
            found |= {f"{name}_KEY": key.key, f"{name}_SECRET": key.secret}
        return found

    async def __aenter__(self):
        words = [sys.executable, *map(str, self.program), "run", str(self.stage.file), *self.words]
        self.process = await asyncio.create_subprocess_exec(
            *words, cwd=ROOT, env=self.environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_):
        for pid in (*self.workers.values(), self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self.process.wait()
        await self._reading

    @property
    def workers(self):
        """The processes of the supervised workers that were started last, by number."""
        return {
            int(number): int(pid) for number, pid in re.findall(r"worker (\d+) of \d+ is process (\d+)", self.shown)
        }

    async def until(self, text, times=1):
        """Wait until it has printed *text* so many times."""
        while self.shown.count(text) < times:
            assert not self._reading.done(), f"it ended before it said {text!r}:\n{self.shown}"
            await self._news.wait()
            self._news.clear()

    async def asked(self, *words):
        """Return what another ``krakenonce`` program says."""
        program = [sys.executable, "-m", "krakenonce", *words, "--config", str(self.stage.file)]
        process = await asyncio.create_subprocess_exec(
            *program, cwd=ROOT, env=self.environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        shown = (await process.communicate())[0].decode()
        assert process.returncode == 0, shown + self.shown
        return shown

    async def stop(self):
        """End it in order, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return await self.process.wait()

    async def _read(self):
        while line := await self.process.stdout.readline():
            self.shown += line.decode()
            self._news.set()
        self._news.set()


class Cluster:
    """Several hosts with one journal, and the master who trades. Use as ``async with``.

    Parameters:
        sim: the exchange; url: of the journal; folder: where everything else is.
        store: for nonces; None for a file, in which a process that is frozen keeps its place as long as it lives.
        top: more lines for the top of each configuration; the rest is a `Stage`'s.
    """

    def __init__(self, sim, url, folder, *, users, lease_s=2, store=None, top="", defaults='sizing.amount = "0.5"'):
        self.sim, self.url, self.folder, self.users = sim, url, folder, users
        self.top = f'journal = "{url}"\nstore = "{store or f"file://{folder}/nonces"}"\nlease_s = {lease_s}\n{top}'
        self.defaults, self.stack = defaults, AsyncExitStack()

    async def __aenter__(self):
        self.journal = open_copy_journal(self.url)
        self.stack.push_async_callback(self.journal.close)
        self.first = self.stage("control")
        self.master = await self.stack.enter_async_context(self.first.master())
        return self

    async def __aexit__(self, *_):
        await self.stack.aclose()

    def stage(self, name):
        """Return the configuration of another host."""
        (self.folder / name).mkdir()
        return Stage(self.sim, self.folder / name, users=self.users, top=self.top, defaults=self.defaults)

    async def host(self, name, *words, **options):
        """Start another host; it ends with the test."""
        return await self.stack.enter_async_context(Host(self.stage(name), words=words, **options))

    async def shares(self):
        """Return how many users each worker has, by its process."""
        owners = dict(await self.journal.select(HELD))
        return Counter(int(worker.split(":")[1]) for worker in owners.values())

    async def until_shared(self, *counts, without=()):
        """Wait until everybody is some worker's, these have so many users each, and all are followed."""
        while True:
            shares = await self.shares()
            followed = await self.journal.select("SELECT count(DISTINCT user_name) FROM copy_follows")
            is_whole = sum(shares.values()) == self.users == followed[0][0]
            if is_whole and sorted(shares.values()) == sorted(counts) and not shares.keys() & set(without):
                return shares
            await asyncio.sleep(0.05)

    async def until_all_hold(self, net):
        """Wait until every user has bought so much more than he has sold, by the exchange's own books."""
        while any(bought - sold != Decimal(net) for bought, sold in map(bought_and_sold, self.copied)):
            await asyncio.sleep(0.02)

    @property
    def copied(self):
        """The users' accounts."""
        return self.sim.accounts[1 : self.users + 1]

    def findings(self, net):
        """Return what is wrong, by the exchange's own books, if everybody is to hold *net*."""
        wrong = [f"{account.name}: {names} twice" for account in self.copied if (names := doubles(account))]
        for account in self.copied:
            bought, sold = bought_and_sold(account)
            if bought - sold != Decimal(net):
                wrong.append(f"{account.name}: {bought}, {sold}")
        refused = self.sim.stats()["totals"]["invalid_nonces"]
        return wrong + ([f"{refused} invalid nonces"] if refused else [])

    async def decided_twice(self):
        """Return the users for whom some fill was decided on more or less than once, by the journal."""
        rows = await self.journal.select(
            "SELECT user_name, count(*), (SELECT count(*) FROM copy_fills) FROM copy_decisions GROUP BY user_name"
        )
        return [row for row in rows if row[1] != row[2]]
