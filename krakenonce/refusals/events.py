"""What is written into a store about a key's refusals: one line of JSON an event."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Literal, get_args

Kind = Literal["refused", "healed", "opened", "closed", "lifted", "allowed"]
KINDS: tuple[str, ...] = get_args(Kind)

LONGEST_TEXT, LONGEST_TRAIL = 600, 420


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a key. Times are in nanoseconds since 1970, by the writer's wall clock.

    Attributes:
        kind: ``refused`` for its nonce; ``healed``: the exchange takes nonces again; ``opened``: nothing is sent up to
            *until_ns*; ``closed``: a probe was accepted; ``lifted``: the operator ended the quarantine; ``allowed``:
            the operator lets the key be raised to the unit that *cause* names, or (empty) not any more.
        at_ns: when.
        pid: who wrote it.
        account: whose key it is, if the process knew.
        nonce: the number concerned.
        cause: a name of `Cause`, or of a `krakenonce.nonce.Unit`, or empty.
        text: what people read. Never a secret.
        until_ns: the end of a quarantine; 0 otherwise.
        trail: the last flights of the recorder, one a line.
    """

    kind: Kind
    at_ns: int
    pid: int = 0
    account: str = ""
    nonce: int = 0
    cause: str = ""
    text: str = ""
    until_ns: int = 0
    trail: str = ""

    def line(self) -> str:
        """Return the event as one line without its end, of about 1,200 characters at the most."""
        short = replace(self, text=_shortened(self.text), trail=_last_lines(self.trail))
        return json.dumps(asdict(short), separators=(",", ":"))


def _shortened(text: str) -> str:
    """Return *text* with its middle left out if it is long: it begins with the cause and ends with the mend."""
    half = (LONGEST_TEXT - 5) // 2
    return text if len(text) <= LONGEST_TEXT else f"{text[:half]} ... {text[-half:]}"


def _last_lines(trail: str) -> str:
    lines = trail.splitlines()
    while lines and sum(map(len, lines)) + len(lines) > LONGEST_TRAIL:
        del lines[0]
    return "\n".join(lines)


_NUMBERS = ("at_ns", "pid", "nonce", "until_ns")
_TEXTS = ("account", "cause", "text", "trail")


def read_events(lines: Iterable[str]) -> list[Event]:
    """Return the events in *lines*; what is damaged (a process was killed while it wrote) is left out."""
    return [event for event in map(_read, lines) if event is not None]


def _read(line: str) -> Event | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("kind") not in KINDS:
        return None
    numbers = {name: found.get(name, 0) for name in _NUMBERS}
    texts = {name: found.get(name, "") for name in _TEXTS}
    if not all(type(number) is int for number in numbers.values()):
        return None
    if not all(isinstance(text, str) for text in texts.values()):
        return None
    return Event(kind=found["kind"], **numbers, **texts)
