"""Where everything lies in the state file. Pure arithmetic over a row of 64-bit words; no I/O.

One page of header, then slots of 128 bytes, one a key. A single word is read and written in one piece, so a process
that is killed leaves the old value or the new one. What takes several words carries a checksum and is written twice,
in turn, so that one good copy is always there.

==========  ==============================================================================
word        header
==========  ==============================================================================
0-6         magic, version, machine (2), inode, made at, checksum: written once
16          READY: every number below it may be used, because the disk knows a mark above
17          COUNT: slots in use
18          OFFSET: wall clock minus boot clock, as this host believes it
19          NUMBER: the last number issued for no key in particular
20, 21      SYNCS and SYNCED_AT: how often and when (boot clock) the mark was synced
22          STEPS: forward steps of the wall clock that were not followed
23          FLOOR: a key that has no slot yet begins above it: what stood in a lost slot was below
64-69       mark, first copy: sequence, high-water, clean, boot (2), checksum
128-133     mark, second copy, in another sector
==========  ==============================================================================

==========  ==============================================================================
word        slot
==========  ==============================================================================
0-2         key (2), checksum: written once
3           NEXT: the next ticket
4           LAST: no number up to it may be issued again
5, 6        OWNER and SINCE: who took the last grant (0 when given back) and when (boot clock)
7           GENERATION: one more than the last ticket whose turn has come
8, 9        REFUSALS and REFUSED_AT: refused for the nonce, how often and when (wall clock)
10-11       high-water mark of a key that runs ahead of the clock, and checksum; first copy
12-13       second copy
14          KEY_READY: as READY, for this key
15          EVENTS: changes whenever the key's file of events does
==========  ==============================================================================
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple, Protocol

PAGE = 4096
WORD = 8
SLOT_WORDS = 16
HEADER_WORDS = PAGE // WORD
MAGIC = int.from_bytes(b"KRKNONCE", "little")
VERSION = 1

READY, COUNT, OFFSET, NUMBER, SYNCS, SYNCED_AT, STEPS, FLOOR = 16, 17, 18, 19, 20, 21, 22, 23
MARKS = (64, 128)
NEXT, LAST, OWNER, SINCE, GENERATION, REFUSALS, REFUSED_AT = 3, 4, 5, 6, 7, 8, 9
KEY_MARKS = (10, 12)
KEY_READY = 14
EVENTS = 15

_NAME = re.compile(r"([0-9a-f]{16}):([0-9a-f]{16})")


class Words(Protocol):
    """A row of 64-bit words: a memoryview of the mapped file, or a list that records what is done to it."""

    def __getitem__(self, index: int, /) -> int: ...

    def __setitem__(self, index: int, value: int, /) -> None: ...

    def __len__(self) -> int: ...


class Mark(NamedTuple):
    """The durable high-water mark: no number at or above *high* was used before it was written.

    Attributes:
        sequence: counts the marks; the higher one is the newer.
        high: the number.
        clean: 1 if the store was shut down in order, so that every slot's LAST is exact and on the disk.
        boot: which start of the machine wrote it.
    """

    sequence: int
    high: int
    clean: int
    boot: tuple[int, int]


def words_of(raw: bytes) -> tuple[int, int]:
    """Return 16 bytes as two words."""
    first, second = struct.unpack("<2Q", raw)
    return first, second


def checksum(*words: int) -> int:
    """Return the CRC-32 of *words*; never 0, so that an empty page is never valid."""
    return zlib.crc32(struct.pack(f"<{len(words)}Q", *words)) or 1


def key_words(key: str) -> tuple[int, int]:
    """Return a lane's name as two words: its two fingerprints, or the digest of any other name."""
    match = _NAME.fullmatch(key)
    if match:
        return int(match[1], 16), int(match[2], 16)
    return words_of(hashlib.sha256(key.encode()).digest()[:16])


def slot_at(index: int) -> int:
    """Return the first word of slot *index*."""
    return HEADER_WORDS + index * SLOT_WORDS


def capacity(words: Words) -> int:
    """Return how many slots the file has room for."""
    return max(0, len(words) - HEADER_WORDS) // SLOT_WORDS


def write_identity(words: Words, machine: tuple[int, int], inode: int, made_at: int) -> None:
    """Write what never changes."""
    fixed = (MAGIC, VERSION, *machine, inode, made_at)
    for index, word in enumerate((*fixed, checksum(*fixed))):
        words[index] = word


def write_mark(words: Words, mark: Mark) -> None:
    """Write *mark* over the older copy."""
    place = MARKS[mark.sequence % 2]
    fields = (mark.sequence, mark.high, mark.clean, *mark.boot)
    for index, word in enumerate((*fields, checksum(*fields))):
        words[place + index] = word


def read_mark(words: Words) -> Mark | None:
    """Return the newest mark whose checksum is right, or None."""
    found = []
    for place in MARKS:
        sequence, high, clean, boot0, boot1, check = (words[place + index] for index in range(6))
        if check == checksum(sequence, high, clean, boot0, boot1):
            found.append(Mark(sequence, high, clean, (boot0, boot1)))
    return max(found, default=None)


def write_slot(words: Words, slot: int, key: tuple[int, int]) -> None:
    """Make an empty slot for *key*, the checksum last."""
    for index in range(3, SLOT_WORDS):
        words[slot + index] = 0
    words[slot], words[slot + 1] = key
    words[slot + 2] = checksum(*key)


def slot_key(words: Words, slot: int) -> tuple[int, int] | None:
    """Return the key of a slot, or None if its checksum is wrong."""
    key = words[slot], words[slot + 1]
    return key if words[slot + 2] == checksum(*key) else None


def slots_in_use(words: Words, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, tuple[int, int]]]:
    """Return index and key of every valid slot from *start* on."""
    for index in range(start, capacity(words) if stop is None else stop):
        key = slot_key(words, slot_at(index))
        if key is not None:
            yield index, key


def write_key_mark(words: Words, slot: int, high: int) -> None:
    """Write the high-water mark of one key over the lower copy."""
    place = slot + min(KEY_MARKS, key=lambda copy: _key_copy(words, slot, copy))
    words[place] = high
    words[place + 1] = checksum(words[slot], words[slot + 1], high)


def read_key_mark(words: Words, slot: int) -> int:
    """Return the highest valid high-water mark of one key, or 0."""
    return max(_key_copy(words, slot, copy) for copy in KEY_MARKS)


def _key_copy(words: Words, slot: int, copy: int) -> int:
    high = words[slot + copy]
    return high if words[slot + copy + 1] == checksum(words[slot], words[slot + 1], high) else 0
