"""Power cuts, simulated: what if the machine stops here, and the disk kept only some of what was written?

The file store's real bookkeeping runs on a recorded disk. After a write that was not synced, the disk may hold the page
as it was at the last sync, or as it was at any moment since. Every such disk, after every write and every sync, is
started again on a machine whose clock was set back, and asked for a number of each key.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from krakenonce.clock import NS_PER_SECOND, ManualClock
from krakenonce.nonce import next_nonce
from krakenonce.proof.disk import INODE, FreeLocks, MemoryDisk, RecordedDisk
from krakenonce.stores.file.hostclock import HostClock
from krakenonce.stores.file.layout import HEADER_WORDS, LAST, SLOT_WORDS, key_words, slot_at, write_identity
from krakenonce.stores.file.ledger import Ledger
from krakenonce.stores.file.opening import Salvage, carry_over, find_fault, read_salvage
from krakenonce.stores.file.register import Register
from krakenonce.stores.file.starting import begin_boot

MACHINE = (1, 2)
NOWHERE = Path("a simulated disk")
BEGIN = 1_790_000_000 * NS_PER_SECOND
SLOTS = 96


class Machine:
    """One start of a machine on a disk: recovery first, then grants, by the file store's own code."""

    def __init__(
        self,
        disk: MemoryDisk,
        boot: int,
        clock: ManualClock,
        ledger_class: type[Ledger],
    ) -> None:
        self.clock = clock
        self.disk = disk
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


def _mend(words: list[int]) -> list[int]:
    """Return the state as the store opens it: as it is, or a new one that carries on what a torn one proves."""
    disk = MemoryDisk(words)
    if find_fault(disk, MACHINE) is None:
        return words
    fresh = _blank()
    carry_over(MemoryDisk(fresh), read_salvage(disk.words, MACHINE))
    return fresh


def _blank() -> list[int]:
    """Return a new state file, as the store creates it and syncs it to the disk."""
    words = [0] * (HEADER_WORDS + SLOTS * SLOT_WORDS)
    write_identity(words, MACHINE, INODE, BEGIN)
    carry_over(MemoryDisk(words), Salvage(0, {}))
    return words


@dataclass
class PowerCuts:
    """What came of it.

    Attributes:
        cuts: moments at which the power went.
        complete: cuts after which every disk that there may be was started.
        states: disks that were started again.
        issued: numbers used before.
        violations: what was issued again, in words.
    """

    cuts: int = 0
    complete: int = 0
    states: int = 0
    issued: int = 0
    violations: list[str] = field(default_factory=list)


def simulate(
    seed: int, *, states: int, most: int = 25, steps: int = 60, keys: int = 40, ledger_class: type[Ledger] = Ledger
) -> PowerCuts:
    """Cut the power at every write and sync of *steps* grants, in as many histories as make *states* disks.

    Ends at the first history with a violation.

    Parameters:
        seed: decides keys, times, and which disks are drawn where there are too many.
        most: how many disks are started after one cut; where there may be more, so many are drawn.
        ledger_class: the bookkeeping under test; a mutant must be caught.
    """
    dice, report = random.Random(seed), PowerCuts()
    while report.states < states and not report.violations:
        _History(dice, report, most, keys, ledger_class).run(steps)
    return report


class _History:
    """A new disk, two starts of a machine on it, and a power cut at every moment."""

    def __init__(
        self, dice: random.Random, report: PowerCuts, most: int, keys: int, ledger_class: type[Ledger]
    ) -> None:
        self._dice, self._report, self._most, self._keys = dice, report, most, keys
        self._ledger_class = ledger_class
        self._issued = dict[str, int]()

    def run(self, steps: int) -> None:
        words = _blank()
        for boot in (1, 2):
            clock = ManualClock(wall_ns=BEGIN + boot * 3600 * NS_PER_SECOND)
            disk = RecordedDisk(_mend(words))
            disk.before_sync = partial(self._cut, disk)
            machine = Machine(disk, boot, clock, self._ledger_class)
            for _ in range(steps):
                self._step(machine)
                self._cut(disk)
            words = next(disk.states(1, self._dice))

    def _step(self, machine: Machine) -> None:
        dice, name = self._dice, f"key {self._dice.randrange(self._keys)}"
        former = self._issued.get(name, 0)
        is_ahead = dice.random() < 0.1
        number = machine.issue(name, max(machine.clock.wall_ns() + 3600 * NS_PER_SECOND, former + 1) if is_ahead else 0)
        self._report.issued += 1
        if number <= former:
            self._report.violations.append(f"{name}: {number} was issued after {former}")
        self._issued[name] = max(number, former)
        machine.clock.advance(dice.randrange(2 * NS_PER_SECOND))
        if dice.random() < 0.05:
            machine.clock.step(-dice.randrange(60 * NS_PER_SECOND))

    def _cut(self, disk: RecordedDisk) -> None:
        self._report.cuts += 1
        self._report.complete += disk.combinations() <= self._most
        for words in disk.states(self._most, self._dice):
            self._report.states += 1
            self._start_again(words)

    def _start_again(self, words: list[int]) -> None:
        clock = ManualClock(wall_ns=BEGIN - 86_400 * NS_PER_SECOND)
        again = Machine(MemoryDisk(_mend(words)), 99, clock, self._ledger_class)
        for name, last in self._issued.items():
            _, low, _ = again.grant(name)
            if low <= last:
                self._report.violations.append(f"{name}: {low} could be issued again, {last} was used")
                return
