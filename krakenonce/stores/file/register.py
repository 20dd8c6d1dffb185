"""Which slot belongs to which key."""

from __future__ import annotations

from krakenonce.errors import ReentrantUse
from krakenonce.stores.file.image import Image
from krakenonce.stores.file.layout import COUNT, FLOOR, LAST, capacity, slot_at, slots_in_use, write_slot
from krakenonce.stores.file.locks import SLOTS, HostLocks

Key = tuple[int, int]


class Register:
    """The slots of a state file by key. Slots are only ever added. Its store's mutex guards it."""

    def __init__(self, image: Image, locks: HostLocks) -> None:
        self._image, self._locks = image, locks
        self._slots: dict[Key, int] = {}
        self._seen = 0
        self._making = False

    def find(self, key: Key) -> int | None:
        """Return the slot of *key* if it has one."""
        if key not in self._slots:
            self._read_on()
        return self._slots.get(key)

    def find_or_make(self, key: Key, *, wait: bool) -> int | None:
        """Return the slot of *key*, made if need be; None if somebody else is just making one and *wait* is False."""
        index = self.find(key)
        if index is not None:
            return index
        if self._making:
            raise ReentrantUse("a signal handler used a new API key in the middle of the store's own work for another")
        self._making = True
        try:
            return self._make_alone(key, wait=wait)
        finally:
            self._making = False

    def _make_alone(self, key: Key, *, wait: bool) -> int | None:
        if wait:
            self._locks.lock(SLOTS)
        elif not self._locks.try_lock(SLOTS):
            return None
        try:
            index = self.find(key)
            return self._make(key) if index is None else index
        finally:
            self._locks.unlock(SLOTS)

    def _make(self, key: Key) -> int:
        index = self._image.words[COUNT]
        if index >= capacity(self._image.words):
            self._image.grow()
        words, slot = self._image.words, slot_at(index)
        write_slot(words, slot, key)
        words[slot + LAST] = words[FLOOR]
        words[COUNT] = index + 1  # last: who dies before leaves nothing behind
        self._slots[key] = index
        self._seen = index + 1
        return index

    def _read_on(self) -> None:
        count = self._image.words[COUNT]
        if count > capacity(self._image.words):
            self._image.grow()
        for index, key in slots_in_use(self._image.words, self._seen, count):
            self._slots[key] = index
        self._seen = count
