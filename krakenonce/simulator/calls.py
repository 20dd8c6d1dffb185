"""A REST call as it came off the wire, its body read the way Kraken reads it, and the reply."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from krakenonce.simulator.refusals import Refusal

MAX_FIELDS = 1000


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request. *path* is raw, without the query; the three headers are empty text where they are missing."""

    verb: str
    path: str
    query: str = ""
    body: bytes = b""
    content_type: str = ""
    api_key: str = ""
    api_sign: str = ""
    address: str = "127.0.0.1"
    arrived_ns: int = 0
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: JSON, always. *error* repeats the first error for the record."""

    status: int
    body: bytes
    error: str = ""


def result_reply(result: Any) -> Reply:
    """Return the envelope of a success."""
    return Reply(200, _dump({"error": [], "result": result}))


def error_reply(refusal: Refusal) -> Reply:
    """Return the envelope of a refusal."""
    return Reply(refusal.status, _dump({"error": [refusal.error]}), refusal.error)


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def read_query(query: str) -> dict[str, Any]:
    """Return the fields of a query string.

    Raises:
        Refusal: ``EGeneral:Invalid arguments``: more fields than anybody needs.
    """
    try:
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError:
        raise Refusal("EGeneral:Invalid arguments") from None


def read_body(content_type: str, body: bytes) -> dict[str, Any]:
    """Return the fields of a POST body: a form, unless the content type says JSON.

    Nested objects of a JSON body appear as a form has them: ``close[price]``. A body that can't be read has no fields,
    so no nonce either, and is refused for that, as Kraken does it.
    """
    try:
        if content_type.partition(";")[0].strip().lower() == "application/json":
            return _flatten(json.loads(body, parse_float=_plain_text, parse_constant=_refuse_constant))
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except (ArithmeticError, ValueError, RecursionError):
        return {}


def _flatten(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict):
        return {}
    fields: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            fields.update({f"{name}[{inner}]": part for inner, part in value.items()})
        else:
            fields[name] = value
    return fields


def _plain_text(number: str) -> str:
    """Return a JSON number as digits and a point: 5e-05 means 0.00005 there, while exponents in text are refused."""
    value = Decimal(number)
    exponent = value.as_tuple().exponent
    return f"{value:f}" if isinstance(exponent, int) and abs(exponent) <= 30 else number


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)
