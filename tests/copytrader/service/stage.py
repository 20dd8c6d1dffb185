"""A simulated exchange, a configuration for it, and a master who trades: for the tests of the service."""

import asyncio
import json
import urllib.request
from contextlib import asynccontextmanager
from decimal import Decimal

from krakenonce.broker import KrakenBroker, Order
from krakenonce.copytrader.config import parse_settings
from krakenonce.copytrader.journal import open_copy_journal
from krakenonce.copytrader.report import read_report
from krakenonce.copytrader.service import CopyService
from krakenonce.errors import ConfigError
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.lanes import LaneRegistry

BTC, ETH = "XXBTZUSD", "XETHZUSD"
PATIENT = "valid_s = 50\nguards.max_age_s = 86400\n"
"""However slow the machine is for a moment, nothing gets too old."""

MUTATING = frozenset(
    {
        "AddOrder", "AddOrderBatch", "AmendOrder", "EditOrder", "CancelOrder", "CancelAll", "CancelOrderBatch",
        "CancelAllOrdersAfter", "add_order", "amend_order", "edit_order", "cancel_order", "cancel_all", "batch_add",
        "batch_cancel", "cancel_all_orders_after",
    }
)  # fmt: skip


def control(sim, path, **document):
    """Tell the exchange's control something and return its answer."""
    request = urllib.request.Request(f"{sim.url}/_control/{path}", json.dumps(document).encode(), method="POST")
    with urllib.request.urlopen(request) as response:
        return json.loads(response.read())


class Stage:
    """One exchange and one folder with a configuration. Keys are found as ``env:MASTER``, ``env:USER1``, ...

    Parameters:
        sim: the exchange; folder: where configuration and journal are.
        users: how many of its users are in the configuration.
    """

    def __init__(self, sim, folder, run="live", users=2, top="", defaults='sizing.amount = "0.5"', tail=""):
        self.sim, self.file = sim, folder / "copy.toml"
        self.keys = {
            f"env:{row['name'].replace(':', '')}": Credentials(row["key"], row["secret"]) for row in sim.credentials()
        }
        self.run, self.users, self.top, self.defaults, self.tail = run, users, top, defaults, tail
        self.write()

    @property
    def text(self):
        """The configuration."""
        tables = "".join(self.table(place) for place in range(1, self.users + 1))
        return (
            f'run = "{self.run}"\nurl = "{self.sim.url}"\n{self.top}\n[master]\nkey = "env:MASTER"\n'
            f"[defaults]\n{PATIENT}{self.defaults}\n{tables}{self.tail}"
        )

    def table(self, place):
        key = "" if self.run == "shadow" else f'key = "env:USER{place}"\n'
        return f"[users.u{place}]\n{key}"

    def write(self, text=None):
        self.file.write_text(self.text if text is None else text)

    @property
    def settings(self):
        return parse_settings(self.file.read_text(), self.file, {})

    @property
    def journal_url(self):
        return self.settings.journal

    def load(self, reference):
        if str(reference) not in self.keys:
            raise ConfigError(str(reference), "a key that is not there", "Add it.")
        return self.keys[str(reference)]

    def another_key(self, name):
        """Give an account another key and return where it is found."""
        row = control(self.sim, "keys", name=name, add=True)
        reference = f"env:{name.replace(':', '')}again{len(self.keys)}"
        self.keys[reference] = Credentials(row["key"], row["secret"])
        return reference

    def service(self, **options):
        return CopyService(self.settings, load=self.load, **options)

    @asynccontextmanager
    async def master(self):
        """Connect the master with a key of his own, to trade with."""
        credentials = self.keys[self.another_key("MASTER")]
        manager = GlobalKrakenNonceManager("memory://", registry=LaneRegistry())
        async with KrakenBroker("MASTER", credentials, base_url=self.sim.url, manager=manager) as master:
            yield master

    async def report(self):
        journal = open_copy_journal(self.journal_url)
        try:
            return await read_report(journal)
        finally:
            await journal.close()

    async def receipts(self, count):
        """Wait until *count* decisions were made and all orders have ended; return the receipts of the decisions."""
        while True:
            receipts = (await self.report()).receipts
            decided = [receipt for receipt in receipts if receipt.decision is not None]
            is_over = all(receipt.outcome.value not in ("open", "waiting") for receipt in receipts)
            if len(decided) >= count and is_over:
                return decided
            await asyncio.sleep(0.05)

    def orders(self, account):
        """Return how many orders *account* has placed, by the exchange's own count."""
        return self.sim.stats()["accounts"][account]["orders"]

    def mutating(self, accounts):
        """Return the calls of *accounts* that would change something, by the exchange's own log."""
        return [row for row in self.sim.log() if row["account"] in accounts and row["method"] in MUTATING]

    def calls(self, accounts):
        """Return what *accounts* have called, by the exchange's own log."""
        return {row["method"] for row in self.sim.log() if row["account"] in accounts}


async def buy(master, volume="0.1", pair=BTC):
    """Let the master buy at the market."""
    return await master.place(Order(pair, "buy", Decimal(volume)))


async def sell(master, volume="0.1", pair=BTC):
    """Let the master sell at the market."""
    return await master.place(Order(pair, "sell", Decimal(volume)))


async def until(holds):
    """Wait until *holds* returns something true, and return it."""
    while not (found := holds()):
        await asyncio.sleep(0.01)
    return found
