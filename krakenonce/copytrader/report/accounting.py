"""What copying has gained and cost: realised by average cost, unrealised at the last known price. Pure and exact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from typing import NamedTuple

from krakenonce.copytrader.records import CopyOrder

ZERO = Decimal(0)
_PRECISION = 60

Place = tuple[str, str]
"""One user and one pair (its key)."""


@dataclass(slots=True)
class Position:
    """What one user holds of one pair by copying.

    Attributes:
        volume: in the base asset; paid: what it cost, fees included, in the quote asset.
        realised: gains and losses of what was sold, after fees of both buying and selling, in the quote asset.
        fees: paid so far; traded: what was bought and sold for, in the quote asset.
    """

    volume: Decimal = ZERO
    paid: Decimal = ZERO
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    traded: Decimal = ZERO

    def take(self, order: CopyOrder) -> None:
        """Count what *order* has bought or sold. What is sold beyond the volume was not copied: it gains nothing."""
        with localcontext(Context(prec=_PRECISION)):
            self.fees += order.fee
            self.traded += order.cost
            if order.side == "buy":
                self.volume += order.executed
                self.paid += order.cost + order.fee
                return
            sold = min(order.executed, self.volume)
            cost = self.paid * sold / self.volume if self.volume else ZERO
            self.realised += (order.cost - order.fee) * sold / order.executed - cost
            self.volume -= sold
            self.paid = self.paid - cost if self.volume else ZERO

    def unrealised(self, price: Decimal | None) -> Decimal:
        """Return what selling everything at *price* would gain, before fees; 0 if no price is known."""
        return self.volume * price - self.paid if price is not None and self.volume else ZERO


class Moment(NamedTuple):
    """One step of the accounts: *at_ns*, what all gained since the start (realised and unrealised), by currency."""

    at_ns: int
    gained: Mapping[str, Decimal]


def settle(orders: Iterable[CopyOrder], since_ns: int = 0) -> dict[Place, Position]:
    """Return every position after *orders*.

    Parameters:
        since_ns: gains, fees and turnover count from here on; what was held before keeps its cost.
    """
    positions: dict[Place, Position] = {}
    for order in sorted_by_end(orders):
        position = positions.setdefault((order.line.user, order.line.pair), Position())
        if ended_ns(order) < since_ns:
            position.take(order)
            position.realised = position.fees = position.traded = ZERO
        else:
            position.take(order)
    return positions


def sorted_by_end(orders: Iterable[CopyOrder]) -> list[CopyOrder]:
    """Return those of *orders* that were filled, in the order in which they ended."""
    return sorted((order for order in orders if order.executed), key=lambda order: (ended_ns(order), order.cl_ord_id))


def ended_ns(order: CopyOrder) -> int:
    """Return when *order* ended, or the last that is known of it."""
    return order.done_ns or order.acknowledged_ns or order.sent_ns or order.planned_ns


def gains(
    orders: Iterable[CopyOrder], prices: Iterable[tuple[int, str, Decimal]], quotes: Mapping[str, str]
) -> Iterator[Moment]:
    """Yield what all users together have gained, after each order and each price.

    Parameters:
        prices: moment, pair and price, such as those of the master's fills.
        quotes: the quote currency of each pair.
    """
    events: list[tuple[int, int, str, CopyOrder | Decimal]] = [
        (ended_ns(order), 1, order.line.pair, order) for order in sorted_by_end(orders)
    ]
    events += [(at_ns, 0, pair, price) for at_ns, pair, price in prices]
    # All users together have the same gains as each alone, summed up: selling takes from each one's own cost.
    positions: dict[Place, Position] = {}
    held: dict[str, Position] = {}
    last: dict[str, Decimal] = {}
    for at_ns, _, pair, event in sorted(events, key=lambda event: event[:3]):
        if isinstance(event, Decimal):
            last[pair] = event
        else:
            _add(held.setdefault(pair, Position()), positions.setdefault((event.line.user, pair), Position()), event)
            last[pair] = event.cost / event.executed
        if pair in held:
            yield Moment(at_ns, _sums(held, last, quotes))


def _add(together: Position, own: Position, order: CopyOrder) -> None:
    volume, paid, realised = own.volume, own.paid, own.realised
    own.take(order)
    with localcontext(Context(prec=_PRECISION)):
        together.volume += own.volume - volume
        together.paid += own.paid - paid
        together.realised += own.realised - realised


def _sums(held: Mapping[str, Position], last: Mapping[str, Decimal], quotes: Mapping[str, str]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for pair, position in held.items():
        currency = quotes.get(pair, pair)
        sums[currency] = sums.get(currency, ZERO) + position.realised + position.unrealised(last.get(pair))
    return sums
