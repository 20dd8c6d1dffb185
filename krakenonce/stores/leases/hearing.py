"""The thread of a lease store that hears what the engine pushes."""

from __future__ import annotations

import logging

from krakenonce.stores.leases.book import Book
from krakenonce.stores.leases.engine import Ear, EngineAway, Handed, Wanted
from krakenonce.stores.leases.inbox import Inbox
from krakenonce.stores.leases.plumbing import Plumbing
from krakenonce.stores.leases.settings import LeaseSettings
from krakenonce.stores.leases.vigil import BEAT

log = logging.getLogger("krakenonce")


class Hearing:
    """Tells the book what is pushed to *session*, and listens anew whenever the connection is lost.

    Parameters:
        ear: the connection; this thread's alone.
        inbox: ends the thread when it is closed.

    Attributes:
        book: who is told; set before the thread is started.
        began: set once the engine has been listened to; knocked: once something to that end was heard.
        thread: not started yet.
    """

    book: Book

    def __init__(self, ear: Ear, session: str, settings: LeaseSettings, inbox: Inbox, plumbing: Plumbing) -> None:
        self._ear, self._session, self._settings, self._inbox = ear, session, settings, inbox
        self.began, self.knocked = plumbing.event(), plumbing.event()
        self.thread = plumbing.thread(self._listen_for_ever, "krakenonce-hears")

    def _listen_for_ever(self) -> None:
        while not self._inbox.closed:
            try:
                self._ear.open(self._session)
                self.began.set()
                self.book.unasked()
                self._listen()
            except EngineAway as error:
                log.info("pushes are lost: %s", error)
                self._inbox.pause(BEAT)
        self._ear.close()

    def _listen(self) -> None:
        while not self._inbox.closed:
            for message in self._ear.hear(self._settings.ttl / 3):
                if isinstance(message, Handed):
                    self.book.handed(message)
                elif isinstance(message, Wanted):
                    self.book.wanted(message)
                else:
                    self.knocked.set()
