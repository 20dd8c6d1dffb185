"""A look at the state of a file store from outside: takes no lock, writes nothing, disturbs nobody."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from krakenonce.errors import StoreUnavailable
from krakenonce.stores.file.filesystem import plain_errors
from krakenonce.stores.file.identity import process_of
from krakenonce.stores.file.layout import (
    COUNT,
    LAST,
    MAGIC,
    OWNER,
    PAGE,
    READY,
    REFUSALS,
    REFUSED_AT,
    SINCE,
    STEPS,
    SYNCS,
    WORD,
    Words,
    capacity,
    read_mark,
    slot_at,
    slots_in_use,
)
from krakenonce.stores.file.locks import KEY_RANGE
from krakenonce.stores.file.settings import read_url


class LaneView(NamedTuple):
    """One key: its name, the lowest number that may be issued, who holds it since when, how many wait, refusals."""

    key: str
    floor: int
    holder: int | None
    since_boot_ns: int
    waiting: int | None
    refusals: int
    refused_at_ns: int


class StoreView(NamedTuple):
    """A store: its high-water mark (on the disk, and ready for use), syncs, held clock steps, and its lanes."""

    mark: int
    ready: int
    syncs: int
    clock_steps_held: int
    lanes: list[LaneView]


def survey(url: str) -> StoreView:
    """Return what the store at *url* holds now.

    Raises:
        ConfigError: the URL is malformed.
        StoreUnavailable: there is no store, or it can't be read.
    """
    directory = read_url(url).directory
    with plain_errors(directory):
        with (directory / "state").open("rb") as file:
            words = _words(file.fileno(), directory)
        tickets = _tickets(directory / "locks")
    lanes = [
        _lane(words, index, key, tickets) for index, key in slots_in_use(words, 0, min(words[COUNT], capacity(words)))
    ]
    mark = read_mark(words)
    return StoreView(mark.high if mark else 0, words[READY], words[SYNCS], words[STEPS], lanes)


def _words(fd: int, directory: Path) -> Words:
    if os.fstat(fd).st_size < PAGE:
        raise StoreUnavailable(f"file store {directory}: its state is cut short; it is set aside at the next use")
    # A copy and no map: a file that is cut short meanwhile would kill who looks at its map.
    size = os.fstat(fd).st_size
    raw = os.pread(fd, size - size % WORD, 0)
    words = memoryview(raw[: len(raw) - len(raw) % WORD]).cast("Q")
    if words[0] != MAGIC:
        raise StoreUnavailable(f"file store {directory}: its state is none of krakenonce's")
    return words


def _lane(words: Words, index: int, key: tuple[int, int], tickets: dict[int, int] | None) -> LaneView:
    slot = slot_at(index)
    holder = process_of(words[slot + OWNER])
    standing = None if tickets is None else tickets.get(index, 0)
    waiting = None if standing is None else max(0, standing - (holder is not None))
    name = f"{key[0]:016x}:{key[1]:016x}"
    return LaneView(
        name,
        words[slot + LAST] + 1,
        holder,
        words[slot + SINCE] if holder else 0,
        waiting,
        words[slot + REFUSALS],
        words[slot + REFUSED_AT],
    )


def _tickets(path: Path, table: Path = Path("/proc/locks")) -> dict[int, int] | None:
    """Return how many processes stand in line for each slot, or None where the system does not tell.

    The kernel lists every lock: type, inode and range. A ticket is a range locked for writing that ends at its byte.
    """
    try:
        inode, lines = path.stat().st_ino, table.read_text().splitlines()
    except OSError:
        return None
    standing: dict[int, int] = {}
    for line in lines:
        fields = line.split()
        if len(fields) == 8 and fields[3] == "WRITE" and fields[5].rpartition(":")[2] == str(inode):
            index = int(fields[6]) // KEY_RANGE - 1
            if index >= 0:
                standing[index] = standing.get(index, 0) + 1
    return standing
