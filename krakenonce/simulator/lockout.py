"""Temporary lockout of whoever sends one bad call after the other.

Kraken's documentation names the cause and about 15 minutes (https://support.kraken.com/hc/en-us/articles/360001491786);
the threshold is not published.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from krakenonce.clock import NS_PER_MS
from krakenonce.simulator.refusals import Refusal

if TYPE_CHECKING:
    from krakenonce.simulator.settings import Settings

BAD_CALLS = frozenset({"EAPI:Invalid key", "EAPI:Invalid signature", "EAPI:Invalid nonce"})


@dataclass(slots=True)
class _Standing:
    bad_in_a_row: int = 0
    until_ns: int = 0


class Lockout:
    """Counts bad calls in a row, per key or per address. Belongs to one thread."""

    def __init__(self, settings: Settings) -> None:
        self._limit = settings.lockout_after
        self._by_address = settings.lockout_scope == "ip"
        self._length_ns = int(settings.lockout_s * 1000) * NS_PER_MS
        self._standings: dict[str, _Standing] = {}

    def check(self, api_key: str, address: str, now_ns: int) -> None:
        """Let the caller pass, unless it is locked out.

        Raises:
            Refusal: ``EGeneral:Temporary lockout``.
        """
        standing = self._standings.get(self._scope(api_key, address))
        if standing is not None and now_ns < standing.until_ns:
            raise Refusal("EGeneral:Temporary lockout")

    def note(self, api_key: str, address: str, error: str, now_ns: int) -> None:
        """Note how a call ended; *error* is empty for a good one."""
        if not self._limit or error == "EGeneral:Temporary lockout":
            return
        standing = self._standings.setdefault(self._scope(api_key, address), _Standing())
        standing.bad_in_a_row = standing.bad_in_a_row + 1 if error in BAD_CALLS else 0
        if standing.bad_in_a_row >= self._limit:
            standing.bad_in_a_row = 0
            standing.until_ns = now_ns + self._length_ns

    def _scope(self, api_key: str, address: str) -> str:
        return address if self._by_address else api_key
