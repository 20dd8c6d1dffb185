"""``subscribe`` and ``unsubscribe``: one answer per symbol, then the snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from krakenonce.kraken.pairs import PAIRS, Pair
from krakenonce.simulator.refusals import Refusal
from krakenonce.simulator.websocket.channels import CHANNELS, Channel
from krakenonce.simulator.websocket.params import Params, known_symbol, wrong_type
from krakenonce.simulator.websocket.session import Session, Subscription

if TYPE_CHECKING:
    from krakenonce.simulator.exchange import Exchange
    from krakenonce.simulator.tokens import Token
    from krakenonce.simulator.websocket.hub import Hub

MAX_SYMBOLS = len(PAIRS) * 20
_SHARED = frozenset({"channel", "token", "snapshot"})


@dataclass(frozen=True, slots=True)
class Ack:
    """One answer: a result, or an error with what it is about in *about*."""

    result: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    about: dict[str, Any] = field(default_factory=dict)


class Subscribing:
    """Answers subscribe and unsubscribe. Belongs to the exchange's thread."""

    def __init__(self, exchange: Exchange, hub: Hub) -> None:
        self._exchange, self._hub = exchange, hub

    def subscribe(self, session: Session, params: Params) -> Iterator[Ack]:
        """Yield an ack per symbol (or one, for channels without symbols), each followed by the snapshot."""
        name, channel = self._channel(params)
        token = self._token(name, channel, session, params)
        result, wants = channel.read(self._exchange, params)
        for symbol in _symbols(channel, params):
            try:
                pair = None if symbol is None else known_symbol(symbol)
                subscription = self._new(session, name, channel, result, pair)
            except Refusal as refusal:
                yield Ack(error=refusal.error, about={} if symbol is None else {"symbol": symbol[:64]})
                continue
            subscription.token, subscription.wants = token, wants
            yield Ack(subscription.result)
            self._begin(subscription, channel, pair)

    def unsubscribe(self, session: Session, params: Params) -> Iterator[Ack]:
        """Yield an ack per symbol, or one for channels without symbols."""
        name, channel = self._channel(params)
        for symbol in _symbols(channel, params):
            subscription = session.subscriptions.get((name, symbol))
            if subscription is None:
                about = {} if symbol is None else {"symbol": symbol[:64]}
                yield Ack(error="Subscription Not Found", about=about)
            else:
                self._hub.board.remove(subscription)
                yield Ack({key: value for key, value in subscription.result.items() if key != "warnings"})

    def _channel(self, params: Params) -> tuple[str, Channel]:
        name = params.required("channel")
        channel = CHANNELS.get(name)
        if channel is None:
            raise Refusal("Unsupported event")
        params.only(channel.fields | _SHARED)
        return name, channel

    def _token(self, name: str, channel: Channel, session: Session, params: Params) -> Token | None:
        if not channel.permissions:
            return None
        try:
            token = self._exchange.tokens.find(params.raw("token"), self._exchange.now)
        except Refusal as refusal:
            raise SubscriptionRefused(refusal.error, name) from None
        if not any(token.key.may(permission) for permission in channel.permissions):
            raise SubscriptionRefused("EGeneral:Permission denied", name)
        session.account = token.account.name
        return token

    def _new(
        self, session: Session, name: str, channel: Channel, result: dict[str, Any], pair: Pair | None
    ) -> Subscription:
        symbol = None if pair is None else pair.symbol
        identity = (name, symbol)
        if identity in session.subscriptions:
            raise Refusal("Already subscribed")
        if symbol is not None:
            result = result | {"symbol": symbol}
        if channel.permissions:
            topic: Any = (name, session.account)
        else:
            topic = name if symbol is None else (name, symbol, *channel.topic(result))
        return Subscription(session, name, identity, topic, result)

    def _begin(self, subscription: Subscription, channel: Channel, pair: Pair | None) -> None:
        session = subscription.session
        if session not in self._hub.board.sessions or subscription.identity in session.subscriptions:
            return
        wants_snapshot = subscription.result.get("snapshot", True)
        # The frames are made even if they are not wanted: the book must know from which state it tells changes.
        frames = list(channel.first(self._hub, self._exchange, subscription, pair))
        self._hub.board.add(subscription)
        for frame in frames if wants_snapshot else ():
            self._hub.board.push(session, subscription.channel, frame)


class SubscriptionRefused(Refusal):
    """A private subscription is refused; the reply names the channel."""

    def __init__(self, error: str, channel: str) -> None:
        super().__init__(error)
        self.channel = channel


def _symbols(channel: Channel, params: Params) -> list[str | None]:
    if not channel.per_symbol:
        return [None]
    symbols = params.array("symbol", range(1, MAX_SYMBOLS + 1))
    if not symbols:
        raise Refusal("EGeneral:Invalid arguments:symbol")
    if not all(isinstance(symbol, str) for symbol in symbols):
        raise wrong_type("symbol", "array of strings")
    return list(dict.fromkeys(symbols))
