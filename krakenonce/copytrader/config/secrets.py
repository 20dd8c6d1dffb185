"""Secrets in a configuration, where they must not be: found by what they look like and what they are called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from krakenonce.copytrader.config.lines import Path
from krakenonce.copytrader.config.problems import Notes
from krakenonce.copytrader.config.values import split

_NAMES = re.compile(r"(?i)(.*[_-])?(secret|password|passphrase|passwd|pwd|token|private_?key|api_?key|api_?secret)")
_LOOKS = re.compile(r"(?:env:|vault:|keyring:)?[A-Za-z0-9+/]{40,}={0,2}")
_KEEP = 'Take it out. Keep it with: krakenonce keys add NAME, and write key = "vault:NAME" here.'
_URL = "Write env:NAME, and put the whole address into the variable NAME where this program is started."


def find_secrets(notes: Notes, document: dict[str, Any]) -> None:
    """Note every value of *document* that is a secret, or is called one. Of none is a character repeated."""
    for path, value in _texts(document, ()):
        name = path[-1]
        if isinstance(name, str) and _NAMES.fullmatch(name):
            notes.add(path, f"a secret written into the file (text of {len(value)} characters)", _KEEP)
        elif _looks_like_key(value):
            notes.add(path, f"text of {len(value)} characters that looks like an API key or its secret", _KEEP)
        elif (parts := split(value)) is not None and parts.password:
            notes.add(path, "an address with a password in it", _URL)


def _looks_like_key(value: str) -> bool:
    # A path is made of the same letters, but begins with a slash; an API key mixes cases and digits.
    kinds = (str.isupper, str.islower, str.isdigit)
    mixed = all(any(kind(letter) for letter in value) for kind in kinds)
    return bool(_LOOKS.fullmatch(value.strip())) and mixed and not value.startswith("/")


def _texts(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str) and path:
        yield path, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(inner, (*path, name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _texts(inner, (*path, place))
