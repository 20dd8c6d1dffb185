"""From text to frames and back. Pure. Numbers are ``Decimal`` in both directions: a binary fraction never comes near.

What can't be read becomes `Skipped` with a reason that says nothing of the content; nothing here raises.
https://docs.kraken.com/api/docs/guides/spot-ws-intro
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, NoReturn, TypeAlias

from krakenonce.client.encoding import Value, decimal_text
from krakenonce.errors import ConfigError
from krakenonce.kraken.replies import Accepted, Outcome, Unknown, judge_errors

LONGEST_WORD = 64


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request of ours. *req_id* is the number we gave it, None if the answer has none."""

    method: str
    req_id: int | None
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Told:
    """What a channel tells.

    Attributes:
        channel: such as ``executions``; kind: ``snapshot`` or ``update``.
        data: one mapping for each thing that is told.
        sequence: the number of the message in its subscription, None where a channel does not count.
    """

    channel: str
    kind: str
    data: tuple[Mapping[str, Any], ...]
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Beat:
    """A heartbeat: the connection lives, and that is all."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A frame that says nothing we could use. *reason* names its shape, never its content."""

    reason: str


Frame: TypeAlias = Reply | Told | Beat | Skipped

_BEAT, _BEAT_TEXT = Beat(), '{"channel":"heartbeat"}'


def _no_number(_name: str) -> NoReturn:
    raise ValueError("NaN and infinity are no numbers")


_decode = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_number).decode


def read_frame(text: str | bytes) -> Frame:
    """Return what *text* says, whatever it is."""
    if text == _BEAT_TEXT:
        return _BEAT
    try:
        document = _decode(text if isinstance(text, str) else text.decode())
    except (ValueError, ArithmeticError, RecursionError):  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        return Skipped("no JSON")
    if not isinstance(document, dict):
        return Skipped(f"a {type(document).__name__} where an object should be")
    if "method" in document:
        return _reply(document)
    return _told(document)


def _reply(document: dict[str, Any]) -> Frame:
    method, req_id = document["method"], document.get("req_id")
    if not isinstance(method, str):
        return Skipped("a reply whose method is no text")
    if req_id is not None and type(req_id) is not int:
        return Skipped("a reply whose req_id is no integer")
    return Reply(method[:LONGEST_WORD], req_id, _outcome(method, document))


def _outcome(method: str, document: dict[str, Any]) -> Outcome:
    """Return what a reply says. One that is neither a plain success nor a plain refusal proves nothing."""
    success, error = document.get("success"), document.get("error")
    if method == "pong":
        return Accepted(None)
    if success is True and error is None and document.get("result") is not None:
        result = document["result"]
        return Accepted(result, _warnings(result))
    if success is False and isinstance(error, str) and error:
        return judge_errors((error[:500],))
    return Unknown("the reply is neither a success nor a refusal")


def _warnings(result: object) -> tuple[str, ...]:
    found = result.get("warnings") if isinstance(result, dict) else None
    return tuple(str(warning) for warning in found) if isinstance(found, list) else ()


def _told(document: dict[str, Any]) -> Frame:
    channel, data = document.get("channel"), document.get("data")
    if not isinstance(channel, str):
        return Skipped("an object that is neither a reply nor of a channel")
    if channel == "heartbeat":
        return _BEAT
    kind, sequence = document.get("type"), document.get("sequence")
    if kind not in ("snapshot", "update"):
        return Skipped("a message of a channel that is neither snapshot nor update")
    if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
        return Skipped("a message of a channel whose data is no list of objects")
    if sequence is not None and type(sequence) is not int:
        return Skipped("a message of a channel whose sequence is no integer")
    return Told(channel[:LONGEST_WORD], kind, tuple(data), sequence)


def encoded(params: Mapping[str, Value]) -> str:
    """Return the members of *params* as they travel, without braces; those that are None are left out.

    Raises:
        ConfigError: a value is a float, or of a type that cannot travel.
    """
    return ",".join([f'"{name}":{_dump(name, value)}' for name, value in params.items() if value is not None])


def request_text(method: str, members: str, req_id: int, token: str = "") -> str:
    """Return a request as it travels. The *token* goes in last, so that it is nowhere but in this text.

    Parameters:
        members: the params, `encoded`.
    """
    if token:
        members = f'{members},"token":{quoted(token)}' if members else f'"token":{quoted(token)}'
    inner = f'"params":{{{members}}},' if members else ""
    return f'{{"method":"{method}",{inner}"req_id":{req_id}}}'


def _dump(name: str, value: Value) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        inner = ",".join(f"{quoted(key)}:{_dump(key, part)}" for key, part in value.items() if part is not None)
        return f"{{{inner}}}"
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return f"[{','.join(_dump(name, part) for part in value)}]"
    mend = "Use Decimal, an integer or text: money is never a binary fraction."
    raise ConfigError(name, f"a {type(value).__name__}", mend)
