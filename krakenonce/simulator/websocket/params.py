"""The ``params`` of a request: JSON types matter here, and what is not known is refused by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from krakenonce.kraken.pairs import PAIRS, Pair
from krakenonce.simulator.refusals import Refusal, invalid_arguments
from krakenonce.simulator.rest.arguments import Arguments, plain_decimal

SYMBOLS = {pair.symbol: pair for pair in PAIRS}
_SHOWN = 64


class Params(Arguments):
    """The fields of one request, read strictly. Complaints are worded as Kraken words them.

    Parameters:
        fields: the object as it came; kind: what the message is called in complaints, such as ``add order``.
    """

    def __init__(self, fields: Mapping[str, Any], kind: str) -> None:
        super().__init__(fields)
        self.kind = kind

    def only(self, known: Collection[str]) -> None:
        """Refuse the first field that is not *known*.

        Raises:
            Refusal: ``Unsupported field: 'price' for the given msg type: add order``.
        """
        for name in self._fields:
            if name not in known:
                raise Refusal(f"Unsupported field: '{name[:_SHOWN]}' for the given msg type: {self.kind}")

    def text(self, name: str, default: str = "", *, limit: int = 4096) -> str:
        """Return a text; numbers are refused."""
        if name not in self:
            return default
        value = self._fields[name]
        if not isinstance(value, str):
            raise wrong_type(name, "string")
        if len(value) > limit:
            raise invalid_arguments(name)
        return value

    def decimal(self, name: str) -> Decimal | None:
        """Return a number >= 0, or None; numbers in quotes are refused."""
        number = self.signed(name)
        if number is not None and number < 0:
            raise invalid_arguments(name)
        return number

    def signed(self, name: str) -> Decimal | None:
        """Return a number of either sign, or None."""
        if name not in self:
            return None
        value = self._fields[name]
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise wrong_type(name, "number_float")
        number = Decimal(value)
        if number and not -18 <= number.adjusted() <= 15:
            raise invalid_arguments(name)
        magnitude = plain_decimal(f"{abs(number):f}", name)
        return magnitude.copy_sign(number)

    def integer(self, name: str, default: int = 0, low: int = 0, high: int = 2**31 - 1) -> int:
        """Return a whole number from *low* to *high*."""
        value = self._fields.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(name, "integer")
        if not low <= value <= high:
            raise invalid_arguments(name)
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a yes or no; only JSON's own will do."""
        value = self._fields.get(name, default)
        if not isinstance(value, bool):
            raise wrong_type(name, "boolean")
        return value

    def array(self, name: str, lengths: Collection[int]) -> list[Any]:
        """Return an array of one of *lengths*; an empty one if it is not there."""
        value = self._fields.get(name, [])
        if not isinstance(value, list):
            raise wrong_type(name, "array")
        if name in self._fields and len(value) not in lengths:
            raise invalid_arguments(name)
        return value

    def nested(self, name: str, known: Collection[str]) -> Params | None:
        """Return an object inside the params, or None."""
        if name not in self._fields:
            return None
        value = self._fields[name]
        if not isinstance(value, dict):
            raise wrong_type(name, "object")
        inner = Params(value, self.kind)
        inner.only(known)
        return inner

    def pair(self, name: str = "symbol") -> Pair:
        """Return the pair: only names such as ``BTC/USD`` will do here."""
        return known_symbol(self.required(name))


def known_symbol(symbol: str) -> Pair:
    """Return the pair called *symbol*, or refuse it in the words that were recorded."""
    if symbol in SYMBOLS:
        return SYMBOLS[symbol]
    shown = symbol[:_SHOWN]
    if "/" in symbol:
        raise Refusal(f"Currency pair not supported {shown}")
    raise Refusal(f"Currency pair not in ISO 4217-A3 format {shown}")


def wrong_type(name: str, wanted: str) -> Refusal:
    """Return the refusal of a field whose JSON type is another: ``Order_qty field must be a number_float``."""
    article = "an" if wanted[0] in "aio" else "a"
    return Refusal(f"{name.capitalize()} field must be {article} {wanted}")
