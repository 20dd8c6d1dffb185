"""One master's feed: his executions channel, and the exchange's books beside it."""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import Coroutine
from typing import Any

from krakenonce.broker import KrakenBroker
from krakenonce.broker.executions import OrderLog, StreamedOrder
from krakenonce.broker.symbols import Symbols
from krakenonce.client.budget import Sleep
from krakenonce.client.websocket import Dialing, Session, Subscription, token_source
from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader.engine.protocols import OnFills, OnOrders
from krakenonce.copytrader.feed.alarm import Alarm
from krakenonce.copytrader.feed.auditing import NOT_READ, Auditor
from krakenonce.copytrader.feed.doubt import Doubt
from krakenonce.copytrader.feed.ear import Ear
from krakenonce.copytrader.feed.intake import Intake
from krakenonce.copytrader.feed.outlet import Outlet
from krakenonce.copytrader.feed.past import FIRST_PAUSE_S, put_behind
from krakenonce.copytrader.feed.sieve import Sieve
from krakenonce.copytrader.feed.standing import FeedOptions, FeedStanding
from krakenonce.copytrader.feed.translation import Translator
from krakenonce.copytrader.feed.volumes import OrderVolumes
from krakenonce.copytrader.records import MasterOrderEvent

log = logging.getLogger("krakenonce")

SUBSCRIPTIONS = (Subscription("executions", {"snap_trades": True, "snap_orders": True, "order_status": True}),)


class ExecutionsFeed:
    """Delivers every fill of one master's, and every step of his orders. Belongs to one event loop.

    The stream brings them at once. The books (TradesHistory) are read after every connection, at every gap and from
    time to time, and in place of the stream while there is none: what the stream has lost is found there, however much
    it is. A fill is known by its ``exec_id`` and delivered once. The key has to be allowed to query open and closed
    orders and trades, and to use WebSockets; it need not be able to trade.

    Parameters:
        master: ``MASTER`` or ``MASTER:<name>``.
        broker: his account; connected, and the caller's to close.
        dialing: opens connections; one `Dialer` serves all.
        symbols: the names of pairs.
        options: see `FeedOptions`.
        sleep, chance: waiting in seconds and chance, injected; time is the broker's.

    Attributes:
        standing: how it is doing.
    """

    def __init__(
        self,
        master: str,
        broker: KrakenBroker,
        dialing: Dialing,
        symbols: Symbols,
        *,
        options: FeedOptions | None = None,
        sleep: Sleep = asyncio.sleep,
        chance: random.Random | None = None,
    ) -> None:
        self._master, self._broker = master, broker
        self._options = options = options or FeedOptions()
        self.standing = FeedStanding()
        self._orders = OrderLog()
        self._volumes = OrderVolumes(broker, self._orders)
        self._sieve = Sieve(options.overlap_s * NS_PER_SECOND)
        self._intake = Intake(self._sieve, self._volumes.look)
        self._translator = translator = Translator(master, symbols)
        self._auditor = Auditor(translator, broker, self._intake, self._orders, self.standing)
        self._ear = Ear(master, translator, self._orders, self._intake, self.standing, broker.clock, self)
        self._session = Session(
            f"feed of {master}",
            dialing,
            token_source(broker.client),
            SUBSCRIPTIONS,
            self._ear,
            urgent=True,
            timing=options.timing,
            clock=broker.clock,
            sleep=sleep,
            chance=chance,
        )
        self.standing.connection = self._session.standing
        self._doubt = Doubt(self._intake, self.standing, broker.clock, options.hold_s)
        self._outlet = Outlet(self._intake, self._volumes, self.standing, self._spawn)
        self._live = 0  # which subscription it is; 0 for none
        self._subscriptions = 0
        self._alarm = Alarm(sleep)
        self._auditing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"ExecutionsFeed({self._master!r}, {self._session!r})"

    @property
    def master(self) -> str:
        """``MASTER`` or ``MASTER:<name>``."""
        return self._master

    @property
    def fingerprint(self) -> str:
        """The name by which the master's key may appear in logs."""
        return self._broker.fingerprint

    @property
    def is_heard(self) -> bool:
        """Whether the stream tells what becomes of the master's orders, from a snapshot on."""
        return self._ear.has_snapshot

    @property
    def open_orders(self) -> frozenset[str] | None:
        """The ids of the master's open orders, as the stream shows them.

        None while it does not, or while fills of orders that are closed by now are still to be delivered.
        """
        is_told = self._ear.has_snapshot and self._intake.is_quiet
        return frozenset(order.order_id for order in self._orders.open) if is_told else None

    def shown(self, since_ns: int) -> list[MasterOrderEvent] | None:
        """Return all open orders of the master's as they stand, as OPENED or SHOWN: see `OrderStep`.

        None while the stream does not show them: its next snapshot will.

        Parameters:
            since_ns: orders that were opened later (exchange's clock) are news to whoever asks.
        """
        if not self._ear.has_snapshot or not self._intake.is_quiet:
            return None
        now_ns = self._broker.clock.wall_ns()
        events = (self._translator.shown(order, since_ns, now_ns) for order in self._orders.open)
        return [event for event in events if event is not None]

    def subscribe(self, on_fills: OnFills, on_orders: OnOrders | None = None) -> None:
        """Have *on_fills* called with new fills and *on_orders* with steps of the master's orders, oldest first."""
        self._outlet.subscribe(on_fills, on_orders)

    async def run(self, cursor_ns: int) -> None:
        """Deliver every fill from *cursor_ns* (the exchange's clock) on, until cancelled. Never fails.

        After a restart give it a moment a little before the newest fill that is written down: what the stream had lost
        shortly before the end is found then. Nothing from before the moment is ever delivered. 0 stands for what is not
        in the exchange's books now, so that nobody's clock decides.
        """
        self._ear.cursor_ns = cursor_ns or self._broker.now_ns() + NS_PER_SECOND
        self._sieve.begin(cursor_ns or self._broker.now_ns() - self._options.overlap_s * NS_PER_SECOND)
        self._doubt.begin()
        try:
            if not cursor_ns:
                await put_behind(
                    self._master, self._broker, self._sieve, self.standing, self._alarm, self._options.audit_s
                )
            async with asyncio.TaskGroup() as group:
                group.create_task(self._session.run(), name=f"stream of {self._master}")
                group.create_task(self._keep_auditing(), name=f"audits of {self._master}")
        finally:
            for task in self._tasks:
                task.cancel()

    async def audit(self) -> int:
        """Read the books, deliver the fills that were missed, and return how many there were.

        Raises:
            RequestRefused, OutcomeUnknown, TryLater: the books could not be read.
        """
        async with self._auditing:
            live = self._live
            found = await self._auditor.fills()
            if live and live == self._live:
                self._doubt.end()
            self._outlet.flush()
            if self._outlet.follows_orders:
                self.on_news(await self._auditor.lost_orders())
        if found and live:
            log.warning("%s: the books held %d fills that the stream had not told", self._master, found)
        return found

    def on_news(self, events: list[MasterOrderEvent]) -> None:
        """Fills or steps of orders were heard: deliver them, together with what comes in the same turn of the loop."""
        self._outlet.flush_soon(events)

    def on_gap(self, cause: str) -> None:
        """Hold what comes now, subscribe anew, and read the books."""
        log.warning("%s: %s; subscribing anew and reading the books", self._master, cause)
        self._doubt.begin()
        if self._live:
            self._live = 0
            self._spawn(self._renew())

    def on_unreadable(self, cause: str) -> None:
        """Read the books: it may have been a fill."""
        log.warning("%s: %s; reading the books", self._master, cause)
        self._alarm.ring()

    def on_vanished(self, orders: list[StreamedOrder]) -> None:
        """Find out how these orders ended."""
        self._spawn(self._find_ends(orders))

    def on_live(self, *, is_live: bool) -> None:
        """A subscription begins or has ended: either way the books have to be read."""
        if is_live:
            self._subscriptions += 1
            self._live = self._subscriptions
        else:
            self._live = 0
            self._doubt.begin()
        self._alarm.ring()

    async def _keep_auditing(self) -> None:
        pause_s, failures = FIRST_PAUSE_S, 0
        while True:
            await self._alarm.wait(min(pause_s, self._holds_s()))
            try:
                await self.audit()
            except NOT_READ as error:
                self.standing.failed += 1
                log.warning("%s: the books can't be read now (%s)", self._master, error)
                pause_s = min(FIRST_PAUSE_S * 2.0 ** min(failures, 30), self._options.audit_s)
                failures += 1
                if not self._holds_s():
                    self._release()
            else:
                pause_s, failures = self._options.audit_s if self._live else self._options.polled_s, 0

    def _holds_s(self) -> float:
        """Return for how many seconds the fills that the stream tells may still be held back."""
        return self._doubt.left_s() if self._live else math.inf

    def _release(self) -> None:
        """Let fills go, possibly out of order, rather than hold them for as long as the books are away."""
        log.warning("%s: fills go on although some before them may be missing", self._master)
        self._doubt.end()
        self._outlet.flush()

    async def _renew(self) -> None:
        await self._session.renew("executions")

    async def _find_ends(self, orders: list[StreamedOrder]) -> None:
        try:
            self.on_news(await self._auditor.endings(orders))
        except NOT_READ as error:
            log.warning("%s: orders that have ended can't be looked up now (%s)", self._master, error)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
