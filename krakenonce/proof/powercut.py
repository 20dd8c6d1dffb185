"""Power cuts, simulated: what if the machine stops here, and the disk kept only some of what was written?

The file store's real bookkeeping runs on a recorded disk. After a write that was not synced, the disk may hold the page
as it was at the last sync, or as it was at any moment since. Every such disk, after every write and every sync, is
started again on a machine whose clock was set back, and asked for a number of each key.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from krakenonce.clock import NS_PER_SECOND, ManualClock
from krakenonce.nonce import next_nonce
from krakenonce.stores.file.hostclock import HostClock
from krakenonce.stores.file.layout import HEADER_WORDS, LAST, key_words, slot_at, write_identity
from krakenonce.stores.file.ledger import Ledger
from krakenonce.stores.file.opening import Salvage, carry_over, find_fault, read_salvage
from krakenonce.stores.file.register import Register
from krakenonce.stores.file.starting import begin_boot

PAGE_WORDS = HEADER_WORDS
MACHINE = (1, 2)
INODE = 7
NOWHERE = Path("a simulated disk")
BEGIN = 1_790_000_000 * NS_PER_SECOND
SLOTS = 96

Page = tuple[int, ...]


class FreeLocks:
    """Locks for somebody who is alone."""

    def try_lock(self, start: int, length: int = 1) -> bool:
        return True

    try_share = try_lock

    def lock(self, start: int, length: int = 1) -> None:
        """Nobody is in the way."""

    share = unlock = lock

    def is_orphan(self) -> bool:
        return False

    def reopen(self) -> None:
        """There is no other process."""

    close = reopen


class RecordedWords:
    """Words that tell their disk about every write."""

    def __init__(self, words: list[int], written: Callable[[int], None]) -> None:
        self._words, self._written = words, written

    def __getitem__(self, index: int, /) -> int:
        return self._words[index]

    def __setitem__(self, index: int, value: int, /) -> None:
        self._words[index] = value
        self._written(index // PAGE_WORDS)

    def __len__(self) -> int:
        return len(self._words)

    def page(self, page: int) -> Page:
        """Return a copy of one page."""
        return tuple(self._words[page * PAGE_WORDS : (page + 1) * PAGE_WORDS])


class RecordedDisk:
    """A state file in memory that remembers which versions of each page the disk may hold.

    Attributes:
        cuts: counts writes and syncs: the moments at which the power may go.
        before_sync: called when a sync begins.
    """

    def __init__(self, words: list[int]) -> None:
        self.words = RecordedWords(words, self.written)
        self.versions = [[self.words.page(page)] for page in range(len(words) // PAGE_WORDS)]
        self.before_sync: Callable[[], None] = lambda: None
        self.cuts = 0

    def written(self, page: int) -> None:
        """Remember one more version that the disk may hold."""
        self.versions[page].append(self.words.page(page))
        self.cuts += 1

    def sync(self, first: int, count: int) -> None:
        """From now on the disk holds these pages as they are."""
        self.before_sync()
        for page in range(first // PAGE_WORDS, -(-(first + count) // PAGE_WORDS)):
            self.versions[page] = [self.words.page(page)]
        self.cuts += 1

    def states(self, most: int, dice: random.Random) -> Iterator[list[int]]:
        """Return what the disk may hold now: every combination, or a drawn lot of *most* if there are more."""
        choices = [list(dict.fromkeys(versions)) for versions in self.versions]
        if math.prod(map(len, choices)) <= most:
            chosen: Iterator[tuple[Page, ...]] = itertools.product(*choices)
        else:
            chosen = (tuple(map(dice.choice, choices)) for _ in range(most))
        for pages in chosen:
            yield list(itertools.chain.from_iterable(pages))

    def grow(self) -> None:
        raise AssertionError("the simulated disk has room for every key of the simulation")

    def fresh(self) -> bool:
        return False

    def is_orphan(self) -> bool:
        return False

    def inode(self) -> int:
        return INODE

    def close(self) -> None:
        """Nothing to close."""


class Machine:
    """One start of a machine on a disk: recovery first, then grants, by the file store's own code."""

    def __init__(
        self,
        words: list[int],
        boot: int,
        clock: ManualClock,
        ledger_class: type[Ledger],
        watch: Callable[[RecordedDisk], None] = lambda disk: None,
    ) -> None:
        self.clock = clock
        self.disk = _recover(words)
        self.disk.before_sync = lambda: watch(self.disk)
        begin_boot(self.disk, (boot, boot), clock)
        locks = FreeLocks()
        self.ledger = ledger_class(self.disk, locks, HostClock(clock, self.disk), NOWHERE)
        self.register = Register(self.disk, locks)

    def grant(self, key: str, floor: int = 0) -> tuple[int, int, int]:
        """Return slot, low and high of a grant, as the store makes it."""
        index = self.register.find_or_make(key_words(key), wait=True)
        slot = slot_at(index or 0)
        span = self.ledger.stamp(slot, floor)
        while span is None:
            self.ledger.cover(slot, floor)
            span = self.ledger.stamp(slot, floor)
        return slot, *span

    def issue(self, key: str, floor: int) -> int:
        """Use one number of *key*, as a lane does, and give the grant back unless the process is killed just then."""
        slot, low, high = self.grant(key, floor)
        number = min(next_nonce(low - 1, self.clock.wall_ns()), high - 1)
        self.disk.words[slot + LAST] = number
        return number


def _recover(words: list[int]) -> RecordedDisk:
    disk = RecordedDisk(words)
    if find_fault(disk, MACHINE) is None:
        return disk
    fresh = blank_disk()
    carry_over(fresh, read_salvage(disk.words, MACHINE))
    fresh.sync(0, len(fresh.words))
    return fresh


def blank_disk() -> RecordedDisk:
    """Return a new state file, as the store creates it."""
    disk = RecordedDisk([0] * (HEADER_WORDS + SLOTS * 16))
    write_identity(disk.words, MACHINE, INODE, BEGIN)
    carry_over(disk, Salvage(0, {}))
    disk.sync(0, len(disk.words))
    return disk


@dataclass
class PowerCuts:
    """What came of it.

    Attributes:
        cuts: moments at which the power went.
        states: disks that were started again.
        issued: numbers used before.
        violations: what was issued again, in words.
    """

    cuts: int = 0
    states: int = 0
    issued: int = 0
    violations: list[str] = field(default_factory=list)


def simulate(
    seed: int, *, states: int, steps: int = 60, keys: int = 40, ledger_class: type[Ledger] = Ledger
) -> PowerCuts:
    """Cut the power at every write and sync of *steps* grants, and start about *states* disks again.

    Parameters:
        seed: decides keys, times, and which disks are drawn where there are too many.
        ledger_class: the bookkeeping under test; a mutant must be caught.
    """
    dice = random.Random(seed)
    report = PowerCuts()
    issued = dict[str, int]()
    words = [word for page in blank_disk().versions for word in page[0]]
    cut = partial(_cut, issued, dice, report, max(1, states // (3 * steps)), ledger_class)
    for boot in (1, 2):
        clock = ManualClock(wall_ns=BEGIN + boot * 3600 * NS_PER_SECOND)
        machine = Machine(words, boot, clock, ledger_class, cut)
        for _ in range(steps):
            _step(machine, issued, dice, report, keys)
            report.issued += 1
            cut(machine.disk)
        words = next(machine.disk.states(1, dice))
    return report


def _step(machine: Machine, issued: dict[str, int], dice: random.Random, report: PowerCuts, keys: int) -> None:
    name = f"key {dice.randrange(keys)}"
    ahead = dice.random() < 0.1
    floor = machine.clock.wall_ns() + 3600 * NS_PER_SECOND if ahead else 0
    number = machine.issue(name, max(floor, issued.get(name, 0) + 1) if ahead else 0)
    if number <= issued.get(name, 0):
        report.violations.append(f"{name}: {number} was issued after {issued[name]}")
    issued[name] = max(number, issued.get(name, 0))
    machine.clock.advance(dice.randrange(2 * NS_PER_SECOND))
    if dice.random() < 0.05:
        machine.clock.step(-dice.randrange(60 * NS_PER_SECOND))


def _cut(
    issued: dict[str, int],
    dice: random.Random,
    report: PowerCuts,
    most: int,
    ledger_class: type[Ledger],
    disk: RecordedDisk,
) -> None:
    report.cuts += 1
    for words in disk.states(most, dice):
        report.states += 1
        again = Machine(words, 99, ManualClock(wall_ns=BEGIN - 86_400 * NS_PER_SECOND), ledger_class)
        for name, last in issued.items():
            _, low, _ = again.grant(name)
            if low <= last:
                report.violations.append(f"{name}: {low} could be issued again, {last} was used")
                break
