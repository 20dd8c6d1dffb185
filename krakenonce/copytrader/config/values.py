"""From a TOML value to a typed one. Money is never a binary fraction, and no message repeats what may be a secret."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from enum import Enum
from typing import Any, TypeAlias, TypeVar
from urllib.parse import SplitResult, urlsplit

from krakenonce.copytrader.config.problems import Wrong
from krakenonce.errors import ConfigError
from krakenonce.keychain import Reference, parse_reference

Reader: TypeAlias = Callable[[Any], Any]
E = TypeVar("E", bound=Enum)

_PAIR = re.compile(r"[A-Z0-9]{2,10}/[A-Z0-9]{2,10}|[A-Z0-9]{5,16}")
_NUMBER = re.compile(r"[0-9]{1,30}(?:\.[0-9]{1,30})?")
_ASSET = re.compile(r"[A-Z0-9]{2,10}")
_VARIABLE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")
_SHORT = 24


def shape_of(value: object) -> str:
    """Say what *value* is. Numbers are shown, texts are not: one of them may be a secret."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return f"the number {value}"
    if isinstance(value, str):
        return f"text of {len(value)} characters"
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    return "a date or time"


def raw(value: object) -> object:
    """Read anything: what is inside is read by somebody else."""
    return value


def text(value: object) -> str:
    """Read text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise Wrong("empty text" if isinstance(value, str) else shape_of(value), 'Write text in quotes: "...".')
    return value


def amount(value: object) -> Decimal:
    """Read an amount of money or coins, above 0: text, a whole number, or a decimal (which TOML's are here)."""
    number = _number(value, '"250", 250 or 250.50')
    if number <= 0:
        raise Wrong(shape_of(number), "Write an amount above 0.")
    return number


def fraction(most: str) -> Reader:
    """Return a reader of fractions from 0 to *most*: ``0.005``, or ``"0.5%"``."""

    def read(value: object) -> Decimal:
        is_percent = isinstance(value, str) and value.strip().endswith("%")
        bare = value.strip()[:-1].strip() if isinstance(value, str) and is_percent else value
        number = _number(bare, '0.005 or "0.5%" for half a per cent')
        number = number / 100 if is_percent else number
        if not 0 <= number <= Decimal(most):
            raise Wrong(f"the fraction {number}", f'Write a fraction from 0 to {most}; 0.005 is "0.5%".')
        return number

    return read


def whole(low: int, high: int) -> Reader:
    """Return a reader of whole numbers from *low* to *high*."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Wrong(shape_of(value), f"Write a whole number from {low} to {high}, without quotes.")
        return value

    return read


def yes_or_no(value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise Wrong(shape_of(value), "Write true or false, without quotes.")
    return value


def or_off(read: Reader) -> Reader:
    """Return a reader that also takes false, for a limit that is switched off."""
    return lambda value: None if value is False else read(value)


def choice(kind: type[E]) -> Callable[[Any], E]:
    """Return a reader of the values of *kind*."""
    words = [str(member.value) for member in kind]

    def read(value: object) -> E:
        if isinstance(value, str) and value in words:
            return kind(value)
        raise Wrong(_word(value), f"{hint(value, words)}Write one of: {', '.join(words)}.")

    return read


def one_of(words: Sequence[str]) -> Callable[[Any], str]:
    """Return a reader of *words*."""

    def read(value: object) -> str:
        if isinstance(value, str) and value in words:
            return value
        raise Wrong(_word(value), f"{hint(value, words)}Write one of: {', '.join(words)}.")

    return read


def many(read: Reader) -> Callable[[Any], tuple[Any, ...]]:
    """Return a reader of lists with at least one element, none of them twice."""

    def read_all(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list) or not value:
            raise Wrong("an empty list" if value == [] else shape_of(value), 'Write a list: ["...", "..."].')
        found: list[Any] = []
        for place, element in enumerate(value):
            found.append(_element(read, place, element))
            if found[-1] in found[:-1]:
                raise Wrong("the same as an earlier one", "Write each only once.", (place,))
        return tuple(found)

    return read_all


def pair(value: object) -> str:
    """Read the name of a pair; which pairs there are is known to the exchange only."""
    if not isinstance(value, str) or not _PAIR.fullmatch(value):
        raise Wrong(_word(value), 'Write a pair as Kraken does: "BTC/USD".')
    return value


def asset(value: object) -> str:
    """Read the name of a currency."""
    if not isinstance(value, str) or not _ASSET.fullmatch(value):
        raise Wrong(_word(value), 'Write a currency as Kraken does: "USD".')
    return value


def reference(value: object) -> Reference:
    """Read where credentials are kept."""
    if not isinstance(value, str):
        raise Wrong(
            shape_of(value), 'Write where the key is kept: "vault:NAME", "keyring:NAME", "file:/path" or "env:NAME".'
        )
    try:
        return parse_reference(value)
    except ConfigError as error:
        raise Wrong(error.shape, error.mend) from None


def address(*schemes: str, path: bool = True) -> Reader:
    """Return a reader of URLs with one of *schemes*, or ``env:NAME`` for a variable that holds one.

    ``http`` and ``ws`` are taken for this machine only: elsewhere everybody on the way could read along.
    """

    def read(value: object) -> str:
        if isinstance(value, str) and _VARIABLE.fullmatch(value):
            return value
        parts = split(value) if isinstance(value, str) else None
        known = ", ".join(f"{scheme}://" for scheme in schemes)
        if parts is None or parts.scheme not in schemes:
            scheme = parts.scheme if parts is not None else ""
            shape = f"a URL with the scheme {scheme!r}" if scheme and len(scheme) < _SHORT else shape_of(value)
            raise Wrong(shape, f"{hint(scheme, schemes)}Write a URL that begins with {known}, or env:NAME.")
        _check_parts(parts, path=path)
        return str(value).rstrip("/") if parts.scheme.startswith("http") else str(value)

    return read


def hint(value: object, words: Sequence[str]) -> str:
    """Return ``Did you mean ...? `` if one of *words* is close to *value*, else nothing."""
    folded = {word.lower(): word for word in words}
    close = get_close_matches(value.lower(), folded, 1) if isinstance(value, str) else []
    return f"Did you mean {folded[close[0]]!r}? " if close else ""


def split(url: str) -> SplitResult | None:
    """Return the parts of *url*, or None if it has none."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme else None


def is_local(host: str | None) -> bool:
    """Return whether *host* is this machine."""
    if host is None or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_parts(parts: SplitResult, *, path: bool) -> None:
    if parts.scheme in ("http", "https", "ws", "wss") and not parts.hostname:
        raise Wrong("a URL without a host", "Write the whole address, such as https://api.kraken.com.")
    if parts.scheme in ("http", "ws") and not is_local(parts.hostname):
        raise Wrong(f"{parts.scheme}:// to another machine", f"Write {parts.scheme}s://: others could read along.")
    if not path and (parts.path.strip("/") or parts.query):
        raise Wrong("a URL with a path", "Write scheme and host only, such as https://api.kraken.com.")


def _element(read: Reader, place: int, element: object) -> Any:
    try:
        return read(element)
    except Wrong as wrong:
        raise Wrong(wrong.shape, wrong.mend, (place, *wrong.inner)) from None


def _number(value: object, example: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise Wrong(shape_of(value), f"Write {example}.")
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        raise Wrong(_word(value), f"Write digits and at most one point: {example}.")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise Wrong(shape_of(value), f"Write {example}.") from None
    if not number.is_finite():
        raise Wrong("a number that is not finite", f"Write {example}.")
    return number


def _word(value: object) -> str:
    """Show a word that can be no secret: it is short."""
    if isinstance(value, str) and 0 < len(value) <= _SHORT and value.isprintable():
        return repr(value)
    return shape_of(value)
