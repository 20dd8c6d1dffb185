"""One account, as a copy trader needs it: orders handed over without waiting, and how they ended."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection
from decimal import Decimal
from types import TracebackType
from typing import Self

from krakenonce.broker.account import KrakenBroker
from krakenonce.broker.executions import StreamedOrder
from krakenonce.broker.records import Acknowledged, Balance
from krakenonce.broker.streaming.changing import Changing
from krakenonce.broker.streaming.endings import Endings
from krakenonce.broker.streaming.flights import Flights
from krakenonce.broker.streaming.handing import HandingOver
from krakenonce.broker.streaming.options import StreamOptions
from krakenonce.broker.streaming.stream import SUBSCRIPTIONS, AccountStream
from krakenonce.broker.streaming.switch import CancelAfter, Winder
from krakenonce.broker.symbols import Symbols
from krakenonce.client.budget import Sleep
from krakenonce.client.websocket import Dialing, Session, Standing, token_source
from krakenonce.kraken.replies import Refused
from krakenonce.lanes import Priority
from krakenonce.orders.records import Order, OrderState


class StreamingAccount:
    """One account over its own WebSocket, and over REST where that is down or refused. Belongs to one event loop.

    Orders are handed to the socket in the call itself, so that a sweep over a hundred accounts need not wait in
    between. Every order is sent at most once; what became of one whose answer was lost is found out by `ending`.

    `start` it (or use ``async with``) when its broker is connected; `close` it before the broker.

    Parameters:
        broker: the account over REST; connected, and the caller's to close.
        dialing: opens connections; one `Dialer` serves all accounts.
        symbols: the names of pairs and assets.
        options: see `StreamOptions`.
        switch: keep Kraken's cancel-after switch alive. It cancels ALL orders of the account, see `CancelAfter`.
        sleep, chance: waiting in seconds and chance, injected; time is the broker's.
    """

    def __init__(
        self,
        broker: KrakenBroker,
        dialing: Dialing,
        symbols: Symbols,
        *,
        options: StreamOptions | None = None,
        switch: CancelAfter | None = None,
        sleep: Sleep = asyncio.sleep,
        chance: random.Random | None = None,
    ) -> None:
        options = options or StreamOptions()
        self.broker = broker
        self._flights = Flights()
        self._stream = AccountStream(broker.name, symbols, self._on_order, self._renew)
        self.session = Session(
            broker.name,
            dialing,
            token_source(broker.client),
            SUBSCRIPTIONS,
            self._stream,
            timing=options.timing,
            clock=broker.clock,
            sleep=sleep,
            chance=chance,
        )
        self._handing = HandingOver(broker, self.session, symbols, self._flights, websocket=options.websocket)
        self._changing = Changing(broker, self.session, self._handing, self._flights, sleep)
        self._endings = Endings(broker, self._stream, self._flights, options, sleep)
        self._winder = None if switch is None else Winder(broker.name, switch, self._changing.wind, sleep)
        self._websocket = options.websocket
        self._tasks: set[asyncio.Task[object]] = set()
        self._winding: set[asyncio.Task[object]] = set()
        self._renewing: set[str] = set()

    def __repr__(self) -> str:
        return f"StreamingAccount({self.name!r}, path={self.path!r})"

    @property
    def name(self) -> str:
        """``USER:<name>`` or ``MASTER``."""
        return self.broker.name

    @property
    def fingerprint(self) -> str:
        """The name by which its key may appear in logs."""
        return self.broker.fingerprint

    @property
    def path(self) -> str:
        """How an order would go out now: ``ws`` or ``rest``."""
        return self._handing.path

    @property
    def standing(self) -> Standing:
        """How the connection is doing."""
        return self.session.standing

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def start(self) -> None:
        """Connect, and stay connected. Orders go over REST until the connection is up."""
        if self._websocket:
            self._keep(asyncio.create_task(self.session.run(), name=f"{self.name} stream"))
        if self._winder is not None:
            self._winding.add(asyncio.create_task(self._winder.run(), name=f"{self.name} cancel-after"))

    async def close(self) -> None:
        """Let orders on their way over REST come to their end, disarm the switch, and close the connection."""
        await self._handing.close()
        if self._winder is not None:
            await _ended(self._winding)
            await self._winder.disarm()
        await _ended(self._tasks)

    def get_ready(self, order: Order, deadline_ns: int) -> None:
        """Put *order* into words now, so that less is to be done when it is sent. It may never be sent.

        Parameters: those that `send` will be given; of several orders, the last one counts.
        """
        self._handing.get_ready(order, deadline_ns)

    def send(
        self, order: Order, deadline_ns: int, *, priority: Priority = Priority.ENTRY
    ) -> asyncio.Future[Acknowledged | Refused]:
        """Hand *order* over, at once. Never waits, never raises.

        ``Refused``: it does not exist and never will. The future fails with `OutcomeUnknown` if nobody knows: ask
        `ending`; and with `TryLater` if it certainly was not sent.

        An order that is still being sent or followed under the same name is not sent again: its future is returned.

        Parameters:
            order: with a ``cl_ord_id`` of its own; its ``valid_s`` does not count.
            deadline_ns: the exchange must not accept it after that, by its own clock: at least 2 s from now, so that it
                can also go over REST.
        """
        return self._handing.send(order, deadline_ns, priority)

    async def ending(self, order: Order, deadline_ns: int) -> OrderState | None:
        """Return how an order that was sent, by this or an earlier run, ended; None if it never existed and never will.

        Goes on until that is known, however long the exchange or the network is away.
        """
        return await self._endings.ending(order, deadline_ns)

    def executed(self, cl_ord_id: str) -> Decimal:
        """Return what one order has executed so far, in the base asset, as far as the stream has told; else 0."""
        told = self._stream.orders.named(cl_ord_id)
        return Decimal(0) if told is None else told.executed

    def was_switched_off(self, state: OrderState) -> bool:
        """Return whether *state* is of an order that Kraken's cancel-after switch has cancelled, by all we know.

        What somebody else has cancelled in the time after it had fired is taken for the same. Of a switch that another
        run has wound up that is known which this one was told: `CancelAfter.due_ns`.
        """
        return state.status == "canceled" and self._winder is not None and self._winder.had_fired(state.closed_ns)

    async def cancel(self, cl_ord_id: str) -> None:
        """Have one open order cancelled; see `Changing.cancel`."""
        await self._changing.cancel(cl_ord_id)

    async def cancel_all(self, names: Collection[str]) -> None:
        """Have the open orders called *names* cancelled, all handed over at once; see `Changing.cancel`."""
        await self._changing.cancel_all(names)

    async def amend(self, cl_ord_id: str, *, volume: Decimal, limit: Decimal | None, trigger: Decimal | None) -> None:
        """Change an open order; see `Changing.amend`."""
        await self._changing.amend(cl_ord_id, volume, limit, trigger)

    async def balances(self) -> dict[str, Balance]:
        """Return what the account holds, by asset key: as told by its channel, or asked if that does not know enough.

        Raises:
            RequestRefused, OutcomeUnknown, TryLater: it had to be asked, and was not answered.
        """
        wallet, stream = self._stream.wallet, self._stream
        # The channel does not say how much is bound by open orders.
        if wallet.is_synced and stream.is_live and not stream.orders.open:
            return wallet.balances()
        return await self.broker.balances()

    def _on_order(self, order: StreamedOrder) -> None:
        flight = self._flights.get(order.cl_ord_id)
        if flight is not None:
            flight.acknowledge(order.order_id, self.broker.clock.wall_ns())

    def _renew(self, channel: str) -> None:
        if channel not in self._renewing:
            self._renewing.add(channel)
            self._keep(asyncio.ensure_future(self._renewed(channel)))

    async def _renewed(self, channel: str) -> None:
        try:
            await self.session.renew(channel)
        finally:
            self._renewing.discard(channel)

    def _keep(self, task: asyncio.Task[object] | asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _ended(tasks: Collection[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
