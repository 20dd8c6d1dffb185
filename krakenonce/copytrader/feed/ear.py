"""What a master's executions channel tells, message by message."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from krakenonce.broker.executions import OrderLog, Report, StreamedOrder, read_report
from krakenonce.client.websocket import Continuity, SequenceWatch, Told
from krakenonce.clock import Clock
from krakenonce.copytrader.feed.intake import Intake
from krakenonce.copytrader.feed.standing import FeedStanding
from krakenonce.copytrader.feed.translation import Translator
from krakenonce.copytrader.records import MasterOrderEvent, OrderStep

log = logging.getLogger("krakenonce")

UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class Hearer(Protocol):
    """Whoever acts on what is heard. Its methods must not wait."""

    def on_news(self, events: list[MasterOrderEvent]) -> None:
        """Fills may be ready in the intake, and these steps of orders happened."""

    def on_gap(self, cause: str) -> None:
        """Something was not told."""

    def on_unreadable(self, cause: str) -> None:
        """A report can't be read. Subscribing anew would not help."""

    def on_vanished(self, orders: list[StreamedOrder]) -> None:
        """A snapshot does not show these any more: they have ended, and nobody told how."""

    def on_live(self, *, is_live: bool) -> None:
        """A subscription begins: nothing is missed from here on; or there is none any more."""


class Ear:
    """Hears one master's channel. Belongs to one event loop.

    Parameters:
        master: his name, for the log.
        translator, orders, intake, standing, clock: of the feed.
        hearer: told what is heard.

    Attributes:
        cursor_ns: what a snapshot shows to have been opened before this moment (exchange's clock) is told as SHOWN:
            no news, but it may have been changed while nobody listened.
    """

    def __init__(
        self,
        master: str,
        translator: Translator,
        orders: OrderLog,
        intake: Intake,
        standing: FeedStanding,
        clock: Clock,
        hearer: Hearer,
    ) -> None:
        self._master, self._translator, self._orders, self._intake = master, translator, orders, intake
        self._standing, self._clock, self._hearer = standing, clock, hearer
        self._watch, self.has_snapshot = SequenceWatch(), False
        self.cursor_ns = 0

    def on_subscribed(self, channel: str) -> None:
        """A new subscription begins; its snapshot replaces what was known."""
        self._watch, self.has_snapshot = SequenceWatch(), False
        self._hearer.on_live(is_live=True)

    def on_up(self) -> None:
        """The connection is ready."""

    def on_down(self, cause: str) -> None:
        """The connection is over."""
        self.has_snapshot = False
        self._hearer.on_live(is_live=False)

    def on_told(self, told: Told) -> None:
        """Take in a message; of one that can't be read in parts, the others are."""
        if told.channel != "executions":
            return
        continuity = self._watch.look(told.sequence)
        if continuity is Continuity.REPEATED:
            self._standing.repeated += 1
            return
        if continuity is Continuity.GAP:
            self._standing.gaps += 1
            self._hearer.on_gap("messages of the executions channel are missing")
        is_snapshot, received_ns = told.kind == "snapshot", self._clock.wall_ns()
        events, proved = [], False
        for entry in told.data:
            report = self._read(entry)
            if report is None:
                continue
            if is_snapshot and report.trade is not None:
                proved |= self._intake.proves(report.trade.exec_id, report.moment_ns)
            event = self._hear(report, received_ns, is_snapshot=is_snapshot)
            if event is not None:
                events.append(event)
        if is_snapshot:
            self._compare(told, proved=proved)
        self._hearer.on_news(events)

    def _read(self, entry: Mapping[str, Any]) -> Report | None:
        try:
            return read_report(entry)
        except UNREADABLE as error:
            self._standing.connection.skipped += 1
            self._hearer.on_unreadable(f"an execution report in no documented form ({type(error).__name__})")
            return None

    def _hear(self, report: Report, received_ns: int, *, is_snapshot: bool) -> MasterOrderEvent | None:
        try:
            before = self._orders.get(report.order_id)
            if report.trade is not None:
                fill = self._translator.streamed_fill(report, before, received_ns)
                self._standing.repeated += not self._intake.hear(fill)
                if is_snapshot:
                    return None  # the state its order was in then says nothing of the present one
            event = self._translator.step(before, self._orders.take(report), received_ns)
        except UNREADABLE as error:
            self._hearer.on_unreadable(f"an execution report that can't be understood ({type(error).__name__})")
            return None
        opened = is_snapshot and event is not None and event.step is OrderStep.OPENED
        if opened and event is not None and event.happened_ns < self.cursor_ns:
            return replace(event, step=OrderStep.SHOWN)
        return event

    def _compare(self, told: Told, *, proved: bool) -> None:
        if proved:
            self._intake.clear()
        if not self.has_snapshot:
            self.has_snapshot = True
            shown = {entry.get("order_id") for entry in told.data if entry.get("exec_type") != "trade"}
            vanished = [order for order in self._orders.open if order.order_id not in shown]
            if vanished:
                self._hearer.on_vanished(vanished)
