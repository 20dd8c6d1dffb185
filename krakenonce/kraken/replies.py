"""What an answer of Kraken's means: accepted, refused without effect, or unknown. Pure functions over bytes.

Nothing an exchange (or a gateway in front of it) can send makes these functions raise, and nothing that is not a
well-formed success counts as one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from krakenonce.kraken.catalogue import CATALOGUE, Action


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one error string means.

    Attributes:
        action: what the caller must do.
        no_effect: True if the string proves that the request had no effect. For ``EAPI:Invalid nonce`` this holds for
            a nonce that was sent once; krakenonce never sends one twice.
        known: False for a string that stands in no list of Kraken's errors; it is then treated as ambiguous.
    """

    action: Action
    no_effect: bool
    known: bool = True


@dataclass(frozen=True, slots=True)
class Accepted:
    """Kraken did what was asked. *warnings* are the ``W...`` strings that came with the result."""

    result: Any
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """Kraken refused, and it is proved that the request had no effect.

    Attributes:
        errors: Kraken's own strings.
        meaning: what the first of them means.
        explanation: for a refused nonce, why, in plain words; empty if nobody has looked.
    """

    errors: tuple[str, ...]
    meaning: Meaning
    explanation: str = ""

    @property
    def error(self) -> str:
        """The first error string."""
        return self.errors[0]

    @property
    def invalid_nonce(self) -> bool:
        """True if the request was refused for its nonce."""
        return self.meaning.action is Action.NEW_NONCE


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request may have executed. *cause* says in a few words why nobody knows; it never holds a secret."""

    cause: str
    errors: tuple[str, ...] = ()


Outcome = Accepted | Refused | Unknown

_LONGEST = max(map(len, CATALOGUE))


def classify(error: str) -> Meaning:
    """Return what one ``E...`` string means. A string nobody has listed is treated as ambiguous, never as harmless.

    Source: https://docs.kraken.com/api/docs/guides/spot-errors
    """
    for length in range(min(len(error), _LONGEST), 0, -1):
        action = CATALOGUE.get(error[:length])
        if action is not None:
            return Meaning(action, no_effect=action is not Action.RECONCILE)
    return Meaning(Action.RECONCILE, no_effect=False, known=False)


def judge_errors(errors: tuple[str, ...]) -> Refused | Unknown:
    """Return the outcome of a reply that carries *errors* (at least one): unknown as soon as one is ambiguous."""
    meanings = [classify(error) for error in errors]
    if all(meaning.no_effect for meaning in meanings):
        return Refused(errors, meanings[0])
    return Unknown("the exchange reported " + errors[0][:120], errors)


def judge_payload(payload: object) -> Outcome:
    """Return the outcome that a decoded JSON reply stands for (envelope: https://docs.kraken.com/api/docs/guides/spot-rest-intro)."""
    if not isinstance(payload, dict) or not isinstance(payload.get("error"), list):
        return Unknown("the reply is no Kraken envelope")
    strings = tuple(str(entry) for entry in payload["error"])
    errors = tuple(entry for entry in strings if not entry.startswith("W"))
    if errors:
        return judge_errors(errors)
    if payload.get("result") is None:
        return Unknown("the reply has neither an error nor a result")
    return Accepted(payload["result"], strings)


def judge_reply(status: int, body: bytes) -> Outcome:
    """Return the outcome that an HTTP reply stands for.

    API-level failures arrive with HTTP 200, an unknown method with HTTP 404 and JSON; everything else comes from a
    gateway, behind which the order may have executed.

    Parameters:
        status: the HTTP status code.
        body: the raw body, of any shape.
    """
    payload = _decode(body)
    if status in (HTTPStatus.OK, HTTPStatus.NOT_FOUND):
        outcome = judge_payload(payload)
        # A success never comes with 404: something between us and Kraken made this page up.
        if status == HTTPStatus.OK or isinstance(outcome, Refused):
            return outcome
    return Unknown(f"HTTP {status}")


def _decode(body: bytes) -> object:
    try:
        return json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        return None
