"""Actors that run one at a time, in an order that a seed decides: every interleaving can be had again.

Each actor is a thread, so that real code may run in it; but only the one that has the baton runs. Whatever may be
interrupted calls `Schedule.point`, where the baton may pass to another; whatever waits calls `Schedule.until`.
"""

import threading


class Over(BaseException):
    """Raised in an actor that is not to go on. No `except Exception` of the code under test sees it."""


class Stuck(AssertionError):
    """Nobody can go on, and not everybody has ended."""


class Actor:
    """One thread of the schedule."""

    def __init__(self, schedule, work, process=None):
        self.process, self.error, self.is_done = process, None, False
        self.condition = None
        self.gate = threading.Lock()
        self.gate.acquire()
        self._schedule, self._work = schedule, work
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def is_runnable(self):
        if self.is_done or (self.process is not None and self.process.is_dead):
            return False
        return self.condition is None or self.condition()

    def _run(self):
        self.gate.acquire()
        try:
            if not self._schedule.is_over:
                self._work()
        except Over:
            pass
        except BaseException as error:
            self.error = error
        self.is_done = True
        self._schedule.leave()

    def let_go(self):
        """Let it run to its end; it may have been let go before, and not have come to it yet."""
        if self.gate.locked():
            self.gate.release()

    def join(self):
        self._thread.join()


class Schedule:
    """All actors of one run.

    Parameters:
        dice: decides everything.
        restlessness: how often the baton passes on at a point, from 0 to 1.
    """

    def __init__(self, dice, restlessness):
        self.dice, self._restlessness = dice, restlessness
        self.actors, self.current = [], None
        self.is_over = self.is_stuck = False
        self._main = threading.Lock()
        self._main.acquire()
        self.on_point = lambda: None

    def add(self, work, process=None):
        self.actors.append(Actor(self, work, process))

    def run(self):
        """Run until every living actor has ended."""
        self._pass_on()
        self._main.acquire()
        self.is_over = True
        for actor in self.actors:  # the killed ones, and those that are stuck, end here
            if not actor.is_done:
                self.current = actor
                actor.let_go()
                self._main.acquire()
            actor.join()
        for actor in self.actors:
            if actor.error is not None:
                raise actor.error
        if self.is_stuck:
            raise Stuck("nobody can go on")

    def point(self):
        """Here another actor may run on."""
        self._check()
        if self.dice.random() < self._restlessness:
            self.on_point()
            self._switch()

    def until(self, condition):
        """Wait until *condition* holds."""
        actor = self.current
        actor.condition = condition
        try:
            while not condition():
                self._check()
                self._switch()
            self._check()
        finally:
            actor.condition = None

    def _check(self):
        if self.is_over or (self.current.process is not None and self.current.process.is_dead):
            raise Over

    def _switch(self):
        actor = self.current
        if self._pass_on() is not actor:
            actor.gate.acquire()
        self._check()

    def _pass_on(self):
        ready = [actor for actor in self.actors if actor.is_runnable]
        if not ready:
            self.is_stuck = any(not actor.is_done and not _is_dead(actor) for actor in self.actors)
            self._main.release()
            return None
        former, chosen = self.current, self.dice.choice(ready)
        self.current = chosen
        if chosen is not former:
            chosen.gate.release()  # from here on it runs, and may have passed the baton on before this returns
        return chosen

    def leave(self):
        """Called by an actor that has ended."""
        if self.is_over:
            self._main.release()
        else:
            self._pass_on()


def _is_dead(actor):
    return actor.process is not None and actor.process.is_dead


class Mutex:
    """What `threading.RLock` is, between actors."""

    def __init__(self, schedule):
        self._schedule, self._owner, self._depth = schedule, None, 0

    def __enter__(self):
        me = self._schedule.current
        if self._owner is not me:
            self._schedule.until(lambda: self._owner is None)
        self._owner, self._depth = me, self._depth + 1

    def __exit__(self, *failure):
        self._depth -= 1
        if self._depth == 0:
            self._owner = None
