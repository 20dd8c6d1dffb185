"""Threads that run one at a time, when simulated time says so: the store's own loops, with nothing left to chance."""

import threading

from krakenonce.stores.leases.inbox import Inbox

TIMED_OUT = object()
_of_thread = {}


class Killed(BaseException):
    """The process of this thread was killed."""


class Strand:
    """A thread of a simulated host. Whoever lets it run waits until it waits again."""

    def __init__(self, host, target, name=""):
        self.host, self.target, self.name = host, target, name
        self.ident = None
        self._ticket, self._parked = 0, False
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)

    @staticmethod
    def current():
        return _of_thread[threading.get_ident()]

    def start(self):
        self.host.strands.append(self)
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        self._back.acquire()

    def join(self, timeout=None):
        """Nothing to wait for: a strand that is told to end does so when it is let run."""

    def park(self, seconds=None):
        """Wait to be woken, or for *seconds*; called by the strand itself."""
        self._ticket += 1
        ticket, self._parked = self._ticket, True
        if seconds is not None:
            self.host.later(seconds, lambda: self.wake(ticket, TIMED_OUT))
        self._back.release()
        self._go.acquire()
        if isinstance(self._value, BaseException):
            raise self._value
        return self._value

    @property
    def next_ticket(self):
        """What the next `park` can be woken with."""
        return self._ticket + 1

    def wake(self, ticket, value=None):
        """Let the strand run, if it still waits for this."""
        if self._parked and ticket == self._ticket:
            self._parked, self._value = False, value
            self._go.release()
            self._back.acquire()

    def kill(self):
        self.wake(self._ticket, Killed())

    def _run(self):
        self.ident = threading.get_ident()
        _of_thread[self.ident] = self
        try:
            self.target()
        except Killed:
            pass
        finally:
            del _of_thread[self.ident]
            self._back.release()


class Bell:
    """Something that strands wait for."""

    def __init__(self, host):
        self._host, self._waiting, self._is_set = host, [], False

    def set(self):
        self._is_set = True
        self.ring()

    def ring(self):
        waiting, self._waiting = self._waiting, []
        for strand, ticket in waiting:
            self._host.later(0, lambda strand=strand, ticket=ticket: strand.wake(ticket))

    def await_ring(self, seconds=None):
        strand = Strand.current()
        self._waiting.append((strand, strand.next_ticket))
        return strand.park(seconds) is not TIMED_OUT

    def wait(self, timeout=None):
        return self._is_set or self.await_ring(timeout)


class StrandInbox(Inbox):
    """An inbox at which a strand waits."""

    def __init__(self, host):
        super().__init__()
        self._bell = Bell(host)

    def call(self):
        super().call()
        self._bell.ring()

    def demand_renewal(self):
        super().demand_renewal()
        self._bell.ring()

    def take(self):
        while not (self._asks or self._renewal_due or self.closed):
            self._bell.await_ring()
        return super().take()

    def pause(self, seconds):
        Strand.current().park(seconds)

    def close(self):
        super().close()
        self._bell.ring()


class StrandTimers:
    """Calls things later, in simulated time."""

    def __init__(self, host):
        self._host = host
        self._closed = False

    def start(self):
        pass

    def after(self, seconds, action):
        self._host.later(seconds, lambda: None if self._closed else action())

    def close(self):
        self._closed = True


class StrandPlumbing:
    """What a store of a simulated host waits with."""

    def __init__(self, host):
        self._host = host

    def name(self):
        return self._host.next_name()

    def timer(self):
        return self._host.clock

    def timers(self, clock):
        return StrandTimers(self._host)

    def inbox(self):
        return StrandInbox(self._host)

    def event(self):
        return Bell(self._host)

    def thread(self, target, name):
        return Strand(self._host, target, name)
