"""The thread of a lease store that asks the engine. One hears its pushes (`hearing`), one keeps time (`vigil`)."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Sequence

from krakenonce.clock import Clock
from krakenonce.errors import ConfigError
from krakenonce.stores.leases.book import Book
from krakenonce.stores.leases.engine import (
    Acquire,
    Ask,
    Claim,
    Done,
    Engine,
    EngineAway,
    Granted,
    Keep,
    NoSession,
    Pass,
    Queued,
    Release,
    Remember,
    Reply,
)
from krakenonce.stores.leases.hearing import Hearing
from krakenonce.stores.leases.plumbing import Plumbing, Thread
from krakenonce.stores.leases.reminders import Reminders
from krakenonce.stores.leases.settings import LeaseSettings
from krakenonce.stores.leases.vigil import BEAT, Vigil

log = logging.getLogger("krakenonce")

_ASKS_AGAIN_S = 2.0
"""The holder may not have heard that somebody waits: what is pushed while it connects anew is lost."""
_OPENING_ATTEMPTS = 3
_OPENING_S = 5.0
"""For how long a push is awaited at the start at least: a slow machine is not a pooler."""


class Driver:
    """Carries the book's asks to the engine and the engine's answers to the book.

    Parameters:
        engine: is asked by this driver's thread only, once `start` has returned.
        clock: leases are counted by its boot time.
        timer: what waiting is measured by.
        plumbing: threads and timers, and this process's name at the engine.
    """

    def __init__(self, engine: Engine, settings: LeaseSettings, clock: Clock, timer: Clock, plumbing: Plumbing) -> None:
        self._engine, self._session, self._settings = engine, plumbing.name(), settings
        self._clock = clock
        self._inbox, self._timers = plumbing.inbox(), plumbing.timers(timer)
        self._vigil = Vigil(settings, timer, self._timers, self._inbox.demand_renewal, engine.interrupt)
        dice = random.Random(self._session)  # noqa: S311 - spreads requests, guards nothing
        self._reminders = Reminders(self._timers, dice, self._remind, self._pass_on)
        self._incarnation = 0
        self._connected = False
        self._epoch = 0
        self._hearing = Hearing(engine.ear(), self._session, settings, self._inbox, plumbing)
        self._thread = plumbing.thread(self._ask_for_ever, "krakenonce-asks")

    def start(self, book: Book) -> None:
        """Connect, begin the session, and start the threads.

        Raises:
            ConfigError: the engine is set up so that floors could be lost.
            EngineAway: it can't be reached.
        """
        self._book = self._vigil.waiters = self._hearing.book = book
        self._connect_first()
        self._vigil.begin()
        self._thread.start()
        self._hearing.thread.start()
        patience = max(self._settings.ttl / 3, _OPENING_S)
        if self._hearing.began.wait(patience):
            self._engine.knock(self._session)
        if not self._hearing.knocked.wait(patience):
            raise EngineAway(
                "what it pushes does not arrive. Behind a transaction pooler, add listen=host:port of the server itself"
            )

    def ask(self, asks: Sequence[Ask], wake: Callable[[], None]) -> None:
        """Ask the engine later, on the driver's own thread, and see to it that nobody waits for ever.

        *wake* lets go on who has waited: after their turn is certain to be asked about first, before it is.
        """
        self._inbox.add(asks)
        wake()
        if asks:
            self._inbox.call()
        self._vigil.look()

    def void_asks(self) -> None:
        """Do not ask what waits to be asked: it belongs to a session that has begun anew since."""
        self._inbox.void()

    def close(self, releases: list[Release]) -> None:
        """Tell the engine of *releases*, end the session, and end the threads."""
        self._timers.close()
        self._inbox.close()
        self._join(self._thread, self._settings.ttl)
        if self._connected:
            self._say_goodbye([*self._inbox.left(), *releases])  # who comes next must know what is to be remembered
        self._engine.close()
        self._join(self._hearing.thread, BEAT)  # it was told; and if the engine is away, it ends by itself

    @staticmethod
    def _join(thread: Thread, seconds: float) -> None:
        if thread.ident is not None:
            thread.join(seconds)

    def _say_goodbye(self, asks: Sequence[Ask]) -> None:
        # Nobody else watches over a call any more, and a connection whose far end is silent would keep it for ever.
        patience = threading.Timer(self._settings.ttl / 3, self._engine.interrupt)
        patience.daemon = True
        patience.start()
        try:
            for start in range(0, len(asks), 500):
                self._engine.run(asks[start : start + 500])
            self._engine.end(self._session)
        except EngineAway as error:
            log.info("the engine was away at the end, so others wait for the session to end: %s", error)
        finally:
            patience.cancel()

    # The thread that asks.

    def _ask_for_ever(self) -> None:
        while not self._inbox.closed:
            renewal_due, asks = self._inbox.take()
            self._vigil.call_begins()
            try:
                asks = self._before(asks, renewal_due=renewal_due)
                self._ask_once(asks)
            except (EngineAway, ConfigError) as error:
                self._note_absence(error, asks)
            finally:
                self._vigil.call_ends()

    def _before(self, asks: list[Ask], *, renewal_due: bool) -> list[Ask]:
        """See to the connection and the session, and return what is still to be asked after that."""
        epoch = self._epoch
        if not self._connected:
            self._connect()
            asks = [ask for ask in asks if not isinstance(ask, Acquire)]  # the book has asked again
        elif renewal_due:
            self._renew()
        return asks if epoch == self._epoch else [ask for ask in asks if isinstance(ask, Remember)]

    def _ask_once(self, asks: list[Ask]) -> None:
        if asks:
            replies = self._engine.run(asks)
            self._vigil.heard()
            for ask, reply in zip(asks, replies, strict=True):
                self._take_in(ask, reply)
            self._begin_anew([ask for ask, reply in zip(asks, replies, strict=True) if isinstance(reply, NoSession)])

    def _note_absence(self, error: Exception, asks: list[Ask]) -> None:
        self._connected = False
        if self._vigil.reason != str(error):
            self._vigil.reason = str(error)
            log.warning("the engine is away: %s", error)
        self._book.lost(asks)
        self._inbox.put_back([ask for ask in asks if not isinstance(ask, Acquire)])  # each may be done twice
        self._inbox.demand_renewal()
        self._inbox.pause(BEAT)

    def _connect_first(self) -> None:
        """Connect; a server that takes its time is asked again, as it would be later on."""
        for _ in range(_OPENING_ATTEMPTS - 1):
            try:
                self._connect()
                return
            except EngineAway as error:
                log.info("connecting once more: %s", error)
        self._connect()

    def _connect(self) -> None:
        self._engine.connect()
        self._incarnation += 1  # whatever is still under way on an older connection is void
        epoch = self._epoch
        self._renew()
        self._connected = True
        if epoch == self._epoch:  # else the book has asked for everything anew
            self._book.unasked()

    def _renew(self) -> None:
        asked = self._clock.boot_ns()
        renewal = self._engine.renew(self._session, self._incarnation)
        self._vigil.heard()
        self._epoch = self._book.renewed(renewal, asked)

    def _begin_anew(self, unheard: list[Ask]) -> None:
        """Begin the session again, if it was over, and ask once more what it did not hear, in the same order."""
        if unheard:
            self._book.lost(unheard)
            self._inbox.put_back([ask for ask in unheard if not isinstance(ask, Acquire)])
            self._connected = False
            self._inbox.demand_renewal()

    def _take_in(self, ask: Ask, reply: Reply) -> None:
        if isinstance(reply, Granted):
            self._book.granted(ask.key, reply, self._epoch)
        elif isinstance(reply, Queued):
            self._book.queued(ask.key, reply)
            self._reminders.wait_for(ask.key, min(reply.seconds, _ASKS_AGAIN_S))
        elif isinstance(reply, Done):
            self._take_in_effect(ask, reply)

    def _take_in_effect(self, ask: Ask, done: Done) -> None:
        if isinstance(ask, Claim):
            self._book.missed(ask)
        elif isinstance(ask, Remember):
            self._book.told(ask)
        elif isinstance(ask, Release):
            self._book.released(ask, effect=done.effect)
        elif isinstance(ask, Keep):
            self._book.kept(ask, effect=done.effect)
        if done.handed:
            self._reminders.look_after(ask.key, done.handed, self._settings.claim + BEAT)

    def _remind(self, key: str) -> None:
        self._book.remind(key)

    def _pass_on(self, key: str, generation: int) -> None:
        self._inbox.put([Pass(key, generation)])
