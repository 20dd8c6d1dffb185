"""Where in a TOML text each key stands. ``tomllib`` does not tell; people who mend a file have to know.

The text must be valid TOML (``tomllib`` has read it before): this walks over it and judges nothing. Source: the
grammar of https://toml.io/en/v1.0.0.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""Keys and, inside arrays, places: ``("users", "alice", "guards", "pairs", 0)``."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SCALAR = re.compile(r"[^,\]}#\r\n]+")
_STRINGS = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}',
        r"'''(?:[^']|'{1,2}(?!'))*'{3,5}",
        r'"(?:[^"\\]|\\.)*"',
        r"'[^']*'",
    )
)


class Spot(NamedTuple):
    """Where a key and its value stand: *start* to *end* is the value (of a table: its header), as offsets; *line*, from
    1, is that of the key (inside an array: of the value)."""

    line: int
    start: int
    end: int


def find_headers(text: str) -> list[tuple[Path, int]]:
    """Return every table header of the TOML document *text* and where it begins, in the order of the text."""
    return _Walk(text).headers


def find_spots(text: str) -> dict[Path, Spot]:
    """Return where each key, table and element of the TOML document *text* stands; a table that is opened in several
    places stands where it is named first."""
    return _Walk(text).spots


class _Walk:
    """One pass over one document."""

    def __init__(self, text: str) -> None:
        self.spots: dict[Path, Spot] = {}
        self.headers: list[tuple[Path, int]] = []
        self._text, self._at = text, 0
        self._line, self._counted = 1, 0
        self._sizes: dict[Path, int] = {}  # of arrays of tables: how many tables each has so far
        table: Path = ()
        while self._blank() < len(text):
            table = self._header() if text[self._at] == "[" else self._pair(table)

    def _header(self) -> Path:
        start = self._at
        brackets = 2 if self._text.startswith("[[", start) else 1
        self._at += brackets
        keys = list(self._key())
        self._at += brackets
        path: Path = ()
        for place, key in enumerate(keys):
            path = (*path, key)
            if place == len(keys) - 1 and brackets == 2:
                self._note(path, start)
                self._sizes[path] = self._sizes.get(path, 0) + 1
            if path in self._sizes:
                path = (*path, self._sizes[path] - 1)
            self._note(path, start)
        self.headers.append((path, start))
        return path

    def _pair(self, table: Path) -> Path:
        start, path = self._at, table
        line = self._line_of(start)
        parts = list(self._key())
        self._at += 1  # the equals sign
        self._skip(_SPACE)
        for part in parts[:-1]:
            path = (*path, part)
            self.spots.setdefault(path, Spot(line, start, self._at))
        self._value((*path, parts[-1]), line)
        return table

    def _key(self) -> Iterator[str]:
        while True:
            self._skip(_SPACE)
            yield self._key_part()
            self._skip(_SPACE)
            if self._text[self._at] != ".":
                return
            self._at += 1

    def _key_part(self) -> str:
        start = self._at
        if self._text[start] not in "\"'":
            self._skip(_BARE)
            return self._text[start : self._at]
        self._string()
        name: str = tomllib.loads(f"name = {self._text[start : self._at]}")["name"]
        return name

    def _value(self, path: Path, line: int) -> None:
        start, first = self._at, self._text[self._at]
        self.spots[path] = Spot(line, start, start)  # before its parts, so that spots are in the order of the text
        if first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        elif first in "\"'":
            self._string()
        else:
            self._skip(_SCALAR)
        end = start + len(self._text[start : self._at].rstrip())
        self.spots[path] = Spot(line, start, end)

    def _array(self, path: Path) -> None:
        place = 0
        self._at += 1
        while self._text[self._blank()] != "]":
            self._value((*path, place), self._line_of(self._at))
            place += 1
            if self._text[self._blank()] == ",":
                self._at += 1
        self._at += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        while self._text[self._blank()] != "}":
            self._pair(path)
            if self._text[self._blank()] == ",":
                self._at += 1
        self._at += 1

    def _string(self) -> None:
        for pattern in _STRINGS:
            if match := pattern.match(self._text, self._at):
                self._at = match.end()
                return

    def _blank(self) -> int:
        self._skip(_BLANK)
        return self._at

    def _skip(self, pattern: re.Pattern[str]) -> None:
        if match := pattern.match(self._text, self._at):
            self._at = match.end()

    def _note(self, path: Path, start: int) -> None:
        self.spots.setdefault(path, Spot(self._line_of(start), start, self._at))

    def _line_of(self, at: int) -> int:
        # Offsets only grow along the walk, so each newline is counted once.
        self._line += self._text.count("\n", self._counted, at)
        self._counted = at
        return self._line
