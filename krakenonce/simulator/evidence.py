"""The record of every request, and per key what was accepted, what was refused and why."""

from __future__ import annotations

import json
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from krakenonce.simulator.accounts import ApiKey

KEPT = 200_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One request, in the order of judgement. It holds no real time, so equal runs leave equal records.

    Parameters:
        arrival: the request's place in the order of arrival, before the network's delay; 1 for the first.
        key: the API key's fingerprint; empty if it is none of ours.
        verdict: "accepted", "refused", or "lost" if a fault kept it from the exchange.
        cause: the error on the wire; fault: what was done to the request or its answer.
    """

    arrival: int
    account: str
    key: str
    method: str
    nonce: str
    verdict: str
    cause: str
    fault: str

    def as_dict(self, number: int) -> dict[str, Any]:
        """Return the entry as JSON has it, with its *number* in the order of judgement."""
        names = ("arrival", "account", "key", "method", "nonce", "verdict", "cause", "fault")
        return {"n": number} | {name: getattr(self, name) for name in names}


@dataclass(slots=True)
class KeyRecord:
    """What one key has been through."""

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    in_flight: int = 0
    most_in_flight: int = 0

    def count(self, verdict: str, cause: str) -> None:
        """Count one judged request."""
        if verdict == "accepted":
            self.accepted += 1
        elif verdict == "refused":
            self.refused[cause] += 1
        else:
            self.lost += 1


class Evidence:
    """The log (its last 200,000 entries; all of them, if a file is given) and the figures. Belongs to one thread."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._count = 0
        self._keys: dict[str, KeyRecord] = {}
        self._methods: Counter[str] = Counter()
        self._arrivals = 0
        self.file: IO[str] | None = None
        self.crashes: list[str] = []

    def arrive(self, key: ApiKey | None) -> int:
        """Note that a request has come in. Returns its place in the order of arrival."""
        self._arrivals += 1
        if key is not None:
            record = self.record(key)
            record.in_flight += 1
            record.most_in_flight = max(record.most_in_flight, record.in_flight)
        return self._arrivals

    def leave(self, key: ApiKey | None) -> None:
        """Note that a request has been answered, or given up."""
        if key is not None:
            self.record(key).in_flight -= 1

    def record(self, key: ApiKey) -> KeyRecord:
        """Return the figures of *key*."""
        return self._keys.setdefault(key.name, KeyRecord())

    def write(self, entry: Entry, key: ApiKey | None) -> None:
        """Add one entry to the log."""
        self._count += 1
        self._entries.append(entry)
        self._methods[entry.method] += 1
        if key is not None:
            self.record(key).count(entry.verdict, entry.cause)
        if self.file is not None:
            self.file.write(json.dumps(entry.as_dict(self._count)) + "\n")

    def log(self) -> list[dict[str, Any]]:
        """Return the entries in the order of judgement."""
        entries = list(self._entries)  # in one step, because the reader may be another thread
        first = self._count - len(entries) + 1
        return [entry.as_dict(number) for number, entry in enumerate(entries, first)]

    def stats(self, keys: list[ApiKey]) -> dict[str, Any]:
        """Return the figures per key name, and their totals."""
        rows = {key.name: _row(key, self.record(key)) for key in keys}
        totals = {
            name: sum(row[name] for row in rows.values()) for name in ("accepted", "refused", "lost", "invalid_nonces")
        }
        return {"requests": self._count, "totals": totals, "keys": rows, "methods": dict(sorted(self._methods.items()))}


def _row(key: ApiKey, record: KeyRecord) -> dict[str, Any]:
    return {
        "key": key.fingerprint,
        "accepted": record.accepted,
        "refused": sum(record.refused.values()),
        "causes": dict(sorted(record.refused.items())),
        "invalid_nonces": record.refused["EAPI:Invalid nonce"],
        "lost": record.lost,
        "most_in_flight": record.most_in_flight,
        "highest_nonce": key.nonces.highest,
    }
