"""Why a nonce can be refused: a closed list, in plain words, each with its mend. Data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Cause(Enum):
    """One reason for ``EAPI:Invalid nonce``. The value is what people read."""

    OWN_DUPLICATE = "another sender of this process used the key"
    LEASE_LOST = "the sender was stopped for so long that it lost its grant"
    CLOCK_BEHIND = "the clock of this machine is behind"
    LARGER_UNIT = "the key was used with larger numbers before"
    FOREIGN_PROGRAM = "another program uses this key"
    UNPARSABLE = "the request could not be read"
    REORDERED = "the exchange saw two requests in another order than they were sent"


MENDS: dict[Cause, str] = {
    Cause.OWN_DUPLICATE: "Send every private call of the key inside a turn of its lane (install() does it), and look "
    "for code that signs with get_global_kraken_nonce() or a clock of its own.",
    Cause.LEASE_LOST: "Nothing to mend if it was a pause of the machine. If it returns, look for what stops the "
    "process (swap, a debugger, a suspended host), or give the store a longer ttl.",
    Cause.CLOCK_BEHIND: "Set the clock right and keep it so (chrony, systemd-timesyncd), and share a store that "
    "outlives restarts, such as file:///var/lib/krakenonce.",
    Cause.LARGER_UNIT: "Kraken never lowers a key's mark. Make a new API key and use it with krakenonce alone; or, if "
    "the numbers here are of a coarser unit, allow the larger one: krakenonce why KEY --allow-unit nanoseconds. "
    "If requests are built by hand, check first that they carry the nonce and are encoded as declared.",
    Cause.FOREIGN_PROGRAM: "Give each program an API key of its own. Until then one of the two is refused again and "
    "again; find out who has the key in Kraken's API settings (last used, IP allow list).",
    Cause.UNPARSABLE: "Another request with a lower nonce was accepted a moment before, so the nonce is not at fault: "
    "check how the body is encoded, and that its nonce is the one that was signed.",
    Cause.REORDERED: "Nothing to mend if it is rare. If it returns, look for a proxy that opens several connections, "
    "and keep one request in flight.",
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A cause with its evidence. *evidence* holds whole sentences without a full stop; never a secret."""

    cause: Cause
    evidence: tuple[str, ...]

    @property
    def mend(self) -> str:
        """What a person must do about it."""
        return MENDS[self.cause]

    @property
    def message(self) -> str:
        """The whole in one line: what it is, how we know, what to do."""
        return f"{self.cause.value} ({'; '.join(self.evidence)}). {self.mend}"
