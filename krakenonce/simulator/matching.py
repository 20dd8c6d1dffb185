"""Price-time priority: what an order would get from a book. Pure: nothing is changed here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from krakenonce.simulator.book import Level, Offer
    from krakenonce.simulator.orders import Order, Side

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Trail:
    """A distance from a moving price: *amount* in quote units, or in percent."""

    amount: Decimal
    percent: bool = False

    def distance(self, price: Decimal) -> Decimal:
        """Return the distance in quote units."""
        return price * self.amount / 100 if self.percent else self.amount


@dataclass(frozen=True, slots=True)
class Match:
    """A piece of volume at one price, against a resting order or one of the market's own levels."""

    price: Decimal
    volume: Decimal
    maker: Order | None
    level: Level | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a taker would get. *own* is the taker's own resting order at which matching had to stop, if there is one."""

    matches: tuple[Match, ...]
    own: Order | None = None

    @property
    def volume(self) -> Decimal:
        """The sum of the matches' volumes."""
        return sum((match.volume for match in self.matches), ZERO)

    @property
    def cost(self) -> Decimal:
        """The sum of price times volume."""
        return sum((match.price * match.volume for match in self.matches), ZERO)


def accepts(side: Side, bound: Decimal | None, price: Decimal) -> bool:
    """Return whether an order of *side* with this worst price may trade at *price*."""
    if bound is None:
        return True
    return price <= bound if side == "buy" else price >= bound


def plan_for(order: Order, offers: Iterator[Offer]) -> Plan:
    """Return what *order* would get from *offers*, which come in priority order."""
    matches: list[Match] = []
    wanted = order.remaining
    for offer in offers:
        if not accepts(order.side, order.limit_price, offer.price):
            break
        if offer.order is not None and offer.order.account is order.account:
            return Plan(tuple(matches), offer.order)
        volume = _share(order, wanted, offer)
        if volume <= 0:
            break
        matches.append(Match(offer.price, volume, offer.order, offer.level))
        wanted -= volume * offer.price if order.ticket.in_quote else volume
        if wanted <= 0:
            break
    return Plan(tuple(matches))


def _share(order: Order, wanted: Decimal, offer: Offer) -> Decimal:
    if not order.ticket.in_quote:
        return min(wanted, offer.volume)
    if wanted >= offer.price * offer.volume:
        return offer.volume
    return (wanted / offer.price).quantize(order.pair.lot, rounding=ROUND_DOWN)
