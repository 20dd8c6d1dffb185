"""From what happens on the exchange to frames for those who listen.

Reports of orders and money are written the moment things happen. Books, tickers, trades and candles are noted and
written once the exchange is at rest again, in ``settle()``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from krakenonce.clock import NS_PER_SECOND
from krakenonce.simulator.candles import INTERVALS
from krakenonce.simulator.events import BookChanged, Event, LedgerEvent, MarketChanged, OrderEvent, Print
from krakenonce.simulator.websocket.board import Board
from krakenonce.simulator.websocket.books import DEPTHS, Ladder
from krakenonce.simulator.websocket.frames import dump, update
from krakenonce.simulator.websocket.market_data import (
    Quote,
    best_quotes,
    candles_frame,
    instruments_frame,
    ticker_row,
    trades_frame,
)
from krakenonce.simulator.websocket.money import ledger_row
from krakenonce.simulator.websocket.reports import report_event
from krakenonce.simulator.websocket.session import POLICY, Session, Subscription

if TYPE_CHECKING:
    from decimal import Decimal

    from krakenonce.kraken.pairs import Pair
    from krakenonce.simulator.exchange import Exchange
    from krakenonce.simulator.orders import Order

VERSION = "2.0.10"
TRANSITIONS = frozenset({"new", "filled", "canceled", "expired"})
"""What is left of executions with ``order_status: false``."""
_SILENCE_NS = NS_PER_SECOND * 9 // 10
_HEARTBEAT = '{"channel":"heartbeat"}'


class Hub:
    """Listens to one exchange and writes frames. Belongs to the exchange's thread.

    Parameters:
        on_unrest: called when there is something to settle, once until ``settle()`` has been called.
    """

    def __init__(self, exchange: Exchange, on_unrest: Callable[[], None]) -> None:
        self._exchange = exchange
        self._on_unrest = on_unrest
        self.board = Board(exchange)
        self._unsettled: dict[Pair, list[Print]] = {}
        self._ladders: dict[tuple[str, int], Ladder] = {}
        self._quotes: dict[str, tuple[Quote, Quote]] = {}
        self._beats = False
        exchange.events.listen(self._hear)

    def open(self, session: Session) -> None:
        """Begin a session: the status comes first."""
        self.board.sessions[session] = None
        session.last_in_ns = session.opened_ns
        self.board.push(session, "status", self._status(session))
        if not self._beats:
            self._beats = True
            self._exchange.agenda.at(self._exchange.now + NS_PER_SECOND, self._beat)

    def ladder(self, pair: Pair, depth: int) -> Ladder:
        """Return the book that subscribers of this *depth* know; they have been told what had changed."""
        key = (pair.symbol, depth)
        if self.board.subscribers(("book", *key)):
            self._tell_ladder(pair, depth)
        else:
            self._ladders[key] = Ladder(self._exchange.market(pair), depth)
        return self._ladders[key]

    def settle(self) -> None:
        """Write the frames about markets that have changed since the last time."""
        unsettled, self._unsettled = self._unsettled, {}
        for pair, prints in unsettled.items():
            self._settle(pair, prints)

    def _hear(self, event: Event) -> None:
        if not self.board.sessions:
            return
        match event:
            case OrderEvent():
                self._tell_order(event)
            case LedgerEvent():
                self._tell_money(event)
            case Print():
                self._note(event.pair).append(event)
            case BookChanged():
                self._note(event.pair)
            case MarketChanged():
                self._tell_state(event.state)

    def _note(self, pair: Pair) -> list[Print]:
        if not self._unsettled:
            self._on_unrest()
        return self._unsettled.setdefault(pair, [])

    def _tell_order(self, event: OrderEvent) -> None:
        subscribers = self.board.subscribers(("executions", event.order.account.name))
        if not subscribers:
            return
        report = report_event(event)
        row = dump(report)
        counted = dump(report | {"ratecount": self._rate_count(event.order)})
        for subscription in subscribers:
            if subscription.wants["order_status"] or event.kind in TRANSITIONS:
                self._number(subscription, counted if subscription.wants["ratecounter"] else row)
        if event.trade is not None and _refills(event.order, event.trade.volume):
            self._tell_order(OrderEvent("iceberg_refill", event.order, event.time_ns))

    def _rate_count(self, order: Order) -> int:
        exchange = self._exchange
        return round(exchange.desk.counters.level(order.account.name, order.pair.key, exchange.now))

    def _tell_money(self, event: LedgerEvent) -> None:
        subscribers = self.board.subscribers(("balances", event.account.name))
        row = dump(ledger_row(event.entry)) if subscribers else ""
        for subscription in subscribers:
            self._number(subscription, row)

    def _number(self, subscription: Subscription, row: str) -> None:
        """Send a row of a channel whose messages are numbered, each subscription from 1 on."""
        text = (
            f'{{"channel":"{subscription.channel}","type":"update","data":[{row}],"sequence":{subscription.count()}}}'
        )
        self.board.push(subscription.session, subscription.channel, text)

    def _tell_state(self, state: str) -> None:
        for session in list(self.board.sessions):
            self.board.push(session, "status", self._status(session))
        if self.board.subscribers("instrument"):
            self.board.publish("instrument", "instrument", instruments_frame(state, "update"))

    def _status(self, session: Session) -> str:
        state = self._exchange.market_state
        row = {
            "version": VERSION,
            "system": "online" if state == "limit_only" else state,
            "api_version": "v2",
            "connection_id": session.connection_id,
            "upcoming_maintenance": [],
            "emergency": [],
        }
        return update("status", [row])

    def _settle(self, pair: Pair, prints: list[Print]) -> None:
        symbol, now_ns = pair.symbol, self._exchange.now
        market = self._exchange.market(pair)
        if prints and self.board.subscribers(("trade", symbol)):
            self.board.publish(("trade", symbol), "trade", trades_frame(prints, "update"))
        for depth in DEPTHS:
            if self.board.subscribers(("book", symbol, depth)):
                self._tell_ladder(pair, depth)
        self._tell_ticker(pair, traded=bool(prints))
        for minutes in INTERVALS if prints else ():
            topic = ("ohlc", symbol, minutes)
            if self.board.subscribers(topic):
                self.board.publish(topic, "ohlc", candles_frame(market, minutes, now_ns, "update"))

    def _tell_ladder(self, pair: Pair, depth: int) -> None:
        topic = ("book", pair.symbol, depth)
        text = self._ladders[pair.symbol, depth].catch_up(self._exchange.now)
        if text is not None:
            self.board.publish(topic, "book", text)

    def _tell_ticker(self, pair: Pair, *, traded: bool) -> None:
        market, symbol = self._exchange.market(pair), pair.symbol
        wanted = [trigger for trigger in ("trades", "bbo") if self.board.subscribers(("ticker", symbol, trigger))]
        if not wanted:
            return
        quotes = best_quotes(market)
        moved, self._quotes[symbol] = self._quotes.get(symbol) != quotes, quotes
        due = [trigger for trigger in wanted if (traded if trigger == "trades" else moved)]
        text = update("ticker", [ticker_row(market, self._exchange.now)]) if due else ""
        for trigger in due:
            self.board.publish(("ticker", symbol, trigger), "ticker", text)

    def _beat(self) -> None:
        """Once per second: a heartbeat for whom nothing else flows, the end for whom nothing flows at all."""
        self._beats = bool(self.board.sessions)
        if self._beats:
            self._exchange.agenda.at(self._exchange.now + NS_PER_SECOND, self._beat)
        idle_ns = int(self._exchange.settings.ws_idle_s * NS_PER_SECOND)
        for session in list(self.board.sessions):
            silent_ns = self._exchange.now - session.last_out_ns
            if session.subscriptions and silent_ns >= _SILENCE_NS:
                self.board.push(session, "heartbeat", _HEARTBEAT)
            elif (
                idle_ns
                and not session.subscriptions
                and min(silent_ns, self._exchange.now - session.last_in_ns) >= idle_ns
            ):
                session.close(POLICY)


def _refills(order: Order, volume: Decimal) -> bool:
    """Return whether a trade of *volume* has used up what an iceberg order showed, and there is more below."""
    shown = order.display_volume
    if not shown or not order.is_open:
        return False
    return (order.filled - volume) // shown != order.filled // shown
