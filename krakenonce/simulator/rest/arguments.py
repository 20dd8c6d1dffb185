"""The fields of a call, read with Kraken's own complaints."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from krakenonce.clock import NS_PER_SECOND
from krakenonce.kraken.pairs import PAIRS_BY_NAME, Pair
from krakenonce.simulator.refusals import Refusal, invalid_arguments

_NUMBER = re.compile(r"\d{1,15}(\.\d{1,18})?|\.\d{1,18}")
_MOMENT = re.compile(r"\d{1,12}(\.\d{1,12})?")
_TRUTH = {"true": True, "false": False, "1": True, "0": False, "": False}


class Arguments:
    """The fields of one call. Every reader refuses what does not fit as ``EGeneral:Invalid arguments:<field>``."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    def __contains__(self, name: str) -> bool:
        """Whether the field is there and says something: clients send empty ones for "not given"."""
        return self._fields.get(name) not in (None, "")

    def raw(self, name: str) -> Any:
        """Return the field as it came, or None."""
        return self._fields.get(name)

    def text(self, name: str, default: str = "", *, limit: int = 4096) -> str:
        """Return a text of at most *limit* characters."""
        if name not in self:
            return default
        value = self._fields[name]
        if isinstance(value, bool) or not isinstance(value, str | int | float) or len(str(value)) > limit:
            raise invalid_arguments(name)
        return str(value)

    def required(self, name: str) -> str:
        """Return a text that must be there."""
        if name not in self:
            raise invalid_arguments(name)
        return self.text(name)

    def choice(self, name: str, choices: Collection[str], default: str = "") -> str:
        """Return one of *choices*; without a default the field must be there."""
        value = self.text(name, default)
        if value not in choices:
            raise invalid_arguments(name)
        return value

    def decimal(self, name: str) -> Decimal | None:
        """Return a plain decimal number >= 0, or None. Exponents are refused."""
        return plain_decimal(self.text(name), name) if name in self else None

    def integer(self, name: str, default: int = 0, low: int = 0, high: int = 2**31 - 1) -> int:
        """Return a whole number from *low* to *high*."""
        text = self.text(name, str(default))
        if re.fullmatch(r"-?\d{1,19}", text, re.ASCII) is None or not low <= int(text) <= high:
            raise invalid_arguments(name)
        return int(text)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a yes or no, spelt as JSON, Python, or 1 and 0: clients send all of them."""
        value = self._fields.get(name, default)
        if isinstance(value, bool):
            return value
        meaning = _TRUTH.get(str(value).lower()) if isinstance(value, str | int) else None
        if meaning is None:
            raise invalid_arguments(name)
        return meaning

    def pair(self, name: str = "pair") -> Pair:
        """Return the pair, in any spelling Kraken accepts."""
        return known_pair(self.required(name))

    def names(self, name: str, most: int) -> list[str]:
        """Return a comma list of up to *most* names, as text or as a JSON array; an empty list if it is not there."""
        value = self._fields.get(name)
        parts = value if isinstance(value, list) else self.text(name, limit=20_000).split(",")
        names = [part.strip() for part in parts if isinstance(part, str) and part.strip()]
        if len(names) > most or (isinstance(value, list) and len(names) != len(value)):
            raise invalid_arguments(name)
        return names

    def moment(self, name: str) -> int | None:
        """Return a moment given in unix seconds, in nanoseconds, or None."""
        if name not in self:
            return None
        text = self.text(name)
        if _MOMENT.fullmatch(text) is None:
            raise invalid_arguments(name)
        return int(Decimal(text) * NS_PER_SECOND)


def known_pair(name: str) -> Pair:
    """Return the pair called *name*, or refuse it."""
    pair = PAIRS_BY_NAME.get(name)
    if pair is None:
        raise Refusal("EQuery:Unknown asset pair")
    return pair


def plain_decimal(text: str, field: str) -> Decimal:
    """Return the number in *text*: digits and at most one point, of a size that money has."""
    if _NUMBER.fullmatch(text) is None or not text.isascii():
        raise invalid_arguments(field)
    return Decimal(text)
