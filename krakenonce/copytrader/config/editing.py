"""Adds, removes and changes users in the text of a configuration; everything else stays as it was written."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path as FilePath
from typing import Any

from krakenonce.copytrader.config.assembly import parse_settings
from krakenonce.copytrader.config.lines import find_headers, find_spots
from krakenonce.errors import ConfigError
from krakenonce.keychain import Reference

_BY_HAND = "Edit the file by hand, then: krakenonce users reload."


def add_user(text: str, name: str, key: Reference, masters: tuple[str, ...] = ()) -> str:
    """Return *text* with a table for the user *name* at its end.

    Raises:
        ConfigError: there is one already.
    """
    if name in _users(text):
        raise ConfigError("user", f"{name!r}, who is in the file already", "Use another name.")
    lines = [f"[users.{name}]", f"key = {json.dumps(str(key))}"]
    if masters:
        lines.append(f"masters = {json.dumps(list(masters))}")
    return f"{text.rstrip()}\n\n" + "\n".join(lines) + "\n"


def remove_user(text: str, name: str) -> str:
    """Return *text* without the tables of the user *name*, and the comments that stand directly above them.

    Raises:
        ConfigError: there is no such user, or he is written in a way that has no table of its own.
    """
    wanted = tomllib.loads(text, parse_float=Decimal)
    if name not in _users(text):
        raise ConfigError("user", f"{name!r}, who is not in the file", "See: krakenonce users list.")
    del wanted["users"][name]
    cut = text
    for start, end in reversed(_regions(text, ("users", name))):
        cut = f"{cut[:start].rstrip()}\n\n{cut[end:].lstrip()}" if cut[end:].strip() else f"{cut[:start].rstrip()}\n"
    if _parsed(cut) | {"users": _users(cut)} != wanted | {"users": wanted["users"]}:
        line = find_spots(text)["users", name].line
        raise ConfigError("user", f"{name!r}, who has no table of his own (line {line})", _BY_HAND)
    return cut


def change_key(text: str, name: str, key: Reference) -> str:
    """Return *text* with another key for the user *name*.

    Raises:
        ConfigError: there is no such user.
    """
    spot = find_spots(text).get(("users", name, "key"))
    if spot is None:
        raise ConfigError("user", f"{name!r}, who has no key in the file", "See: krakenonce users list.")
    return f"{text[: spot.start]}{json.dumps(str(key))}{text[spot.end :]}"


def write_config(file: FilePath, text: str, environment: Mapping[str, str] | None = None) -> None:
    """Write *text* over the configuration *file*, whole or not at all, if it is a right one; its mode stays.

    Raises:
        ConfigError: it cannot be written. `BadConfig`: it has mistakes; nothing was written.
    """
    parse_settings(text, file.absolute(), environment)
    target = file.expanduser().resolve()
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise ConfigError(str(file), f"a file that can't be written ({error.strerror})", "Check its folder.") from None
    try:
        with os.fdopen(handle, "wb") as new:
            new.write(text.encode())
            new.flush()
            os.fsync(new.fileno())
        shutil.copymode(target, name)
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _regions(text: str, path: tuple[str, ...]) -> list[tuple[int, int]]:
    """Return where the tables at and below *path* stand: each with the comments above it, up to the next one's."""
    headers = find_headers(text)
    starts = [_with_comments(text, start) for _, start in headers] + [len(text)]
    return [
        (starts[place], starts[place + 1]) for place, (found, _) in enumerate(headers) if found[: len(path)] == path
    ]


def _with_comments(text: str, start: int) -> int:
    start = text.rfind("\n", 0, start) + 1
    while start > 0:
        above = text.rfind("\n", 0, start - 1) + 1
        if not text[above:start].lstrip(" \t").startswith("#"):
            break
        start = above
    return start


def _users(text: str) -> dict[str, Any]:
    users = _parsed(text).get("users", {})
    return users if isinstance(users, dict) else {}


def _parsed(text: str) -> dict[str, Any]:
    return tomllib.loads(text, parse_float=Decimal)
