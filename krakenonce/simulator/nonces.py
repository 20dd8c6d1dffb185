"""The exchange's judgement of nonces, by its own arithmetic."""

from __future__ import annotations

from krakenonce.simulator.refusals import Refusal

LARGEST = 2**63 - 1
"""Kraken's OpenAPI description types the nonce int64 (https://github.com/krakenfx/api-specs)."""


class NonceRecord:
    """What the exchange remembers of one key's nonces. Belongs to one thread.

    Parameters:
        window: how far below the highest nonce a late one may be, in the nonce's own ticks; Kraken's default is 0
            (https://support.kraken.com/hc/en-us/articles/360001148023-What-is-a-nonce-window-).
        repeats: whether an exact repeat inside the window passes. Kraken does not say; the default is the stricter no.
    """

    __slots__ = ("_recent", "highest", "repeats", "window")

    def __init__(self, window: int = 0, *, repeats: bool = False) -> None:
        self.window, self.repeats = window, repeats
        self.highest = 0
        self._recent: set[int] = set()

    def check(self, text: str) -> int:
        """Return the nonce in *text* if it would be accepted now.

        Raises:
            Refusal: ``EAPI:Invalid nonce``. A refused nonce leaves the record as it was.
        """
        nonce = _parse(text)
        if nonce > self.highest or self._tolerated(nonce):
            return nonce
        raise _invalid()

    def accept(self, nonce: int) -> None:
        """Remember *nonce* as used."""
        if nonce > self.highest:
            self.highest = nonce
        if self.window:
            self._recent.add(nonce)
            self._forget()

    def _tolerated(self, nonce: int) -> bool:
        return self.highest - nonce < self.window and (self.repeats or nonce not in self._recent)

    def _forget(self) -> None:
        # Only the numbers still inside the window can matter; sweeping at every doubling keeps this cheap.
        if len(self._recent) & (len(self._recent) - 1) == 0:
            self._recent = {nonce for nonce in self._recent if self.highest - nonce < self.window}


def _parse(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 20:
        raise _invalid()
    nonce = int(text)
    if not 0 < nonce <= LARGEST:
        raise _invalid()
    return nonce


def _invalid() -> Refusal:
    return Refusal("EAPI:Invalid nonce")
