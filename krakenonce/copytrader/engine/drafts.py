"""What is about to be written in one transaction, and what is to be sent once it is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from krakenonce.copytrader.engine.members import Member
from krakenonce.copytrader.engine.tracks import Track
from krakenonce.copytrader.journal.records import Changes, FillRow, FollowRow, MasterRow, MirrorRow, Standing
from krakenonce.copytrader.mirroring import Step
from krakenonce.copytrader.records import CopyOrder, Decision, LineKey


@dataclass(slots=True)
class Draft:
    """Changes that belong together.

    Attributes:
        touched: lines that have changed, with their users.
        planned: lines whose order is to be sent when all this is written.
        steps: what is to be done for mirrored orders (user, line, the master's order) when all this is written.
        held_up: lines whose order can't be planned for the moment, and is to be once that has passed.
        alone: see `Changes`.
        token: stands for this draft where it must not be kept itself.
    """

    fills: list[FillRow] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    orders: dict[str, CopyOrder] = field(default_factory=dict)
    standings: dict[str, Standing] = field(default_factory=dict)
    masters: dict[tuple[str, str], MasterRow] = field(default_factory=dict)
    follows: list[FollowRow] = field(default_factory=list)
    mirrors: dict[tuple[LineKey, str], str] = field(default_factory=dict)
    meta: dict[str, str] = field(default_factory=dict)
    touched: dict[LineKey, tuple[Member, Track]] = field(default_factory=dict)
    planned: list[tuple[Member, Track]] = field(default_factory=list)
    steps: list[tuple[Member, Track, str, Step]] = field(default_factory=list)
    held_up: list[tuple[Member, Track]] = field(default_factory=list)
    alone: set[str] = field(default_factory=set)
    token: object = field(default_factory=object)

    def touch(self, member: Member, track: Track) -> None:
        """Have the line of *track* written as it stands when the draft is."""
        member.keep(track)
        self.touched[track.line.key] = (member, track)

    def note(self, order: CopyOrder) -> None:
        """Have *order* written."""
        self.orders[order.cl_ord_id] = order

    def changes(self) -> Changes:
        """Return everything as the journal takes it."""
        return Changes(
            fills=tuple(self.fills),
            decisions=tuple(self.decisions),
            lines=tuple(track.row for _, track in self.touched.values()),
            orders=tuple(self.orders.values()),
            standings=tuple(self.standings.values()),
            masters=tuple(self.masters.values()),
            follows=tuple(self.follows),
            mirrors=tuple(MirrorRow(*key, text) for key, text in self.mirrors.items()),
            meta=dict(self.meta),
            alone=frozenset(self.alone),
        )

    def mark_standing(self, member: Member, standing: Standing) -> None:
        """Give *member* another *standing*, and have it written."""
        if standing.state is not member.standing.state:
            # The journal takes no older standing for a newer one, whatever a clock says.
            standing = replace(standing, since_ns=max(standing.since_ns, member.standing.since_ns + 1))
        if standing != member.standing:
            member.standing = standing
            self.standings[standing.user] = standing
