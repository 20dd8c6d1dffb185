"""What a user wants to know at a glance: copies and skips, gains, fees, latencies and slippage. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from krakenonce.copytrader.guards.reasons import code_of
from krakenonce.copytrader.records import CopyOrder
from krakenonce.copytrader.report.accounting import ZERO, Place, Position
from krakenonce.copytrader.report.receipts import Outcome, Receipt, slippage

N = TypeVar("N", int, Decimal)

PERCENTS = (50, 95, 99)
EVERYBODY = "all"


@dataclass(frozen=True, slots=True)
class Money:
    """In one currency: gains of what was sold, of what is held at the last price, fees, and turnover."""

    realised: Decimal = ZERO
    unrealised: Decimal = ZERO
    fees: Decimal = ZERO
    traded: Decimal = ZERO

    @property
    def gained(self) -> Decimal:
        """Realised and unrealised together."""
        return self.realised + self.unrealised

    def plus(self, other: Money) -> Money:
        """Return the sum."""
        return Money(
            self.realised + other.realised, self.unrealised + other.unrealised, self.fees + other.fees,
            self.traded + other.traded,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class UserFigures:
    """One user (or `EVERYBODY`).

    Attributes:
        outcomes: how many receipts ended how.
        skips: how many fills were skipped, by reason.
        money: by currency.
        sending_ns, answer_ns: from learning of the fill to the order's leaving, and to the exchange's answer; sorted.
        slippage: fractions by which orders were filled worse than the master; sorted.
        standing: such as ``active`` or ``paused: ...``.
    """

    user: str
    outcomes: Mapping[Outcome, int]
    skips: Mapping[str, int]
    money: Mapping[str, Money]
    sending_ns: Sequence[int]
    answer_ns: Sequence[int]
    slippage: Sequence[Decimal]
    standing: str = ""


def percentile(ranked: Sequence[N], percent: int) -> N | None:
    """Return the nearest-rank percentile of *ranked*, which is sorted; None if it is empty."""
    return ranked[max(0, -(-percent * len(ranked) // 100) - 1)] if ranked else None


def summarise(
    user: str,
    receipts: Iterable[Receipt],
    positions: Mapping[Place, Position],
    prices: Mapping[str, Decimal],
    quotes: Mapping[str, str],
    standing: str = "",
) -> UserFigures:
    """Return the figures of *user*, whose own *receipts* and *positions* (or, for all, everybody's) these are."""
    outcomes: Counter[Outcome] = Counter()
    skips: Counter[str] = Counter()
    sending, answers, slips = [], [], []
    orders: dict[str, CopyOrder] = {}
    for receipt in receipts:
        outcomes[receipt.outcome] += 1
        if receipt.outcome is Outcome.SKIPPED:
            skips[short_reason(receipt.reason)] += 1
        if receipt.order is not None:
            orders[receipt.order.cl_ord_id] = receipt.order
        sending += [value for value in (receipt.sending_ns,) if value is not None]
        answers += [value for value in (receipt.answer_ns,) if value is not None]
    slips = [value for order in orders.values() if (value := slippage(order)) is not None]
    money = _money(positions, prices, quotes)
    return UserFigures(user, outcomes, skips, money, sorted(sending), sorted(answers), sorted(slips), standing)


def short_reason(reason: str) -> str:
    """Return the kind of a reason: its code in words if it has one, else all of it."""
    code = code_of(reason)
    return code.value.replace("_", " ") if code is not None else reason or "no reason given"


def _money(
    positions: Mapping[Place, Position], prices: Mapping[str, Decimal], quotes: Mapping[str, str]
) -> dict[str, Money]:
    sums: dict[str, Money] = {}
    for (_, pair), position in positions.items():
        own = Money(position.realised, position.unrealised(prices.get(pair)), position.fees, position.traded)
        currency = quotes.get(pair, pair)
        sums[currency] = sums.get(currency, Money()).plus(own)
    return sums
