"""What an exchange takes now: the state of its markets, as told by its refusals and by SystemStatus.

Source: https://docs.kraken.com/api/docs/guides/spot-errors (``EService:Market in cancel_only mode`` and its like).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from krakenonce.kraken.methods import Purpose, purpose_of
from krakenonce.kraken.replies import Outcome, Refused, Unknown
from krakenonce.rates.charges import pair_key
from krakenonce.rates.closures import Closed, Closures

WHOLE_EXCHANGE = "*"

_MODE = "EService:Market in "
_OFFLINE = ("EService:Unavailable", "EService:Busy", "EService:Timeout")
_ANSWERS_UNTIL_OFFLINE = 3
_LIMIT_TYPES = frozenset({"limit", "iceberg"})

Params = Mapping[str, Any]


class Markets:
    """The markets of one exchange, for every key of this process. Safe across threads.

    What a market's state forbids is not sent: an order to a market that takes cancellations only, anything but a
    cancellation to an exchange that has answered three times in a row that it is unavailable.
    """

    def __init__(self) -> None:
        self._states = Closures()
        self._offline = Closures()
        self._mutex = threading.RLock()
        self._failures = 0

    def forbids(self, method: str, params: Params, now_ns: int) -> Closed | None:
        """Return why a call would be refused now, or None."""
        if not self._offline and not self._states:
            return None
        purpose = purpose_of(method)
        if purpose is Purpose.CANCEL:
            return None
        offline = self._offline.look(WHOLE_EXCHANGE, now_ns)
        if offline is not None or purpose is Purpose.READ:
            return offline
        for name in (WHOLE_EXCHANGE, *_pairs_of(params)):
            state = self._states.peek(name)
            if state is not None and not _passes(state, method, params):
                return self._states.look(name, now_ns)
        return None

    def learn(self, method: str, params: Params, outcome: Outcome, now_ns: int) -> None:
        """Take in how a call ended."""
        self._count_failures(outcome, now_ns)
        if purpose_of(method) is not Purpose.ENTRY or isinstance(outcome, Unknown):
            return
        state = _state_in(outcome)
        if state:
            for pair in _pairs_of(params) or (WHOLE_EXCHANGE,):
                self._states.close(pair, state, now_ns)
            return
        for name in (WHOLE_EXCHANGE, *_pairs_of(params)):
            present = self._states.peek(name)
            if present is not None and not _passes(present, method, params):
                self._states.open(name)

    def tell(self, status: object, now_ns: int) -> None:
        """Take in the ``status`` of SystemStatus: online, maintenance, cancel_only or post_only."""
        if status == "online":
            self._states.open_all()
            self._offline.open(WHOLE_EXCHANGE)
        elif isinstance(status, str):
            self._states.close(WHOLE_EXCHANGE, status, now_ns)

    def after_fork_in_child(self) -> None:
        """Renew the locks."""
        self._mutex = threading.RLock()
        self._states.after_fork_in_child()
        self._offline.after_fork_in_child()

    def _count_failures(self, outcome: Outcome, now_ns: int) -> None:
        failed = isinstance(outcome, Unknown) and any(error.startswith(_OFFLINE) for error in outcome.errors)
        if not failed:
            if self._failures and not isinstance(outcome, Unknown):
                self._failures = 0
                self._offline.open(WHOLE_EXCHANGE)
            return
        with self._mutex:
            self._failures += 1
        if self._failures >= _ANSWERS_UNTIL_OFFLINE:
            self._offline.close(WHOLE_EXCHANGE, "unavailable", now_ns)


def _state_in(outcome: Outcome) -> str:
    if isinstance(outcome, Refused):
        for error in outcome.errors:
            if error.startswith(_MODE):
                return error.removeprefix(_MODE).removesuffix(" mode")
    return ""


def _pairs_of(params: Params) -> tuple[str, ...]:
    return () if params.get("pair") is None else (pair_key(params["pair"]),)


def _passes(state: str, method: str, params: Params) -> bool:
    """Return whether a market in *state* takes what *params* ask for; changes of orders count as orders."""
    rows = params.get("orders") if method == "AddOrderBatch" else None
    wanted = rows if isinstance(rows, Sequence) and not isinstance(rows, str | bytes) else (params,)
    return all(isinstance(row, Mapping) and _takes(state, method, row) for row in wanted)


def _takes(state: str, method: str, row: Params) -> bool:
    if state == "post_only":
        return "post" in str(row.get("oflags", "")).split(",") or str(row.get("post_only")).lower() == "true"
    if state == "limit_only":
        return method == "AmendOrder" or row.get("ordertype") in _LIMIT_TYPES
    if state == "reduce_only":
        return str(row.get("reduce_only")).lower() == "true"
    return False
