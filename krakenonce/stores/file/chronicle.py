"""The last events of each key, for everybody on the host: a small file a key, and a word that says it has changed."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from krakenonce.stores.file.filesystem import open_private
from krakenonce.stores.file.image import Image
from krakenonce.stores.file.layout import EVENTS, key_words, slot_at
from krakenonce.stores.file.register import Register

log = logging.getLogger("krakenonce")

KEPT = 32


class Chronicle:
    """Events by key. The holder of a key's grant writes; everybody reads.

    Reading costs a look at one word unless something is new, or the key is asked for the first time.
    """

    def __init__(self, image: Image, register: Register, directory: Path, group: int | None) -> None:
        self._image, self._register, self._directory, self._group = image, register, directory, group
        self._known: dict[str, tuple[int, tuple[str, ...]]] = {}
        self._slots: dict[str, int] = {}

    def remember(self, key: str, event: str) -> None:
        """Keep *event*. What the disk does not take is logged, and lost."""
        slot = self._slot(key)
        if slot is None:
            return
        lines = (*self.remembered(key), " ".join(event.splitlines()))[-KEPT:]
        try:
            self._write(key, lines)
        except OSError as error:
            log.warning("an event of key %s could not be kept: %s", key, error)
            return
        count = self._image.words[slot + EVENTS] + 1
        self._image.words[slot + EVENTS] = count
        self._known[key] = (count, lines)

    def remembered(self, key: str) -> tuple[str, ...]:
        """Return the events of *key*, oldest first; the same object as long as nothing is new."""
        known, slot = self._known.get(key), self._slot(key)
        count = 0 if slot is None else self._image.words[slot + EVENTS]
        if known is None or known[0] != count:
            known = (count, self._read(key))
            self._known[key] = known
        return known[1]

    def _slot(self, key: str) -> int | None:
        slot = self._slots.get(key)
        if slot is None:
            index = self._register.find(key_words(key))
            if index is not None:
                slot = self._slots[key] = slot_at(index)
        return slot

    def _path(self, key: str) -> Path:
        first, second = key_words(key)
        return self._directory / f"events.{first:016x}-{second:016x}"

    def _read(self, key: str) -> tuple[str, ...]:
        try:
            return tuple(self._path(key).read_text(encoding="utf-8").splitlines())[-KEPT:]
        except (OSError, UnicodeDecodeError):
            return ()

    def _write(self, key: str, lines: tuple[str, ...]) -> None:
        path = self._path(key)
        draft = path.with_name(f"{path.name}.new")
        with os.fdopen(open_private(draft, self._group), "w", encoding="utf-8") as file:
            file.truncate()
            file.write("".join(f"{line}\n" for line in lines))
        draft.replace(path)
