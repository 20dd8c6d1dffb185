"""One of several workers: a real process that copies for its share of the users until it is killed."""

import asyncio
import json
import logging
import sys

from krakenonce.broker import KrakenBroker, Patience
from krakenonce.broker.streaming import StreamingAccount, StreamOptions
from krakenonce.broker.symbols import Symbols
from krakenonce.client.websocket import Dialer
from krakenonce.client.websocket.dialing import websocket_url
from krakenonce.clock import SystemClock
from krakenonce.copytrader.engine.copier import Copier
from krakenonce.copytrader.engine.members import Seat
from krakenonce.copytrader.engine.quotes import QuoteBoard
from krakenonce.copytrader.engine.setting import Setting
from krakenonce.copytrader.engine.sharing import Sharing, Terms
from krakenonce.copytrader.feed import ExecutionsFeed
from krakenonce.copytrader.journal import open_copy_journal
from krakenonce.copytrader.journal.leases import Leases
from krakenonce.copytrader.live import LiveAccount
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials


class Worker:
    def __init__(self, job):
        self.job, self.clock = job, SystemClock()
        self.manager = GlobalKrakenNonceManager(job["store"])
        self.accounts = {one["name"]: one for one in job["accounts"]}
        self.opened = {}

    def broker(self, name):
        one = self.accounts[name]
        credentials = Credentials(one["key"], one["secret"])
        return KrakenBroker(
            name, credentials, manager=self.manager, base_url=self.job["url"], patience=Patience(settle_s=0.5)
        )

    async def run(self):
        from tests.copytrader.trading import HALF

        self.policy = HALF
        master = self.broker("MASTER")
        await master.connect()
        rules = await master.pairs()
        self.symbols = Symbols(rules.values())
        self.dialer = Dialer(websocket_url(self.job["url"]), self.clock)
        journal = open_copy_journal(self.job["journal"], worker=self.job["worker"])
        setting = Setting(clock=self.clock, exchange_ns=master.now_ns, rules=rules, quotes=QuoteBoard(rules, "ZUSD"))
        copier = Copier(journal, setting)
        await copier.start([])
        feed = ExecutionsFeed("MASTER", master, self.dialer, self.symbols)
        feed.subscribe(copier.on_fills)
        following = asyncio.create_task(feed.run(copier.cursor_ns("MASTER")))
        lease_s, renew_s = self.job["lease_s"], self.job["lease_s"] / 3
        leases = Leases(self.job["journal"], self.job["worker"], lease_s=lease_s)
        users = [name for name in self.accounts if name != "MASTER"]
        terms = Terms(lease_s=lease_s, renew_s=renew_s, margin_s=lease_s / 6)
        await Sharing(copier, leases, users, self.open_seat, self.close_seat, terms=terms).run()
        following.cancel()

    async def open_seat(self, user):
        broker = self.broker(user)
        await broker.connect()
        stream = StreamingAccount(broker, self.dialer, self.symbols, options=StreamOptions(settle_s=0.5))
        stream.start()
        self.opened[user] = (stream, broker)
        return Seat(LiveAccount(stream), self.policy)

    async def close_seat(self, user):
        for part in self.opened.pop(user, ()):
            await part.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    sys.path.insert(0, ".")
    asyncio.run(Worker(json.loads(sys.stdin.readline())).run())
