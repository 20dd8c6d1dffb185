"""The figures that decisions and orders take into account, read off the board at that moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from krakenonce.broker import PairRules
from krakenonce.copytrader.amounts import ZERO, add, multiply, subtract
from krakenonce.copytrader.circumstances import Circumstances, Usage
from krakenonce.copytrader.engine.board import Board
from krakenonce.copytrader.engine.members import Member
from krakenonce.copytrader.engine.protocols import Quotes
from krakenonce.copytrader.engine.tracks import Track
from krakenonce.copytrader.journal.records import LineRow
from krakenonce.copytrader.mirroring.steering import bound, coming
from krakenonce.copytrader.ordering import Moment
from krakenonce.copytrader.policy import Guards, SizingMode
from krakenonce.copytrader.records import CopyOrder, MasterFill
from krakenonce.copytrader.sizing.funds import with_fee

MARKET_RESERVE = Decimal("1.05")
"""A market order may cost more than the last price says: so much is set aside for it, as a multiple."""

_ONE = Decimal(1)
_NO_POSITIONS: frozenset[str] = frozenset()


class Market(NamedTuple):
    """One pair at the moment of a sweep.

    Attributes:
        price: the last one, in the quote asset; None if not known.
        worth: what one unit of the quote asset is worth in the currency of the config.
        read_ns: when the price was read, by the exchange's clock as far as we know it; 0 if there is none.
    """

    price: Decimal | None
    worth: Decimal
    read_ns: int


class Figures:
    """Reads the board. Kept for one sweep, which is one moment: what concerns everybody is worked out once.

    Parameters:
        board: what the engine knows.
        masters: the masters' equity and free money by asset, at their last look.
    """

    def __init__(self, board: Board, masters: Mapping[str, MasterFigures]) -> None:
        self._board, self._setting, self._masters = board, board.setting, masters
        self._together: Usage | None = None
        guards = board.setting.guards
        self._limits_all = _limits_exposure(guards)
        self._most_together = None if guards is None else board.elsewhere.part(guards.orders_per_minute)
        self._markets: dict[str, Market] = {}
        self._units: dict[str, Decimal] = {}
        self._exchange_ns, self._wall_ns = board.setting.exchange_ns(), board.setting.clock.wall_ns()

    def circumstances(
        self, member: Member, track: Track, fill: MasterFill, rules: PairRules, price: Decimal
    ) -> Circumstances:
        """Return the moment of a decision of *member* about *fill*, for the line of *track*."""
        setting, market = self._setting, self._market(rules)
        master = self._masters.get(fill.master)
        mode = member.policy.sizing.mode
        # By place: naming so many values takes three times as long, and this is done for every user of a fan-out.
        return Circumstances(
            self._exchange_ns,
            member.purse.available(rules.quote) if member.purse.is_known else None,
            self._usage(member, member.policy.guards),
            self._together or self.together(),
            setting.guards,
            None if price is fill.price or price == fill.price else price,
            # A price that is older than the fill does not tell how the price has moved since.
            market.price if market.read_ns >= fill.filled_ns else None,
            setting.fee_rate,
            _on_the_way(track),
            market.worth,
            member.equity,
            master.equity if master is not None else None,
            master.free(rules.quote) if master and mode is SizingMode.BALANCE else None,
        )

    def moment(self, member: Member, track: Track, rules: PairRules) -> Moment:
        """Return the moment of planning the next order of *track*."""
        standing, market, mirrors = self._board.standing(member), self._market(rules), track.mirrors.values()
        most = self._most_together
        # By place, as above.
        return Moment(
            self._exchange_ns,
            track.exec_id,
            track.attempt,
            track.reference or market.price or ZERO,
            member.purse.available(rules.base),
            member.purse.available(rules.quote),
            track.fresh_until_ns(member.policy),
            self._wall_ns,
            track.tries,
            track.left,
            market.price,
            self._setting.fee_rate,
            market.worth,
            member.entries.count(self._wall_ns),
            0 if most is None else self._board.entries.count(self._wall_ns),
            most,
            standing.state,
            standing.reason,
            track.purpose,
            coming(mirrors) if mirrors else ZERO,
            bound(mirrors) if mirrors else ZERO,
        )

    def together(self) -> Usage:
        """Return how much of the limits for all is used: added up once, then kept up to date by `changed`."""
        if self._together is None:
            everybody = self._board.everybody
            members = list(self._board.roster) if self._limits_all else []
            exposure = sum(map(self._exposure, members), ZERO)
            positions = frozenset().union(*(positions_of(one) for one in members))
            if self._limits_all and self._setting.guards is not None:
                elsewhere, most = self._board.elsewhere, self._setting.guards.max_exposure
                exposure = add(exposure, elsewhere.exposure(most, self._value))
                positions |= elsewhere.positions
            self._together = Usage(everybody.state, everybody.reason, exposure, positions)
        return self._together

    def value(self, track: Track) -> Decimal:
        """Return what the line of *track* uses of the exposure of all; 0 if that is not limited."""
        return self._value(track) if self._limits_all else ZERO

    def changed(self, track: Track, before: Decimal) -> None:
        """Note that the line of *track* has moved, whose `value` was *before*: the next to decide sees it."""
        together = self._together
        if together is None or not self._limits_all:
            return
        exposure = add(together.exposure, subtract(self.value(track), before))
        positions, pair = together.positions, track.line.key.pair
        positions = positions if pair in positions else positions | {pair}
        self._together = Usage(together.state, together.state_reason, exposure, positions)

    def _market(self, rules: PairRules) -> Market:
        known = self._markets.get(rules.key)
        if known is None:
            quotes = self._setting.quotes
            rate = quotes.rate(rules.base, rules.quote)
            read_ns = 0 if rate is None else rate.at_ns + self._exchange_ns - self._wall_ns
            known = Market(quotes.price(rules.key), quotes.worth(rules.quote) or _ONE, read_ns)
            self._markets[rules.key] = known
        return known

    def _exposure(self, member: Member) -> Decimal:
        """Return the value of everything copied for *member*, in the config's currency."""
        total = ZERO
        for track in member.tracks.values():
            total = add(total, self._value(track))
        return total

    def _value(self, row: Track | LineRow) -> Decimal:
        """Return the value of what the line of *row* holds or wants, whichever is more."""
        line = row.line
        amount = max(line.wanted, line.held)
        if not amount:
            return ZERO
        unit = self._units.get(line.key.pair)
        return multiply(amount, self._unit(line.key.pair, row.reference) if unit is None else unit)

    def _unit(self, pair: str, reference: Decimal) -> Decimal:
        quotes, rules = self._setting.quotes, self._setting.rules.get(pair)
        price = quotes.price(pair)
        unit = multiply(price or reference, (quotes.worth(rules.quote) if rules else None) or _ONE)
        if price:
            self._units[pair] = unit
        return unit

    def _usage(self, member: Member, guards: Guards) -> Usage:
        standing = self._board.standing(member)
        if not _limits_exposure(guards):
            return Usage(standing.state, standing.reason, ZERO, _NO_POSITIONS, standing.failures)
        exposure = self._exposure(member)
        return Usage(standing.state, standing.reason, exposure, positions_of(member), standing.failures)


class MasterFigures:
    """What a master had at the last look."""

    def __init__(self, equity: Decimal | None, available: Mapping[str, Decimal]) -> None:
        self.equity, self._available = equity, available

    def free(self, asset: str) -> Decimal | None:
        """Return his free money in *asset*."""
        return self._available.get(asset, ZERO)


def positions_of(member: Member) -> frozenset[str]:
    """Return the pairs in which something copied is held or on its way."""
    lines = (track.line for track in member.tracks.values())
    return frozenset(line.key.pair for line in lines if line.held or line.wanted)


def equity_of(totals: Iterable[tuple[str, Decimal]], quotes: Quotes) -> Decimal | None:
    """Return what *totals* (amounts by asset) are worth; None if nothing has a price. What has none counts nothing."""
    worths = [(amount, quotes.worth(asset)) for asset, amount in totals if amount]
    known = [multiply(amount, worth) for amount, worth in worths if worth is not None]
    if worths and not known:
        return None
    return sum(known, ZERO)


def cost_aside(order: CopyOrder, rules: PairRules, fee_rate: Decimal) -> tuple[str, Decimal]:
    """Return the asset that *order* may spend, and the most it may spend of it."""
    if order.side == "sell":
        return rules.base, order.volume
    price = order.limit if order.limit is not None else multiply(order.reference, MARKET_RESERVE)
    return rules.quote, multiply(order.volume, with_fee(price, fee_rate))


def _on_the_way(track: Track) -> Decimal:
    """Return what the open orders of *track* will buy: the money for it is missing from what is available."""
    order = track.order
    total = order.volume if order is not None and order.side == "buy" else ZERO
    for mirror in track.mirrors.values():
        if mirror.side == "buy" and mirror.is_live and mirror.order is not None:
            total = add(total, subtract(mirror.order.volume, mirror.order.executed))
    return total


def _limits_exposure(guards: Guards | None) -> bool:
    return guards is not None and (guards.max_exposure is not None or guards.max_positions is not None)
