"""A host in memory: processes with the file store's own code, locks as the kernel keeps them, and faults."""

from krakenonce.clock import NS_PER_SECOND, ManualClock
from krakenonce.lanes.lane import Lane
from krakenonce.proof.disk import MemoryDisk
from krakenonce.stores.file.hostclock import HostClock
from krakenonce.stores.file.layout import HEADER_WORDS, OFFSET, SLOT_WORDS, Mark, slot_at, write_mark, write_slot
from krakenonce.stores.file.ledger import Ledger
from krakenonce.stores.file.seat import Desk, Seat
from krakenonce.stores.file.turnstile import TicketTurnstile
from tests.file.schedules import Mutex

KEY = "00000000000000aa:00000000000000bb"
NOW = 1_790_000_000 * NS_PER_SECOND


class Interrupted(KeyboardInterrupt):
    """A signal handler raised while its thread slept in the kernel."""


class Host:
    """What all processes share: the state file, the kernel's locks, the clocks; and the judge of the turns."""

    def __init__(self, schedule):
        self.schedule, self.clock = schedule, ManualClock(wall_ns=NOW)
        self.disk = MemoryDisk([0] * (HEADER_WORDS + SLOT_WORDS))
        write_slot(self.disk.words, slot_at(0), (0xAA, 0xBB))
        write_mark(self.disk.words, Mark(1, 0, 0, (1, 1)))
        self.disk.words[OFFSET] = NOW - self.clock.boot_ns()
        self.held = []  # (process, start, end, is_exclusive)
        self.inside, self.last, self.turns = None, 0, 0

    def conflicts(self, process, start, end, *, exclusive):
        return any(
            owner is not process and low < end and start < high and (exclusive or alone)
            for owner, low, high, alone in self.held
        )

    def put(self, process, start, end, kind):
        """Set what *process* has of a range, as fcntl does: what it had there before is replaced."""
        left = []
        for entry in self.held:
            owner, low, high, alone = entry
            if owner is not process or high <= start or end <= low:
                left.append(entry)
                continue
            left += [(owner, low, start, alone)] if low < start else []
            left += [(owner, end, high, alone)] if end < high else []
        self.held = left + ([] if kind is None else [(process, start, end, kind)])

    def kill(self, process):
        process.is_dead = True
        self.held = [entry for entry in self.held if entry[0] is not process]
        if self.inside is process:
            self.inside = None

    def begin(self, process, nonce):
        """Somebody sends a request: nobody else may be at it, and the nonce must be above all before."""
        assert self.inside is None, "two requests under way at the same time"
        assert nonce > self.last, "a nonce that is not above the last one"
        self.inside, self.last, self.turns = process, nonce, self.turns + 1

    def end(self):
        """Its answer is there."""
        self.inside = None


class Words:
    """The state file as one process sees it: between any two accesses another process may run."""

    def __init__(self, host):
        self._words, self._point = host.disk.words, host.schedule.point

    def __getitem__(self, index):
        self._point()
        return self._words[index]

    def __setitem__(self, index, value):
        self._point()
        self._words[index] = value

    def __len__(self):
        return len(self._words)


class Locks:
    """The locks of one process."""

    def __init__(self, host, process):
        self._host, self._process = host, process

    def try_lock(self, start, length=1):
        self._host.schedule.point()
        if self._host.conflicts(self._process, start, start + length, exclusive=True):
            return False
        self._host.put(self._process, start, start + length, kind=True)
        return True

    def lock(self, start, length=1):
        self._wait(start, start + length, exclusive=True)

    def share(self, start, length=1):
        self._wait(start, start + length, exclusive=False)

    def unlock(self, start, length=1):
        self._host.schedule.point()
        self._host.put(self._process, start, start + length, kind=None)

    def _wait(self, start, end, *, exclusive):
        host, actor = self._host, self._host.schedule.current
        host.schedule.point()

        def is_free():
            return not host.conflicts(self._process, start, end, exclusive=exclusive)

        while not is_free():
            host.schedule.until(lambda: is_free() or actor in self._process.interrupted)
            if actor in self._process.interrupted:
                self._process.interrupted.discard(actor)
                raise Interrupted
        host.put(self._process, start, end, kind=exclusive)


class Image(MemoryDisk):
    """The state file, opened by one process."""

    def __init__(self, host):
        self.words = Words(host)
        self._point = host.schedule.point

    def sync(self, first, count):
        self._point()


class Ushers:
    """The store's waiting threads, as actors of the same process."""

    def __init__(self, host, process):
        self._host, self._process = host, process

    def run(self, task):
        self._host.schedule.add(task, self._process)


class Process:
    """One process: a store with a seat for the one key, and its lane."""

    url = "file:///model"
    survives_fork = True

    def __init__(self, host, number, seat_class=Seat, turnstile_class=TicketTurnstile):
        self.is_dead, self.interrupted = False, set()
        locks, image = Locks(host, self), Image(host)
        ledger = Ledger(image, locks, HostClock(host.clock, image), "a model")
        ledger._mutex = Mutex(host.schedule)
        desk = Desk(ledger, turnstile_class(image, locks), Ushers(host, self), number)
        self.seat = seat_class(KEY, 0, desk)
        self.seat._mutex = Mutex(host.schedule)
        # Two, as where a program was imported twice: their waiters meet at the seat.
        self.lanes = [Lane(KEY, self, self, host.clock) for _ in range(2)]
        self._now = host.clock.wall_ns

    def acquire(self, key, floor):
        return self.seat.acquire(floor)

    def queue(self, key, floor, wake):
        return self.seat.queue(floor, wake)

    def line_up(self, key, floor):
        return self.seat.line_up(floor)

    def renew(self, grant, last):
        return self.seat.renew(grant, last)

    def release(self, grant, last):
        self.seat.release(grant, last)

    def remembered(self, key):
        return ()

    def holder(self, key):
        return None

    def next(self):
        return self._now()

    def check_process(self):
        """Nobody forks here."""
