"""One refusal and what was tried after it, up to its end."""

from __future__ import annotations

from typing import Any

from krakenonce.kraken.replies import Accepted, Outcome
from krakenonce.nonce import MAX_NONCE, unit_of
from krakenonce.refusals.answers import Answer, read_answer
from krakenonce.refusals.diagnosis import Attempt
from krakenonce.refusals.recorder import Flight

_PASSED = {Answer.PASSED: True, Answer.NONCE: False}


class Incident:
    """What is learned while a refusal is being healed. Used by the holder of the lane.

    Attributes:
        first: the refused request; grant_end: until when its grant allowed sending, by the boot clock; None: no end.
        attempts: what was tried since.
        key_nonce, key_window: what the exchange said of the key in answer to a probe; None and 0 before.
    """

    __slots__ = ("attempts", "first", "grant_end", "key_nonce", "key_window")

    def __init__(self, first: Flight, grant_end: int | None) -> None:
        self.first, self.grant_end = first, grant_end
        self.attempts: list[Attempt] = []
        self.key_nonce: int | None = None
        self.key_window = 0

    def add(self, outcome: Outcome, nonce: int, *, is_probe: bool) -> None:
        """Take in what came of one more attempt."""
        self.attempts.append(Attempt(is_probe, nonce, _PASSED.get(read_answer(outcome))))
        if is_probe and isinstance(outcome, Accepted):
            self.key_nonce, self.key_window = key_numbers(outcome.result)

    def lead(self, nonce: int) -> str:
        """Return how far *nonce*, with which it went on, lies above the refused one, in words."""
        seconds = (nonce - self.first.nonce) / unit_of(self.first.nonce).per_second
        calls = len(self.attempts)
        return f"nonces go on from {nonce}, {seconds:.3f} s above it, after {calls} more call{'s' * (calls != 1)}"


def key_numbers(result: Any) -> tuple[int | None, int]:
    """Return nonce and nonce window out of GetApiKeyInfo's result, in either spelling; (None, 0) if there are none."""
    if not isinstance(result, dict):
        return None, 0
    nonce, window = result.get("nonce"), result.get("nonce_window", result.get("nonceWindow"))
    return _number(nonce), _number(window) or 0


def _number(value: Any) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_NONCE)) + 1 else None
