"""Threads that block in the kernel so that no caller and no event loop has to."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

log = logging.getLogger("krakenonce")

IDLE_SECONDS = 10.0

Task = Callable[[], None]


class Ushers:
    """Threads that run tasks which block, one task a thread. As many as block at once; idle ones end after 10 s."""

    def __init__(self) -> None:
        # RLocks here and below, because a signal handler may use another key while this thread is inside.
        self._mutex = threading.RLock()
        self._idle: list[queue.SimpleQueue[Task]] = []

    def run(self, task: Task) -> None:
        """Run *task* soon, in a thread of its own. Returns at once."""
        with self._mutex:
            desk = self._idle.pop() if self._idle else None
        if desk is not None:
            desk.put(task)
            return
        desk = queue.SimpleQueue()
        desk.put(task)
        # A daemon: it may be blocked by a process that hangs, and must not keep this one from ending.
        threading.Thread(target=self._work, args=(desk,), name="krakenonce-usher", daemon=True).start()

    def _work(self, desk: queue.SimpleQueue[Task]) -> None:
        task: Task | None = desk.get()
        while task is not None:
            try:
                task()
            except Exception:
                log.exception("a waiting thread of the file store failed")
            task = None  # its key must not be kept alive by an idle thread
            with self._mutex:
                self._idle.append(desk)
            task = self._next_task(desk)

    def _next_task(self, desk: queue.SimpleQueue[Task]) -> Task | None:
        try:
            return desk.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            with self._mutex:
                if desk in self._idle:
                    self._idle.remove(desk)
                    return None
            return desk.get()  # it was chosen at the last moment


class Scribe:
    """A thread that moves the high-water mark ahead while the store is used, and sleeps while it is not.

    Parameters:
        pause: how long to sleep between two looks, in seconds.
        was_used: says if the store was used since the last look.
        work: moves the mark if it is time.
    """

    def __init__(self, pause: float, was_used: Callable[[], bool], work: Task) -> None:
        self._pause, self._was_used, self._work = pause, was_used, work
        self._mutex = threading.RLock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Begin to look, if nobody is looking yet. Cheap enough to be called for every sync."""
        with self._mutex:
            if self._thread is None and not self._stopped.is_set():
                self._thread = threading.Thread(target=self._look, name="krakenonce-scribe", daemon=True)
                self._thread.start()

    def _look(self) -> None:
        while not self._stopped.wait(self._pause):
            if not self._was_used():
                break
            try:
                self._work()
            except Exception as error:  # noqa: BLE001 - the next caller meets it again, and is told
                log.warning("the high-water mark could not be moved: %s", error)
        with self._mutex:
            self._thread = None

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
