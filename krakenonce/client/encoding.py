"""Request bodies: form-encoded where Kraken takes a form, JSON where a list must travel, the nonce always last."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias
from urllib.parse import urlencode

from krakenonce.errors import ConfigError

Scalar: TypeAlias = str | int | bool | Decimal | None
Value: TypeAlias = Scalar | Sequence["Value"] | Mapping[str, "Value"]
Params: TypeAlias = Mapping[str, Value]

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Draft:
    """A request body that lacks only its nonce, so that nothing is left to do between nonce and signature.

    Attributes:
        content_type: the header that goes with the body.
    """

    content_type: str
    head: str

    def body(self, nonce: int) -> bytes:
        """Return the exact bytes to sign and send for *nonce*."""
        if self.content_type == JSON:
            return f'{self.head}"nonce":"{nonce}"}}'.encode()
        return f"{self.head}nonce={nonce}".encode()


def draft(params: Params | None) -> Draft:
    """Return the body for *params*; the mapping itself is never written into.

    Members that are ``None`` are left out. A list or mapping among the values makes the body JSON, as AddOrderBatch
    needs it (https://docs.kraken.com/api/docs/rest-api/add-order-batch).

    Raises:
        ConfigError: a value is a float or of a type that cannot travel, or the caller supplied a nonce.
    """
    given = {name: _plain(name, value) for name, value in (params or {}).items() if value is not None}
    if "nonce" in given:
        raise ConfigError("params", "a mapping with a nonce", "Leave the nonce out: it is issued inside the turn.")
    if any(isinstance(value, list | dict) for value in given.values()):
        text = json.dumps(given, separators=(",", ":"))[:-1]
        return Draft(JSON, f"{text}," if given else text)
    return Draft(FORM, f"{urlencode(given)}&" if given else "")


def query(params: Params | None) -> dict[str, str]:
    """Return *params* as the query of a public call.

    Raises:
        ConfigError: a value is a float, or no scalar.
    """
    given: dict[str, str] = {}
    for name, value in (params or {}).items():
        if value is not None:
            text = _plain(name, value)
            if not isinstance(text, str):
                raise ConfigError(name, f"a {type(value).__name__}", "Public calls take text and numbers only.")
            given[name] = text
    return given


def _plain(name: str, value: Value) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | Decimal):
        return decimal_text(value) if isinstance(value, Decimal) else str(value)
    if isinstance(value, Mapping):
        return {key: _plain(f"{name}[{key}]", entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(f"{name}[{index}]", entry) for index, entry in enumerate(value)]
    mend = "Use Decimal, an integer or text: money is never a binary fraction."
    raise ConfigError(name, f"a {type(value).__name__}", mend)


def decimal_text(value: Decimal) -> str:
    """Return *value* in plain digits: Kraken reads no exponents.

    Raises:
        ConfigError: the value is infinite or not a number.
    """
    if not value.is_finite():
        raise ConfigError("amount", f"{value}, which is no finite number", "Give a finite Decimal.")
    text = str(value)
    return text if "E" not in text else f"{value:f}"  # formatting takes several times as long
