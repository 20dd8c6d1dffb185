"""The whole copy trader on a stage: real feed, engine, journal and accounts, with a stopwatch at each account."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from benchmarks.exchange import Account, Exchange
from krakenonce.broker import KrakenBroker
from krakenonce.broker.streaming import StreamingAccount, StreamOptions
from krakenonce.broker.symbols import Symbols
from krakenonce.client import KrakenClient
from krakenonce.client.websocket import Dialer, websocket_url
from krakenonce.clock import SystemClock
from krakenonce.copytrader.engine.copier import Copier
from krakenonce.copytrader.engine.members import Seat
from krakenonce.copytrader.engine.quotes import QuoteBoard
from krakenonce.copytrader.engine.setting import Setting
from krakenonce.copytrader.feed import ExecutionsFeed
from krakenonce.copytrader.journal import open_copy_journal
from krakenonce.copytrader.live import LiveAccount
from krakenonce.copytrader.policy import Guards, Sizing, SizingMode, UserPolicy
from krakenonce.copytrader.records import CopyOrder, MasterFill
from krakenonce.copytrader.service.collecting import rare_collections
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.lanes import LaneRegistry

if TYPE_CHECKING:
    from krakenonce.broker import Acknowledged
    from krakenonce.kraken.replies import Refused

PAIR = "XXBTZUSD"
POLICY = UserPolicy(
    sizing=Sizing(SizingMode.MULTIPLIER, Decimal(1)),
    guards=Guards(slippage=Decimal("0.05"), max_age_s=60),
    valid_s=50,  # so that a machine that is busy otherwise makes figures bad, and not different
)


@dataclass
class Company:
    """Everybody on stage.

    Attributes:
        accounts: the users'.
        received_ns: when each fill was received; left_ns: when each order left, over the WebSocket or REST.
        used_s: processor time of the loop's thread when the last fill was received, and until its last order was handed
            over. Asking for it costs more than an order on some systems, so it is asked for twice a fill.
        is_streamed: whether orders go over the WebSocket.
        master, copier: what the master trades with; the engine.
    """

    accounts: list[TimedAccount] = field(default_factory=list)
    received_ns: list[int] = field(default_factory=list)
    left_ns: list[int] = field(default_factory=list)
    used_s: float = 0.0
    is_streamed: bool = True
    _handed: int = 0
    master: KrakenClient = field(init=False)
    copier: Copier = field(init=False)

    def note_handed(self, handed_ns: int) -> None:
        """Note that one more order was handed over. Does little: it is part of what is measured."""
        self._handed += 1
        if self.is_streamed:
            self.left_ns.append(handed_ns)
        if self._handed == len(self.accounts):
            self.used_s = time.thread_time() - self.used_s

    def hear(self, fills: list[MasterFill]) -> None:
        """Note when fills were received."""
        self.received_ns += [fill.received_ns for fill in fills]
        self.used_s, self._handed = time.thread_time(), 0


class TimedAccount(LiveAccount):
    """Notes when the order of a round was handed over, and when it was acknowledged."""

    def __init__(self, account: StreamingAccount) -> None:
        super().__init__(account)
        self.unknown = self.handed_ns = self.acknowledged_ns = 0
        self.company = Company()
        self.done = asyncio.Event()
        self._handed_by_wire()

    def begin(self) -> None:
        """A round begins."""
        self.done.clear()

    def send(self, order: CopyOrder) -> asyncio.Future[Acknowledged | Refused]:
        sent = super().send(order)
        self.handed_ns = handed_ns = time.time_ns()
        self.company.note_handed(handed_ns)
        sent.add_done_callback(self._answered)
        return sent

    def _answered(self, sent: asyncio.Future[Acknowledged | Refused]) -> None:
        self.acknowledged_ns = time.time_ns()
        if sent.cancelled():
            return  # the stage is struck
        self.unknown += sent.exception() is not None
        self.done.set()

    def _handed_by_wire(self) -> None:
        """Over REST an order is handed over when its turn in the lane has come, not when it is asked for."""
        wire = self.account.broker.client._wire
        post = wire.post

        async def timed(path: str, *rest: Any) -> Any:
            if path.endswith("/AddOrder"):
                self.handed_ns = time.time_ns()
                self.company.left_ns.append(self.handed_ns)
            return await post(path, *rest)

        wire.post = timed  # type: ignore[method-assign, assignment]


@contextlib.asynccontextmanager
async def on_stage(
    running: Exchange, users: int, journal_url: str, *, websocket: bool
) -> AsyncGenerator[Company, None]:
    """Have a feed and an engine copy for *users* users, until the block ends."""
    clock, manager = SystemClock(), GlobalKrakenNonceManager("memory://", registry=LaneRegistry())

    def broker(one: Account) -> KrakenBroker:
        return KrakenBroker(one.name, Credentials(one.key, one.secret), manager=manager, base_url=running.url)

    async with contextlib.AsyncExitStack() as stack:
        brokers = [broker(one) for one in running.accounts[: users + 1]]
        await asyncio.gather(*(stack.enter_async_context(one) for one in brokers))
        master, *others = brokers
        dialer = await stack.enter_async_context(Dialer(websocket_url(running.url), clock))
        rules = await master.pairs()
        symbols, quotes = Symbols(rules.values()), QuoteBoard(rules, "ZUSD")
        quotes.take(await master.prices([PAIR]), clock.wall_ns())
        options = StreamOptions(websocket=websocket)
        streams = [StreamingAccount(one, dialer, symbols, options=options) for one in others]
        for stream in streams:
            await stack.enter_async_context(stream)
        if websocket:
            await _until(lambda: all(stream.path == "ws" for stream in streams))
        accounts = [TimedAccount(stream) for stream in streams]
        journal = open_copy_journal(journal_url, is_sole=True)
        stack.push_async_callback(journal.close)
        copier = Copier(journal, Setting(clock=clock, exchange_ns=master.now_ns, rules=rules, quotes=quotes))
        stack.push_async_callback(copier.close)
        await copier.start([Seat(account, POLICY) for account in accounts])
        company = Company(accounts, is_streamed=websocket)
        company.master, company.copier = master.client, copier
        for account in accounts:
            account.company = company
        feed = ExecutionsFeed("MASTER", master, dialer, symbols)
        feed.subscribe(company.hear)
        feed.subscribe(copier.on_fills)
        following = asyncio.create_task(feed.run(copier.cursor_ns("MASTER")))
        stack.push_async_callback(_stopped, following)
        await _until(lambda: not feed.standing.is_held)
        await stack.enter_async_context(rare_collections())
        yield company


async def _until(holds: Callable[[], bool], within_s: float = 120) -> None:
    for _ in range(int(within_s / 0.05)):
        if holds():
            return
        await asyncio.sleep(0.05)
    raise TimeoutError("not everybody is connected")


async def _stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait((task,))
