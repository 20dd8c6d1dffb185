"""Opening the state file: is it ours, is it whole, is it from this start of the machine? If not: set it aside."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from krakenonce.clock import Clock, rfc3339
from krakenonce.errors import ConfigError, StoreUnavailable
from krakenonce.stores.file.identity import boot_id, machine_id
from krakenonce.stores.file.image import SLOTS_AT_FIRST, Image
from krakenonce.stores.file.layout import (
    COUNT,
    MAGIC,
    PAGE,
    SLOT_WORDS,
    VERSION,
    WORD,
    Mark,
    Words,
    capacity,
    checksum,
    read_key_mark,
    read_mark,
    slot_at,
    slots_in_use,
    words_of,
    write_identity,
    write_key_mark,
    write_mark,
    write_slot,
)
from krakenonce.stores.file.locks import OPENING, PRESENCE, HostLocks
from krakenonce.stores.file.starting import NOWHERE, begin_boot

log = logging.getLogger("krakenonce")


class Host(NamedTuple):
    """Who we are: the machine and its present start."""

    machine: tuple[int, int]
    boot: tuple[int, int]


def this_host() -> Host:
    """Return the identity of the machine we run on."""
    return Host(words_of(machine_id()), words_of(boot_id()))


class Salvage(NamedTuple):
    """What a state file proves in spite of all: lower bounds, never more.

    Attributes:
        high: no number at or above it was used, but for the keys in *keys*.
        keys: the highest number that may have been used, by key, where that is above *high*.
    """

    high: int
    keys: dict[tuple[int, int], int]


class Opener:
    """Opens the state file of one directory, alone: everybody else who opens waits.

    Parameters:
        path: the state file.
        locks: the locks of the host.
        clock: where time is read.
        make: opens or creates a file as an image.
        host: who we are.
    """

    def __init__(self, path: Path, locks: HostLocks, clock: Clock, make: Callable[[Path], Image], host: Host) -> None:
        self._path, self._locks, self._clock, self._make, self._host = path, locks, clock, make, host

    def open(self) -> Image:
        """Return the state, ready for use, and be counted as present.

        Raises:
            ConfigError: the state was written by a newer version.
            StoreUnavailable: the state is damaged, or from another kernel, while others use it.
        """
        self._locks.lock(OPENING)
        try:
            image = self._open_or_replace()
            self._begin_boot_if_due(image)
            self._locks.try_share(PRESENCE)
            return image
        finally:
            self._locks.unlock(OPENING)

    def _begin_boot_if_due(self, image: Image) -> None:
        mark, boot = read_mark(image.words), self._host.boot
        if mark is not None and mark.boot == boot != NOWHERE:
            return
        if self._is_alone():
            begin_boot(image, boot, self._clock)
        elif boot != NOWHERE:
            raise StoreUnavailable(
                f"file store {self._path.parent}: processes of another kernel use it now (a virtual machine or a "
                "container host that shares the directory); use redis:// or postgresql:// between hosts"
            )

    def _open_or_replace(self) -> Image:
        if not self._path.exists():
            self._insist_alone("is missing")
            return self._create(Salvage(0, {}))
        if self._path.stat().st_size < PAGE + SLOTS_AT_FIRST * SLOT_WORDS * WORD:
            return self._replace("truncated", Salvage(0, {}))
        image = self._make(self._path)
        fault = find_fault(image, self._host.machine, self._host.boot)
        if fault is None:
            return image
        salvage = read_salvage(image.words, self._host.machine)
        image.close()
        return self._replace(fault, salvage)

    def _replace(self, fault: str, salvage: Salvage) -> Image:
        self._insist_alone(f"is {fault}")
        moment = rfc3339(self._clock.wall_ns()).replace(":", "").replace("-", "")
        aside = self._path.with_name(f"{self._path.name}.{fault.split(maxsplit=1)[0]}-{moment}")
        self._path.rename(aside)
        log.warning("the state of the file store is %s: set aside as %s, floors begin at the clock", fault, aside.name)
        return self._create(salvage)

    def _create(self, salvage: Salvage) -> Image:
        # Under another name until it is whole: so a short file of the right name was cut, and not just begun.
        draft = self._path.with_name(self._path.name + ".new")
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
        image = self._make(draft)
        write_identity(image.words, self._host.machine, image.inode(), self._clock.wall_ns())
        carry_over(image, salvage)
        image.sync(0, len(image.words))
        image.attest(1)  # a file of the same inode may have been here before
        draft.rename(self._path)
        _sync_directory(self._path.parent)
        return image

    def _is_alone(self) -> bool:
        if not self._locks.try_lock(PRESENCE):
            return False
        self._locks.unlock(PRESENCE)
        return True

    def _insist_alone(self, fault: str) -> None:
        if not self._is_alone():
            raise StoreUnavailable(
                f"file store {self._path.parent}: its state {fault} while other processes use it; stop them (see "
                "`krakenonce status`), then start again"
            )


def find_fault(image: Image, machine: tuple[int, int], boot: tuple[int, int] = NOWHERE) -> str | None:
    """Return what is wrong with a state file, in words that begin with the name of the fault; None if nothing is.

    Containers may have a machine id each; what was used since this *boot* of the kernel was used on this machine.

    Raises:
        ConfigError: it was written by a newer version, whose promises this one can't keep.
    """
    words = image.words
    fixed = tuple(words[index] for index in range(6))
    if fixed[0] != MAGIC or words[6] != checksum(*fixed):
        return "garbage (its header is none of krakenonce's)"
    if fixed[1] > VERSION:
        raise ConfigError(
            "store",
            f"its state has version {fixed[1]}, this krakenonce knows {VERSION}",
            "Upgrade krakenonce, or name another directory and wait until the clock is ahead of every number used.",
        )
    if fixed[2:4] != machine and not _was_used_since(words, boot):
        return "foreign (written on another machine)"
    if fixed[4] != image.inode():
        return "restored (a copy of an earlier state)"
    attested = image.attested()  # before the mark: others may be moving both
    mark = read_mark(words)
    if mark is None:
        return "torn (no mark has a right checksum)"
    if mark.sequence < attested:
        return "restored (an earlier state was written over it)"
    if words[COUNT] > capacity(words) and image.fresh():
        image.grow()  # others have made room since it was opened
        words = image.words
    if words[COUNT] > capacity(words):
        return "truncated (it has lost slots)"
    return "torn (a slot has a wrong checksum)" if _has_torn_slot(words) else None


def _was_used_since(words: Words, boot: tuple[int, int]) -> bool:
    mark = read_mark(words)
    return mark is not None and mark.boot == boot != NOWHERE


def _has_torn_slot(words: Words) -> bool:
    count = words[COUNT]  # first: others may be adding slots, and count each when it is whole
    valid = {index for index, _ in slots_in_use(words, 0, count)}
    return any(words[slot_at(index) + place] for index in range(count) if index not in valid for place in range(3))


def read_salvage(words: Words, machine: tuple[int, int]) -> Salvage:
    """Return the lower bounds that a faulty file proves: if this machine wrote it, what has a checksum."""
    fixed = tuple(words[index] for index in range(6))
    mark = read_mark(words)
    if fixed[0] != MAGIC or words[6] != checksum(*fixed) or fixed[2:4] != machine or mark is None:
        return Salvage(0, {})
    keys = {key: read_key_mark(words, slot_at(index)) for index, key in slots_in_use(words)}
    return Salvage(mark.high, {key: high for key, high in keys.items() if high})


def carry_over(image: Image, salvage: Salvage) -> None:
    """Write into a new file what a faulty one proved."""
    write_mark(image.words, Mark(1, salvage.high, 0, NOWHERE))
    for index, (key, high) in enumerate(salvage.keys.items()):
        if index >= capacity(image.words):
            image.grow()
        write_slot(image.words, slot_at(index), key)
        write_key_mark(image.words, slot_at(index), high)
    image.words[COUNT] = len(salvage.keys)


def _sync_directory(directory: Path) -> None:
    if not hasattr(os, "O_DIRECTORY"):
        return
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
