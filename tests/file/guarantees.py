"""G1 to G8 on the file store, short: each looks for one thing that must never be, and returns what it found."""

import itertools
import os
import random
import signal
import sys
import threading

from krakenonce.clock import NS_PER_MS, NS_PER_SECOND, ManualClock
from krakenonce.nonce import MAX_FORWARD_STEP
from krakenonce.proof.powercut import simulate
from krakenonce.stores.file import FileStore
from krakenonce.stores.file.layout import SYNCS
from krakenonce.stores.file.ledger import Ledger
from krakenonce.testing.waiting import Waiting, take
from tests.forking import in_forked_child
from tests.processes.hammering import RECORD, forked, open_log, problems, records
from tests.processes.lines import in_line, until

KEY = "00000000000000aa:00000000000000bb"
NOW = 1_790_000_000 * NS_PER_SECOND
YEAR = 365 * 86_400 * NS_PER_SECOND


def opened(path, store_class):
    """Return a store on a clock that stands still, so that no clock hides a fault."""
    clock = ManualClock(wall_ns=NOW)
    return store_class(f"file://{path}/store", clock), clock


def issue(store, key=KEY):
    """Use one number of a key, as a lane does."""
    grant = take(store, key)
    number = min(max(grant.low, store.numbers.for_lanes.next()), grant.high - 1)
    store.release(grant, number)
    return number


def g1_threads(path, store_class=FileStore, threads=8, each=500):
    """Numbers that threads were given twice, or not rising."""
    store, _ = opened(path, store_class)
    rows, start = [], threading.Barrier(threads)

    def work():
        start.wait()
        rows.append([store.numbers.next() for _ in range(each)])

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    sys.setswitchinterval(interval)
    store.close()
    repeats = threads * each - len({number for row in rows for number in row})
    return [f"{repeats} repeats"] * bool(repeats) + ["not rising" for row in rows if row != sorted(row)]


def g2_clock_steps(path, store_class=FileStore):
    """Numbers that did not rise while the clock was set, a thousand times."""
    store, clock = opened(path, store_class)
    dice, numbers = random.Random(7), [issue(store)]
    for _ in range(1000):
        clock.step(dice.randrange(-3600, 3600) * NS_PER_SECOND)
        clock.advance(dice.randrange(1, 50) * NS_PER_MS)
        numbers.append(issue(store))
    store.close()
    return [f"{late} after {early}" for early, late in itertools.pairwise(numbers) if late <= early]


def g3_clock_ahead(path, store_class=FileStore):
    """Numbers that followed a clock ten years ahead."""
    store, clock = opened(path, store_class)
    issue(store)
    clock.step(10 * YEAR)
    numbers = [issue(store), store.numbers.next()]
    store.close()
    return [f"{number} at {NOW}" for number in numbers if number > NOW + MAX_FORWARD_STEP]


def g4_fork(path, store_class=FileStore):
    """A forked child that was granted what its parent holds."""
    store, _ = opened(path, store_class)
    grant = take(store, KEY)
    child = in_forked_child(lambda: store.acquire(KEY, 0))
    store.release(grant, grant.low)
    store.close()
    return [] if child == "None" else [child]


def g5_kill(path, store_class=FileStore):
    """A number that a process used before it was killed, and that is granted again."""
    store, clock = opened(path, store_class)
    issue(store)
    reader, writer = os.pipe()

    def use():
        grant = take(store_class(store.url, clock), KEY)
        os.write(writer, str(grant.low + 5).encode())
        signal.pause()

    child = forked(use)
    used = int(os.read(reader, 32))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    low = take(store, KEY).low
    store.close()
    return [f"{low} after {used}"] if low <= used else []


def g6_power(path, ledger_class=Ledger):
    """Numbers that are issued again after a power cut."""
    return simulate(1, states=500, ledger_class=ledger_class).violations


def g7_syncs(path, store_class=FileStore):
    """More than one sync in three seconds, in a minute with a hundred keys."""
    store, clock = opened(path, store_class)
    issue(store)
    first = store._image.words[SYNCS]
    for tick in range(600):
        issue(store, f"{tick % 100:016x}:{0:016x}")
        clock.advance(100 * NS_PER_MS)
        store._ledger.extend()
    syncs = store._image.words[SYNCS] - first
    store.close()
    return [f"{syncs} syncs in 60 s"] if syncs > 60 / 3 + 1 else []


def g8_exclusion(path, store_class=FileStore):
    """Somebody who was granted what another holds."""
    first, _ = opened(path, store_class)
    second, _ = opened(path, store_class)
    take(first, KEY)
    grants = [take(first, KEY[::-1]), second.acquire(KEY, 0)]
    for store in (first, second):
        store.close()
    return [str(grants[1])] if grants[1] else []


def g8_order(path, options="", processes=6, turns=60):
    """Turns that were not taken in the order of asking, where everybody is always in line."""
    url, log = f"file://{path}/store{options}", open_log(path / "log")
    store = FileStore(url)
    grant = take(store, KEY)
    children = [forked(lambda: hammer_from_two_seats(url, log, turns)) for _ in range(processes)]
    if not options:
        until(lambda: in_line(url) > processes)
    store.release(grant, grant.low)
    ends = [os.waitpid(child, 0)[1] for child in children]
    store.close()
    os.close(log)
    entries = records(path / "log")
    order = [pid for _, pid, half in entries if half == 0]
    passed_over = order != order[:processes] * turns
    return problems(entries) + ["a child failed"] * any(ends) + ["somebody was passed over"] * passed_over


def hammer_from_two_seats(url, log, turns):
    """Use numbers, and stand in line again before each turn ends: then it does not matter who runs how fast."""
    seats = FileStore(url), FileStore(url)
    waiting = Waiting(seats[0], KEY)
    for turn in range(turns):
        grant = waiting.grant()
        seat, other = seats[turn % 2], seats[1 - turn % 2]
        waiting = Waiting(other, KEY) if turn + 1 < turns else None
        for half in (0, 1):
            os.write(log, RECORD.pack(grant.low, os.getpid(), half))
        seat.release(grant, grant.low)
