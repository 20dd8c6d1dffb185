"""What can go wrong on the way, on purpose: seeded, per endpoint, per account, per phase."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from krakenonce.errors import ConfigError

LATE_KINDS = ("delay", "hold")
REST_KINDS = (*LATE_KINDS, "drop", "reset", "http", "error", "slow", "hang", "stale")
STREAM_KINDS = ("ws-disconnect", "ws-drop", "ws-twice", "ws-delay")
KINDS = REST_KINDS + STREAM_KINDS
PHASES = ("before", "after")
STATUSES = (500, 502, 503, 504, 520, 522)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One rule of misfortune.

    Parameters:
        kind: delay (by *ms*), hold (until a POST to ``/_control/release``, *ms* at the most), drop (the connection
            closes), reset (it is reset), http (an HTML page with *status*), error (the string *error*), slow (the body
            takes *ms*), hang (no answer for *ms*), stale (reads show the account as it was *ms* ago), ws-disconnect,
            ws-drop, ws-twice and ws-delay (a frame closes the socket, is lost, comes twice, comes *ms* late and
            everything after it too).
        rate: share of the requests (or frames) it hits.
        phase: "before" or "after" the exchange executes the request.
        endpoint: method names (or channels), with wildcards and separated by "|"; account: the same for account names.
        times: how often it may strike; 0 for any number.
    """

    kind: str
    rate: float = 1.0
    phase: str = "before"
    endpoint: str = "*"
    account: str = "*"
    ms: float = 1000
    status: int = 502
    error: str = "EService:Unavailable"
    times: int = 0

    def __post_init__(self) -> None:
        _check("kind", self.kind, f"Use one of: {', '.join(KINDS)}.", holds=self.kind in KINDS)
        _check("phase", self.phase, "Use before or after.", holds=self.phase in PHASES)
        _check("rate", self.rate, "Use a share above 0 and up to 1.", holds=0 < self.rate <= 1)
        _check("ms", self.ms, "Use milliseconds, up to a day.", holds=0 <= self.ms <= 86_400_000)
        _check("status", self.status, f"Use one of: {', '.join(map(str, STATUSES))}.", holds=self.status in STATUSES)
        _check("times", self.times, "Use 0 for any number.", holds=self.times >= 0)

    @property
    def label(self) -> str:
        """The fault in the log: kind, status and phase."""
        words = [self.kind, str(self.status) if self.kind == "http" else "", self.phase]
        return " ".join(word for word in words if word)

    @property
    def loses_request(self) -> bool:
        """Whether the request never gets to the exchange."""
        return self.phase == "before" and self.kind not in (*LATE_KINDS, "slow", "stale") and self.kind in REST_KINDS

    def hits(self, endpoint: str, account: str) -> bool:
        """Return whether the rule is about this endpoint (or channel) and account."""
        return _matches(self.endpoint, endpoint) and _matches(self.account, account)


class Faults:
    """The rules in force. Each draws for each account from numbers of its own. Belongs to the exchange's thread."""

    def __init__(self, seed: int, rules: Iterable[Fault] = ()) -> None:
        self._seed = seed
        self._streams: dict[tuple[int, str], random.Random] = {}
        self._struck: list[int] = []
        self.rules: list[Fault] = []
        self.replace(rules)

    def replace(self, rules: Iterable[Fault]) -> None:
        """Put other rules in force."""
        self.rules = list(rules)
        self._struck = [0] * len(self.rules)

    def add(self, rule: Fault) -> None:
        """Put one more rule in force."""
        self.rules.append(rule)
        self._struck.append(0)

    def draw(self, endpoint: str, account: str, kinds: tuple[str, ...] = REST_KINDS) -> list[Fault]:
        """Return the rules that strike the next request: any number of delays and holds, at most one of the others."""
        struck: list[Fault] = []
        for index, rule in enumerate(self.rules):
            if rule.kind not in kinds or not rule.hits(endpoint, account) or not self._strikes(index, rule, account):
                continue
            if rule.kind in LATE_KINDS or all(other.kind in LATE_KINDS for other in struck):
                self._struck[index] += 1
                struck.append(rule)
        return struck

    def report(self) -> list[dict[str, Any]]:
        """Return the rules, and how often each has struck."""
        return [asdict(rule) | {"struck": count} for rule, count in zip(self.rules, self._struck, strict=True)]

    def _strikes(self, index: int, rule: Fault, account: str) -> bool:
        if rule.times and self._struck[index] >= rule.times:
            return False
        stream = self._streams.get((index, account))
        if stream is None:
            stream = self._streams[index, account] = random.Random(f"{self._seed}/fault/{index}/{account}")
        return stream.random() < rule.rate


def parse_fault(text: str) -> Fault:
    """Return the fault that a command line names: ``http,status=502,phase=after,rate=0.1,endpoint=AddOrder``.

    Raises:
        ConfigError: it names no fault, an unknown field, or an impossible value.
    """
    kind, *rest = (part.strip() for part in text.split(","))
    document: dict[str, Any] = {"kind": kind}
    for part in rest:
        name, separator, value = part.partition("=")
        if not separator:
            raise ConfigError("fault", f"{part!r} without a value", "Write name=value, such as rate=0.1.")
        document[name.strip()] = value.strip()
    return fault_from(document)


def fault_from(document: dict[str, Any]) -> Fault:
    """Return the fault that *document* describes, its values as text or as numbers.

    Raises:
        ConfigError: an unknown field or an impossible value.
    """
    known = {field.name: field.type for field in fields(Fault)}
    for name in document:
        if name not in known:
            raise ConfigError("fault", f"an unknown field {name!r}", f"Use: {', '.join(known)}.")
    return Fault(**{name: _convert(name, str(known[name]), value) for name, value in document.items()})


def _convert(name: str, kind: str, value: Any) -> Any:
    try:
        return {"str": str, "float": float, "int": int}[kind](value)
    except (TypeError, ValueError):
        raise ConfigError(f"fault.{name}", f"{value!r}", "Use a number.") from None


@lru_cache(maxsize=20_000)
def _matches(patterns: str, name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns.split("|"))


def _check(name: str, value: object, mend: str, *, holds: bool) -> None:
    if not holds:
        raise ConfigError(f"fault.{name}", f"{value!r}", mend)
