"""Reads tables by their keys. What cannot be read is noted, and reading goes on: all mistakes are told at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from krakenonce.copytrader.config.keys import Key
from krakenonce.copytrader.config.lines import Path
from krakenonce.copytrader.config.problems import Notes, Wrong, dotted
from krakenonce.copytrader.config.values import Reader, hint, shape_of

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


def read_table(notes: Notes, path: Path, table: object, keys: Sequence[Key]) -> dict[str, Any]:
    """Return what could be read of *table*, which stands at *path* and may have *keys*. No defaults are put in."""
    if not isinstance(table, dict):
        notes.add(path, shape_of(table), f"Write a table: {_header(path)}.")
        return {}
    known = {key.name: key for key in keys}
    found: dict[str, Any] = {}
    meant = set()
    for name, value in table.items():
        if name not in known:
            suggestion = hint(name, list(known))
            meant.add(suggestion)
            notes.add((*path, name), "an unknown key", f"{suggestion}Known here: {', '.join(known)}.")
        elif known[name].keys:
            found[name] = read_table(notes, (*path, name), value, known[name].keys)
        else:
            _read_value(notes, (*path, name), value, known[name].read, found)
    for key in keys:
        if key.required and key.name not in table and not any(f"'{key.name}'" in suggestion for suggestion in meant):
            notes.add((*path, key.name), "missing", f"Add it: {key.meaning}.")
    return found


def named_tables(notes: Notes, path: Path, tables: object, keys: Sequence[Key]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and content of each table in the table at *path*, whose keys are names that people chose."""
    if not isinstance(tables, dict) or not tables:
        shape = "an empty table" if tables == {} else shape_of(tables)
        notes.add(path, shape, f"Write a table for each: [{path[-1]}.NAME].")
        return
    for name, table in tables.items():
        if not _NAME.fullmatch(name):
            shape = f"a name of {len(name)} characters"
            notes.add((*path, name), shape, "Use 1 to 40 letters, digits, - and _, beginning with a letter or digit.")
        else:
            yield name, read_table(notes, (*path, name), table, keys)


def read_pairs(notes: Notes, path: Path, table: object, name: Reader, value: Reader) -> dict[str, Any]:
    """Return a table whose keys are data: each key read by *name*, each value by *value*."""
    if not isinstance(table, dict):
        notes.add(path, shape_of(table), f"Write a table: {_header(path)}.")
        return {}
    found: dict[str, Any] = {}
    for key, entry in table.items():
        keys: dict[str, Any] = {}
        _read_value(notes, (*path, key), key, name, keys)
        if keys:
            _read_value(notes, (*path, key), entry, value, found)
    return found


def _header(path: Path) -> str:
    return f"[[{dotted(path[:-1])}]]" if isinstance(path[-1], int) else f"[{dotted(path)}]"


def _read_value(notes: Notes, path: Path, value: object, read: Reader, found: dict[str, Any]) -> None:
    try:
        found[str(path[-1])] = read(value)
    except Wrong as wrong:
        notes.add((*path, *wrong.inner), wrong.shape, wrong.mend)
