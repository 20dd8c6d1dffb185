"""What became of every fill on every account: one receipt for each decision, in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum


class Verdict(Enum):
    """How a decision ended."""

    COPIED = "copied"
    CARRIED = "carried"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one user's account got for one or several fills of the master, or why it got nothing.

    Moments are nanoseconds since 1970: ``filled_ns`` by the exchange's clock, the others by ours; 0 means that the
    step was never reached.

    Attributes:
        account: ``USER:<name>``.
        pair: the pair's key, such as ``XXBTZUSD``.
        side: ``buy`` or ``sell``.
        fills: the exec ids of the master's trades that this decision took in, oldest first.
        verdict: how it ended.
        volume: what was ordered, in the base asset; 0 if nothing was.
        carried: what is due but waits, in the base asset.
        reason: why nothing (or not all) was ordered; empty for a plain copy.
        cl_ord_id: the order's name given by us; empty if none was sent.
        txid: the order's name given by the exchange; empty if there is none.
        attempts: how many times the order was sent.
        filled_ns: when the newest of the fills happened.
        received_ns: when we learnt of the newest of the fills.
        decided_ns: when the plan stood.
        sent_ns: when the order was handed to the account's lane.
        acknowledged_ns: when its fate was known.
    """

    account: str
    pair: str
    side: str
    fills: tuple[str, ...]
    verdict: Verdict
    volume: Decimal = Decimal(0)
    carried: Decimal = Decimal(0)
    reason: str = ""
    cl_ord_id: str = ""
    txid: str = ""
    attempts: int = 0
    filled_ns: int = 0
    received_ns: int = 0
    decided_ns: int = 0
    sent_ns: int = 0
    acknowledged_ns: int = 0

    @property
    def latency_ns(self) -> int:
        """Nanoseconds from learning of the newest fill to knowing the copy's fate; 0 if nothing was sent."""
        return self.acknowledged_ns - self.received_ns if self.sent_ns else 0


class ReceiptBook:
    """Every receipt of a run, in the order of decision. Belongs to one event loop."""

    def __init__(self) -> None:
        self._receipts: list[Receipt] = []

    def __len__(self) -> int:
        return len(self._receipts)

    def __iter__(self) -> Iterator[Receipt]:
        return iter(self._receipts)

    def add(self, receipt: Receipt) -> None:
        """File one receipt."""
        self._receipts.append(receipt)

    def of(self, account: str) -> list[Receipt]:
        """Return the receipts of one account."""
        return [receipt for receipt in self._receipts if receipt.account == account]

    def latencies_ns(self, accounts: Iterable[str] | None = None) -> list[int]:
        """Return the latency of every copy that reached the exchange, of *accounts* or of all."""
        wanted = None if accounts is None else frozenset(accounts)
        return [
            receipt.latency_ns
            for receipt in self._receipts
            if receipt.verdict is Verdict.COPIED and (wanted is None or receipt.account in wanted)
        ]


def percentile(values: Iterable[int], percent: int) -> int | None:
    """Return the nearest-rank *percent* percentile, or None if there are no values."""
    ranked = sorted(values)
    if not ranked:
        return None
    return ranked[max(0, -(-percent * len(ranked) // 100) - 1)]
