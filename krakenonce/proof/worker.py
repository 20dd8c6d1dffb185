"""One process of a proof: threads and tasks that make private calls on random keys until their share is done."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import random
import sys
import threading
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from krakenonce.adapters import install
from krakenonce.client import KrakenClient
from krakenonce.errors import KrakenonceError
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials, decode_secret
from krakenonce.kraken.replies import Accepted, Outcome, judge_reply
from krakenonce.kraken.signing import sign_with
from krakenonce.proof.board import Board, WrongClock
from krakenonce.proof.mutants import open_with
from krakenonce.proof.plan import Plan, read_plan

PATH = "/0/private/Balance"
CALL_TIMEOUT = 60.0

Call = Callable[[], bool]


class Worker:
    """One process. Threads and tasks share what is left to do.

    Parameters:
        plan: the run.
        number: which worker this is; its later lives have the same number.
        url: the exchange.
        credentials: one per key.
        board: where progress is told.
    """

    def __init__(self, plan: Plan, number: int, url: str, credentials: list[Credentials], board: Board) -> None:
        self.plan, self.number, self.url, self.credentials, self.board = plan, number, url, credentials, board
        clock = WrongClock(board, plan.coarse_ms)
        store = open_with(plan.mutant, plan.store, clock)
        self.manager = GlobalKrakenNonceManager(store, clock=clock)
        self._left = plan.quota(number) - board.calls(number)
        self._lock = threading.Lock()
        self._complaints = set[str]()
        self._refused_before = board.refusals(number)
        self._dice = random.Random(f"{plan.seed} {number} {self._left}")

    def run(self) -> None:
        """Make all calls that are left."""
        threads = [threading.Thread(target=self._in_thread, args=(place,)) for place in range(self.plan.threads)]
        for thread in threads:
            thread.start()
        asyncio.run(self._in_tasks())
        for thread in threads:
            thread.join()
        self._tell()
        self.manager.store.close()

    def _take(self) -> Credentials | None:
        """Return the key of the next call, or None if there is none left to make."""
        with self._lock:
            if self._left <= 0:
                return None
            self._left -= 1
            return self._dice.choice(self.credentials)

    def _in_thread(self, place: int) -> None:
        plain = PlainCaller(self)
        unmodified = UnmodifiedCaller(self) if place % 2 and importlib.util.find_spec("krakenex") else None
        while (key := self._take()) is not None:
            caller = plain if unmodified is None or self.plan.mutant == "order" else unmodified
            try:
                good = caller.call(key)
            except (KrakenonceError, OSError, HTTPException) as error:
                good = self._complain(error)
            self._count(good=good)

    async def _in_tasks(self) -> None:
        if self.plan.mutant == "order":
            return await asyncio.to_thread(self._in_thread, 0)
        clients = {
            key.key: KrakenClient(key, manager=self.manager, base_url=self.url, reissues=0, timeout=CALL_TIMEOUT)
            for key in self.credentials
        }
        try:
            await asyncio.gather(*(self._in_task(clients) for _ in range(self.plan.tasks)))
        finally:
            for client in clients.values():
                await client.close()

    async def _in_task(self, clients: dict[str, KrakenClient]) -> None:
        while (key := self._take()) is not None:
            try:
                good = isinstance(await clients[key.key].call("Balance"), Accepted)
            except KrakenonceError as error:
                good = self._complain(error)
            self._count(good=good)

    def _complain(self, error: Exception) -> bool:
        text = f"{type(error).__name__}: {error}"
        if text not in self._complaints:
            self._complaints.add(text)
            print(f"worker {self.number}: {text}", file=sys.stderr)
        return False

    def _count(self, *, good: bool) -> None:
        with self._lock:
            self.board.count_call(self.number)
            if not good:
                self.board.note_trouble(self.number)
                self._tell()

    def _tell(self) -> None:
        refused = sum(lane.stats().refused for lane in self.manager.lanes())
        self.board.set_refusals(self.number, self._refused_before, refused)


class PlainCaller:
    """Calls with the standard library's HTTP client, inside a turn. One thread's own."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._connection: HTTPConnection | None = None

    def call(self, credentials: Credentials) -> bool:
        """Make one call; True if it was accepted."""
        lane = self._worker.manager.lane(credentials.key, base_url=self._worker.url)
        if self._worker.plan.mutant == "order":
            with lane.turn() as turn:
                nonce = turn.nonce
            outcome = self._send(credentials, nonce)
            lane.count(outcome, nonce)
            return isinstance(outcome, Accepted)
        with lane.turn() as turn:
            outcome = self._send(credentials, turn.nonce)
            turn.report(outcome)
        return isinstance(outcome, Accepted)

    def _send(self, credentials: Credentials, nonce: int) -> Outcome:
        body = urlencode({"nonce": nonce}).encode()
        headers = {
            "API-Key": credentials.key,
            "API-Sign": sign_with(decode_secret(credentials.secret), PATH, str(nonce), body),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        if self._connection is None:
            parts = urlsplit(self._worker.url)
            self._connection = HTTPConnection(parts.hostname or "", parts.port, timeout=CALL_TIMEOUT)
        try:
            self._connection.request("POST", PATH, body, headers)
            reply = self._connection.getresponse()
            return judge_reply(reply.status, reply.read())
        except (OSError, HTTPException):
            self._connection.close()
            self._connection = None
            raise


class UnmodifiedCaller:
    """Calls with krakenex as it is published. One thread's own."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._clients: dict[str, object] = {}

    def call(self, credentials: Credentials) -> bool:
        """Make one call; True if it was accepted."""
        import krakenex

        client = self._clients.get(credentials.key)
        if client is None:
            client = krakenex.API(credentials.key, credentials.secret)
            client.uri = self._worker.url
            install(client, account=f"USER:{credentials.fingerprint}", manager=self._worker.manager)
            self._clients[credentials.key] = client
        reply = client.query_private("Balance", timeout=CALL_TIMEOUT)  # type: ignore[attr-defined]  # krakenex is untyped
        return not reply["error"]


def main(plan_file: str, number: str) -> None:
    """Run worker *number* of the plan in *plan_file*; the exchange's address and keys stand beside it."""
    room = Path(plan_file).parent
    url, *keys = (room / "exchange").read_text().splitlines()
    # Warnings about clocks and pauses are expected here: they are what the run is made of.
    logging.getLogger("krakenonce").setLevel(logging.ERROR)
    credentials = [Credentials(*line.split()) for line in keys]
    Worker(read_plan(Path(plan_file).read_text()), int(number), url, credentials, Board(room / "board")).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
