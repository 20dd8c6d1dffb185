"""A broker on a simulated exchange, and faults to order."""

import json
import urllib.request
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal

from krakenonce.broker import KrakenBroker, Order, Patience
from krakenonce.client import KrakenClient
from krakenonce.clock import NS_PER_SECOND, ManualClock
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.lanes import LaneRegistry
from krakenonce.orders import OrderDesk, open_journal
from krakenonce.simulator import serve_in_thread
from tests.leap import LONG_S

BITCOIN = "XXBTZUSD"


def trader(sim, place=1, *, settle_s=0.05, **options):
    """A broker of one account, as a program that has just been started would make it."""
    account = sim.accounts[place]
    options.setdefault("manager", GlobalKrakenNonceManager("memory://", registry=LaneRegistry()))
    options.setdefault("timeout", LONG_S)
    patience = Patience(attempts=3, settle_s=settle_s, pause_s=0.01)
    credentials = Credentials(account.key, account.secret)
    return KrakenBroker(account.name, credentials, base_url=sim.url, patience=patience, **options)


@contextmanager
def frozen_exchange(**settings):
    """An exchange with a clock that moves only when somebody waits by it, so that 8 s are 8 s on any machine."""
    with serve_in_thread(clock=ManualClock(), **settings) as sim:
        yield sim
    assert sim.audit() == []


@asynccontextmanager
async def frozen_desk(sim, *, place=1, journal=None, wait=None, **patience):
    """A desk that lives by the clock of a frozen exchange. *wait* is told every wait, instead of moving the clock."""
    account, clock = sim.accounts[place], sim.exchange.clock

    async def pass_time(seconds):
        clock.advance(round(seconds * NS_PER_SECOND))

    sleep = wait or pass_time
    manager = GlobalKrakenNonceManager("memory://", clock=clock, registry=LaneRegistry())
    own = journal or open_journal("memory://")
    terms = {"manager": manager, "base_url": sim.url, "timeout": LONG_S, "clock": clock, "sleep": sleep}
    async with KrakenClient(Credentials(account.key, account.secret), **terms) as client:
        desk = OrderDesk(account.name, client, own, clock=clock, sleep=sleep, patience=Patience(**patience))
        try:
            yield desk
        finally:
            await desk.close()
    if journal is None:
        await own.close()


def market(name, volume="0.001", **more):
    return Order(BITCOIN, "buy", Decimal(volume), cl_ord_id=name, **more)


def resting(name, volume="0.001", price="40000"):
    return Order(BITCOIN, "buy", Decimal(volume), "limit", Decimal(price), cl_ord_id=name)


def control(sim, path, **document):
    request = urllib.request.Request(f"{sim.url}/_control/{path}", json.dumps(document).encode(), method="POST")
    with urllib.request.urlopen(request) as response:
        assert response.status == 200
        return json.load(response)


def misfortune(sim, **fault):
    control(sim, "faults", **fault)


def release(sim):
    """Let requests go on that the fault ``hold`` keeps. Returns how many."""
    return control(sim, "release")["released"]


def struck(sim, place=0):
    """How often a fault has struck: its requests have arrived, if they are not even judged yet."""
    return sim.exchange.faults.report()[place]["struck"]


def orders_of(sim, place=1):
    return list(sim.accounts[place].orders.values())


def sent(sim, method="AddOrder"):
    return [row for row in sim.log() if row["method"] == method]
