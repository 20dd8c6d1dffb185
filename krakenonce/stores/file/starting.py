"""The first use of a state file after a start of the machine."""

from __future__ import annotations

from krakenonce.clock import Clock
from krakenonce.stores.file.image import Image
from krakenonce.stores.file.layout import (
    COUNT,
    FLOOR,
    GENERATION,
    HEADER_WORDS,
    KEY_READY,
    LAST,
    NEXT,
    NUMBER,
    OFFSET,
    OWNER,
    READY,
    Mark,
    Words,
    read_key_mark,
    read_mark,
    slot_at,
    slots_in_use,
    write_mark,
)

NOWHERE = (0, 0)
"""The boot of a mark that was carried over, and of a system that does not tell its own."""


def begin_boot(image: Image, boot: tuple[int, int], clock: Clock) -> None:
    """Make the state fit for a new start of the machine: pages that were not synced may show any earlier moment.

    Every key goes on above the mark, or above its exact last number if the store was shut down in order. May be
    interrupted at any point and begun again.
    """
    words = image.words
    mark = read_mark(words) or Mark(0, 0, 0, NOWHERE)
    count = 0
    for index, _ in slots_in_use(words):
        _lift(words, slot_at(index), mark)
        count = index + 1
    bound = 0 if mark.clean else max(mark.high - 1, 0)
    words[NUMBER] = max(words[NUMBER] if words[NUMBER] < mark.high else 0, bound)
    words[FLOOR] = max(words[FLOOR] if words[FLOOR] < mark.high else 0, bound)
    words[COUNT], words[READY] = count, 0
    words[OFFSET] = max(0, clock.wall_ns() - clock.boot_ns())
    image.sync(0, len(words))
    write_mark(words, Mark(mark.sequence + 1, mark.high, 0, boot))
    image.sync(0, HEADER_WORDS)
    image.attest(mark.sequence + 1)


def _lift(words: Words, slot: int, mark: Mark) -> None:
    own = read_key_mark(words, slot)
    last = words[slot + LAST]
    if last >= max(mark.high, own):
        last = 0  # above what was reserved: it can't be true
    words[slot + LAST] = last if mark.clean and last else max(last, own - 1, mark.high - 1, 0)
    words[slot + KEY_READY] = own
    # GENERATION first: it must never claim that a ticket which NEXT has still to give out has been served.
    words[slot + GENERATION] = words[slot + NEXT] = words[slot + OWNER] = 0
