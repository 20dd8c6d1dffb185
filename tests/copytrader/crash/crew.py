"""Copy engines that are killed in the middle of it: real processes, real sockets, a real SIGKILL.

Each child copies a master, whom it has trade by a list of orders, until everything is copied; or until it is killed.
"""

import asyncio
import json
import sys
import traceback
import urllib.request
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from tests.orders.crew import Death, main

MUTANTS_PATIENCE_S = 8
STEPS = ("before journal", "after journal", "sent", "answered", "ended")
MIRROR_STEPS = (*STEPS, "changing", "changed", "canceling", "canceled")


def perform(job):
    try:
        asyncio.run(copy_all(job))
    except BaseException:
        traceback.print_exc()
        return 1
    Path(job["answers"]).write_text('{"done": true}\n')
    return 0


async def copy_all(job):
    from krakenonce.broker.streaming import StreamOptions
    from krakenonce.orders import open_journal
    from tests.copytrader.trading import RealTrading

    death = Death(job.get("death"))
    for mutant in job.get("mutants", ()):
        MUTANTS[mutant]()
    lie_in_wait(death)
    orders = open_journal(job["orders"])
    trading = RealTrading(
        Exchange(job), [policy(job["policy"])] * (len(job["accounts"]) - 1), journal=job["journal"],
        options=StreamOptions(settle_s=0.3, ending_s=0.5),
    )  # fmt: skip
    trading.broker["journal"] = orders
    trading.knows_prices = False  # or what has moved away meanwhile would be skipped, as it should
    async with trading:
        if "stop" in job:
            await until_told(trading, job)
        else:
            await copy_story(trading, job)
    await orders.close()


async def copy_story(trading, job):
    """Have the master trade the job's story, and copy it."""
    # A mutant waits in vain for what it has forgotten; everybody else may take as long as he needs.
    with suppress(TimeoutError):
        async with asyncio.timeout(MUTANTS_PATIENCE_S if job.get("wrong") else None):
            await have_traded(trading, job)
            await trading.caught_up(fills_of_the_master(job))
            await departed(trading, job)


async def have_traded(trading, job):
    """Have the master place his orders: those of them that an earlier run has not placed."""
    from krakenonce.broker import Order
    from krakenonce.errors import KrakenonceError

    while trading.feed.standing.is_held:
        await asyncio.sleep(0.01)
    for number, (side, volume) in enumerate(job["story"]):
        order = Order("XXBTZUSD", side, Decimal(volume), cl_ord_id=f"m{number}")
        placed = None
        while placed is None:
            with suppress(KrakenonceError):
                placed = await trading.master.place(order)
        if job["policy"] == "market" and not placed.recorded:
            move_price(job, side)  # away from the master's price, so that no limit at that price is filled
        if job["paced"]:
            await trading.caught_up(fills_of_the_master(job))


async def until_told(trading, job):
    """Copy what somebody else has the master do, until the job's file is there."""
    while trading.feed.standing.is_held or trading.feed.open_orders is None:
        await asyncio.sleep(0.01)
    # As the service does: what was canceled while nobody listened would be followed for ever otherwise.
    trading.copier.on_open_orders("MASTER", trading.feed.open_orders)
    say_ready(job)
    while not is_told(job):
        await asyncio.sleep(0.02)


def say_ready(job):
    Path(job["ready"]).touch()


def is_told(job):
    return Path(job["stop"]).exists()


async def departed(trading, job):
    """Have the last user leave and sell everything, if the job says so."""
    from krakenonce.copytrader.policy import Leaving

    last = trading.streams[-1].name
    if job.get("closing") and last in trading.copier.users:
        await (await trading.copier.leave(last, Leaving.CLOSE))


def policy(name):
    from krakenonce.copytrader.policy import CopyMode, Rest
    from tests.copytrader.trading import HALF

    patient = replace(HALF, valid_s=3)
    if name == "orders":
        return replace(patient, mode=CopyMode.ORDERS)
    if name == "limit":
        return patient
    exact = replace(patient.guards, slippage=Decimal(0), exit_slippage=Decimal(0))
    return replace(patient, guards=exact, rest=Rest.MARKET, exit_rest=Rest.MARKET)


class Exchange:
    """The simulator as its clients know it."""

    def __init__(self, job):
        self.url = job["url"]
        self.accounts = [Account(**one) for one in job["accounts"]]


class Account:
    def __init__(self, name, key, secret):
        self.name, self.key, self.secret = name, key, secret


def control(job, path, document=None):
    body = None if document is None else json.dumps(document).encode()
    with urllib.request.urlopen(f"{job['url']}/_control/{path}", body) as answer:
        return json.load(answer)


def fills_of_the_master(job):
    return control(job, "stats")["accounts"]["MASTER"]["fills"]


def move_price(job, side):
    bought, sold = (Decimal(job["price"]) * factor for factor in (Decimal("1.001"), Decimal("0.999")))
    control(job, "price", {"pair": "BTC/USD", "price": str(bought if side == "buy" else sold)})


def lie_in_wait(death):
    """Have death wait at every step: around the journal, after sending, after the answer, after the end."""
    from krakenonce.copytrader.journal.sqlite import SqliteBackend
    from krakenonce.copytrader.live import LiveAccount

    write, send, ending = SqliteBackend.write, LiveAccount.send, LiveAccount.ending

    def doomed_write(self, batch):
        matters = any(changes.orders or changes.decisions or changes.mirrors for changes in batch)
        if matters:
            death.at("before journal")
        done = write(self, batch)
        if matters:
            death.at("after journal")
        return done

    def doomed_send(self, order):
        future = send(self, order)
        death.at("sent")
        future.add_done_callback(lambda _: death.at("answered"))
        return future

    async def doomed_ending(self, order):
        state = await ending(self, order)
        death.at("ended")
        return state

    def doomed(method, before, after):
        async def call(self, *arguments, **options):
            death.at(before)
            done = await method(self, *arguments, **options)
            death.at(after)
            return done

        return call

    SqliteBackend.write, LiveAccount.send, LiveAccount.ending = doomed_write, doomed_send, doomed_ending
    LiveAccount.amend = doomed(LiveAccount.amend, "changing", "changed")
    LiveAccount.cancel = doomed(LiveAccount.cancel, "canceling", "canceled")


def _without_journal():
    from krakenonce.copytrader.journal.sqlite import SqliteBackend

    init = SqliteBackend.__init__
    SqliteBackend.__init__ = lambda self, path, **options: init(self, ":memory:", **options)


def _with_random_names():
    import secrets

    from krakenonce.copytrader.live import LiveAccount

    send = LiveAccount.send

    def send_under_any_name(self, order):
        return send(self, order._replace(cl_ord_id=f"x{secrets.token_hex(8)}"))

    LiveAccount.send = send_under_any_name


MUTANTS = {"no journal": _without_journal, "random names": _with_random_names}

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[3]))
    main(perform)
