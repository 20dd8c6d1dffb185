"""What a user who joins makes of the positions the master holds already. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from krakenonce.copytrader.amounts import ZERO
from krakenonce.copytrader.guards.reasons import Reason, plain, say
from krakenonce.copytrader.masterbook import Change, Holding
from krakenonce.copytrader.policy import Joining
from krakenonce.copytrader.records import MasterFill


@dataclass(frozen=True, slots=True)
class CatchUp:
    """A position to enter now: *fill* and *change* go to `deciding.decide` as if the master had just bought it.

    The fill is made up: it belongs in no master's book and in no table of fills. The decision is kept under its
    ``exec_id``, so that joining is done once.
    """

    fill: MasterFill
    change: Change


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """The position is not entered; *reason* says why."""

    reason: str


def join(
    joining: Joining, master: str, pair: str, holding: Holding, price: Decimal | None, *, now_ns: int, joined_ns: int
) -> CatchUp | LeftAlone:
    """Return what to do about what *master* holds of *pair*.

    Parameters:
        joining: the user's choice.
        master: ``MASTER`` or ``MASTER:<name>``.
        pair: the master's pair (key).
        holding: his position and what it cost.
        price: of that pair now, in its quote asset; None if not known.
        now_ns: the exchange's clock.
        joined_ns: when the user joined: the same for every try of this joining.
    """
    if joining is Joining.NEW_ONLY:
        return LeftAlone(say(Reason.NOT_JOINED, "only what the master buys from now on is copied"))
    if not holding.position:
        return LeftAlone(say(Reason.NOTHING_COPIED, f"the master holds nothing of {pair}"))
    if price is None or not price > 0:
        return LeftAlone(say(Reason.UNKNOWN_FIGURE, f"the price of {pair} is not known"))
    entered_at = holding.average
    if joining is Joining.SYNC_IF_NOT_WORSE and entered_at is not None and price > entered_at:
        words = f"the price is {plain(price)}, worse than the master's average of {plain(entered_at)}"
        return LeftAlone(say(Reason.WORSE_PRICE, words))
    return _catch_up(master, pair, holding.position, price, now_ns, joined_ns)


def _catch_up(master: str, pair: str, position: Decimal, price: Decimal, now_ns: int, joined_ns: int) -> CatchUp:
    name = f"join-{joined_ns}-{pair}"
    fill = MasterFill(master, name, name, pair, "buy", position, price, now_ns, now_ns, order_volume=position)
    return CatchUp(fill, Change(ZERO, position, Decimal(1), position))
