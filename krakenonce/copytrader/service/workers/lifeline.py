"""What ties a worker to its supervisor: a pipe. A letter comes through it, and its end means the worker's end.

So no worker outlives its supervisor, whatever ended that one, and no secret stands in an argument or a file.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from krakenonce.errors import ConfigError

_STDIN = 0


@dataclass(frozen=True, slots=True)
class Letter:
    """What a worker is told once: the vault's *passphrase*, if the configuration needs one."""

    passphrase: str | None = field(default=None, repr=False)

    def text(self) -> bytes:
        """Return it as it is sent: one line."""
        return json.dumps({"passphrase": self.passphrase}).encode() + b"\n"


def read_letter() -> Letter:
    """Return the letter that comes through standard input. Blocks.

    Raises:
        ConfigError: there is none: this process was not started by a supervisor.
    """
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(_STDIN, 1)
        if not byte:
            raise ConfigError("--worker", "a number, and no supervisor", "Use --workers to start several workers.")
        line += byte
    return Letter(json.loads(line)["passphrase"])


def when_cut(deed: Callable[[], object]) -> None:
    """Call *deed*, in a thread of its own, when the supervisor lets go of the pipe, or is no more."""

    def wait() -> None:
        while os.read(_STDIN, 1):
            """Nothing more is said; what counts is the end."""
        deed()

    threading.Thread(target=wait, name="krakenonce lifeline", daemon=True).start()
