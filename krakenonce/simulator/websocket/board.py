"""Who listens to what, and how frames get to them: through the faults, into the sessions' outboxes."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from typing import TYPE_CHECKING

from krakenonce.clock import NS_PER_MS
from krakenonce.simulator.faults import STREAM_KINDS
from krakenonce.simulator.websocket.session import DROPPED, Session, Subscription

if TYPE_CHECKING:
    from krakenonce.simulator.exchange import Exchange
    from krakenonce.simulator.faults import Fault


class Board:
    """Every session and subscription. Belongs to the exchange's thread."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._topics: dict[Hashable, dict[Subscription, None]] = {}
        self.sessions: dict[Session, None] = {}

    def add(self, subscription: Subscription) -> None:
        """Let a session hear of a topic from now on."""
        self._topics.setdefault(subscription.topic, {})[subscription] = None
        subscription.session.subscriptions[subscription.identity] = subscription
        if subscription.token is not None:
            subscription.token.users += 1

    def remove(self, subscription: Subscription) -> None:
        """End a subscription."""
        del subscription.session.subscriptions[subscription.identity]
        subscribers = self._topics[subscription.topic]
        del subscribers[subscription]
        if not subscribers:
            del self._topics[subscription.topic]
        if subscription.token is not None:
            subscription.token.users -= 1

    def leave(self, session: Session) -> None:
        """End a session and all of its subscriptions."""
        for subscription in list(session.subscriptions.values()):
            self.remove(subscription)
        self.sessions.pop(session, None)

    def subscribers(self, topic: Hashable) -> Collection[Subscription]:
        """Return the subscriptions to *topic*, in the order they were made."""
        return self._topics.get(topic, ())

    def publish(self, topic: Hashable, channel: str, text: str) -> None:
        """Send one frame to everybody who listens to *topic*."""
        for subscription in self.subscribers(topic):
            self.push(subscription.session, channel, text)

    def push(self, session: Session, channel: str, text: str) -> None:
        """Send a frame that nobody asked for, through whatever faults there are."""
        faults = self._exchange.faults
        if faults.rules:
            self.deliver(session, text, faults.draw(channel, session.account, STREAM_KINDS))
        else:
            session.send(text, self._exchange.now)

    def deliver(self, session: Session, text: str, faults: list[Fault]) -> None:
        """Send *text* the way *faults* want it: late, twice, not at all, or not and the connection ends."""
        kinds = {fault.kind for fault in faults}
        now_ns = self._exchange.now
        if "ws-disconnect" in kinds:
            session.close(DROPPED)
        if kinds & {"ws-disconnect", "ws-drop"}:
            return
        late_ms = sum(fault.ms for fault in faults if fault.kind in ("delay", "ws-delay"))
        for _ in range(2 if "ws-twice" in kinds else 1):
            session.send(text, now_ns, now_ns + int(late_ms * NS_PER_MS) if late_ms else 0)
