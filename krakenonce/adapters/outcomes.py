"""What a client's return value or exception says about its request. Pure functions; they never raise."""

from __future__ import annotations

import ast
import json
from http import HTTPStatus
from typing import Any

from krakenonce.kraken.replies import Accepted, Outcome, Unknown, judge_payload, judge_reply


def outcome_of_result(result: Any) -> Outcome:
    """Return the outcome that a client's return value stands for.

    krakenex and ccxt return Kraken's whole envelope. python-kraken-sdk returns what is inside it, the envelope itself
    if it does not know the error, or the raw HTTP response if told to.
    """
    if isinstance(result, dict):
        return judge_payload(result) if isinstance(result.get("error"), list) else Accepted(result)
    if isinstance(result, str):
        return Unknown("the reply is no Kraken envelope")  # ccxt hands a gateway's page over as it is
    status = getattr(result, "status_code", getattr(result, "status", None))
    if isinstance(status, int):
        return _outcome_of_response(status, result)
    return Accepted(result)


def outcome_of_failure(error: BaseException) -> Outcome:
    """Return the outcome that a client's exception stands for.

    ccxt and python-kraken-sdk put Kraken's whole envelope into the message, as JSON or as a printed dict. An exception
    without one (a time-out, a lost connection, a gateway's page) says nothing about what the exchange did.
    """
    envelope = _envelope_in(str(error))
    return Unknown(type(error).__name__) if envelope is None else judge_payload(envelope)


def _outcome_of_response(status: int, response: Any) -> Outcome:
    if "json" not in response.headers.get("Content-Type", ""):
        # A file (an export): Kraken's refusals are always JSON.
        return Accepted(response) if status == HTTPStatus.OK else Unknown(f"HTTP {status}")
    body = getattr(response, "content", None)
    return judge_reply(status, body) if isinstance(body, bytes) else Unknown("the reply is the caller's to read")


def _envelope_in(text: str) -> dict[str, Any] | None:
    start, end = text.find("{"), text.rfind("}")
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text[start : end + 1])
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(found, dict) and isinstance(found.get("error"), list):
            return found
    return None
