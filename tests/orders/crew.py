"""Processes that place orders and are killed in the middle of it: real ones, by a real SIGKILL.

`Crew` starts one parent process that has everything imported; for each job it forks a child, which has no threads to
lose. Run as a script, this file is that parent.
"""

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from decimal import Decimal
from pathlib import Path

STEPS = ("before journal", "after journal", "sent", "answered", "committed")
"""The places to die at: between want, journal, send, answer and commit."""


LONGEST_S = 3600

PASSING_BY = ("the answer was lost", "no connection", "its time was over", "EGeneral:Invalid arguments:deadline")
"""Why an order may be refused in a storm: it is wanted again then. The last one is what the exchange says to an order
that has waited in its lane until just about 2 s were left: the two clocks are compared to half a second only."""


class Crew:
    """Runs jobs, one at a time, each in a process of its own.

    Parameters:
        script: the file whose `perform` does them; run as a script, it calls `main`.
    """

    def __init__(self, script=__file__):
        self._script = script

    def __enter__(self):
        root = Path(__file__).parent.parent.parent
        self._parent = subprocess.Popen(
            [sys.executable, "-W", "error", self._script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(root)},
            start_new_session=True,
        )
        return self

    def __exit__(self, *_):
        os.killpg(self._parent.pid, signal.SIGKILL)  # also a child that a failed test has left behind
        self._parent.stdin.close()
        self._parent.wait()
        self._parent.stdout.close()

    def run(self, **job):
        """Return how the child ended (0, or minus the signal) and what it had answered until then."""
        with tempfile.TemporaryDirectory() as folder:
            answers = Path(folder) / "answers"
            self._parent.stdin.write(json.dumps(job | {"answers": str(answers)}) + "\n")
            self._parent.stdin.flush()
            status = int(self._parent.stdout.readline())
            lines = answers.read_text().splitlines() if answers.exists() else []
        return status, [json.loads(line) for line in lines if line.endswith("}")]


class Death:
    """Kills this process when a step was reached so and so many times."""

    def __init__(self, plan):
        self.step, self.after = plan or ("never", 0)

    def at(self, step):
        if step == self.step:
            self.after -= 1
            if self.after < 0:
                os.kill(os.getpid(), signal.SIGKILL)


def main(perform):
    """Do what comes in, each job in a child of its own."""
    import krakenonce.broker  # noqa: F401 - loaded once, for all children

    logging.getLogger("krakenonce").setLevel(logging.ERROR)  # thousands of lost answers are no news here
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            signal.alarm(LONGEST_S)  # should the test itself be killed, nobody is left to end this process
            os._exit(perform(json.loads(line)))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def perform(job):
    try:
        with Path(job["answers"]).open("a") as answers:
            asyncio.run(place_all(job, answers))
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


async def place_all(job, answers):
    from krakenonce.orders import open_journal

    death = Death(job.get("death"))
    for mutant in job.get("mutants", ()):
        MUTANTS[mutant]()
    journal = doomed(open_journal(job["journal"]), death)
    await asyncio.gather(*(work(job, journal, death, account, answers) for account in job["accounts"]))
    await journal.close()


async def work(job, journal, death, account, answers):
    from krakenonce.broker import KrakenBroker, Patience
    from krakenonce.global_nonce import GlobalKrakenNonceManager
    from krakenonce.kraken.credentials import Credentials
    from krakenonce.lanes import LaneRegistry

    broker = KrakenBroker(
        account["name"],
        Credentials(account["key"], account["secret"]),
        manager=GlobalKrakenNonceManager("memory://", registry=LaneRegistry()),
        base_url=job["url"],
        timeout=job["timeout"],
        patience=Patience(attempts=3, settle_s=job["settle_s"], pause_s=0.01),
        journal=journal,
    )
    broker._client._wire = DoomedWire(broker._client._wire, death)
    await until_it_works(broker.connect)
    try:
        await asyncio.gather(*(want(broker, order, answers) for order in account["orders"]))
    finally:
        await broker.close()


async def want(broker, members, answers):
    """Place one order, however often that takes, and write down the answer."""
    from krakenonce.broker import Order, Placement

    amounts = {name: Decimal(members[name]) for name in ("volume", "price", "price2") if name in members}
    order = Order(**members | amounts)
    while True:
        ending = await until_it_works(lambda: broker.place(order))
        if isinstance(ending, Placement):
            break
        assert ending.error.startswith(PASSING_BY), ending.error
    answers.write(json.dumps({"name": order.cl_ord_id, "txid": ending.txid, "committed": str(ending.committed)}) + "\n")
    answers.flush()


async def until_it_works(act):
    from krakenonce.errors import FixTheInput, KrakenonceError

    while True:
        try:
            return await act()
        except FixTheInput:
            raise
        except KrakenonceError:
            await asyncio.sleep(0.02)


def doomed(journal, death):
    """Return *journal*, in which death waits before and after the intent, and before and after the verdict."""
    claim, settle = journal.claim, journal.settle

    async def doomed_claim(intent):
        death.at("before journal")
        done = await claim(intent)
        death.at("after journal")
        return done

    async def doomed_settle(intent):
        death.at("answered")
        done = await settle(intent)
        death.at("committed")
        return done

    journal.claim, journal.settle = doomed_claim, doomed_settle
    return journal


class DoomedWire:
    """A wire on which death waits after an order was sent and before it is answered."""

    def __init__(self, wire, death):
        self._wire, self._death = wire, death

    def __getattr__(self, name):
        return getattr(self._wire, name)

    async def post(self, path, *arguments):
        sending = asyncio.ensure_future(self._wire.post(path, *arguments))
        if path.endswith("Order"):
            await asyncio.wait((sending,), timeout=0.01)
            self._death.at("sent")
        return await sending


def _without_fence():
    from krakenonce.orders.fence import Fence

    async def raise_behind(self, intent, *, priority):
        """The mutant: nothing is done."""

    Fence.raise_behind = raise_behind


def _without_looking():
    from krakenonce.orders import NotExecuted
    from krakenonce.orders.resolution import Resolver

    async def verdict(self, intent, *, priority):
        return NotExecuted("the mutant: it is simply assumed")

    Resolver.verdict = verdict


def _without_second_look():
    from krakenonce.orders.resolution import Resolver

    async def twice(self, look, is_final):
        return await look()

    Resolver._twice = twice


def _without_journal():
    from krakenonce.orders import Journal

    async def find(self, account, name):
        return None

    async def open_intents(self, account):
        return []

    async def claim(self, intent):
        return True

    Journal.find, Journal.open_intents, Journal.claim = find, open_intents, claim


MUTANTS = {
    "no fence": _without_fence,
    "no look": _without_looking,
    "no second look": _without_second_look,
    "no journal": _without_journal,
}

if __name__ == "__main__":
    main(perform)
