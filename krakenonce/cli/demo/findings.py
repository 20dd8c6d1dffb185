"""What an act has shown, computed from the exchange's figures and the journal's. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from krakenonce.broker import PairRules
from krakenonce.cli.demo.play import Act
from krakenonce.copytrader.amounts import floor_to_lot, multiply
from krakenonce.copytrader.report.figures import percentile
from krakenonce.copytrader.sizing.minimums import meets_minimums

Traded = dict[tuple[str, str], Decimal]


@dataclass(frozen=True, slots=True)
class Row:
    """One account. All but the latencies (nanoseconds, from the fill received to the copy acknowledged) is the
    exchange's own count."""

    account: str
    orders: int
    fills: int
    calls: int
    invalid_nonces: int
    p50_ns: int | None = None
    p99_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """What came of one act.

    Attributes:
        rows: MASTER first.
        wrong: one line for each account and market whose copies do not add up.
        p50_ns, p99_ns: copy latency over the users that did not hang.
    """

    rows: tuple[Row, ...]
    wrong: tuple[str, ...]
    p50_ns: int | None
    p99_ns: int | None

    @property
    def calls(self) -> int:
        """All private calls."""
        return sum(row.calls for row in self.rows)

    @property
    def invalid_nonces(self) -> int:
        """All calls refused for their nonce."""
        return sum(row.invalid_nonces for row in self.rows)


def findings(act: Act, rules: Mapping[str, PairRules], prices: Mapping[str, Decimal]) -> Findings:
    """Judge one act."""
    names = ["MASTER", *(user.name for user in act.users)]
    master = traded(act, "MASTER")
    wrong = []
    for user in act.users:
        wrong += faults(user.name, user.multiplier, master, traded(act, user.name), rules, prices)
        wrong += undecided(act, user.name)
    latencies = [one for user in act.users if not user.hangs for one in act.latencies_ns.get(user.name, ())]
    latencies.sort()
    rows = tuple(_row(act, name) for name in names)
    return Findings(rows, tuple(wrong), percentile(latencies, 50), percentile(latencies, 99))


def traded(act: Act, account: str) -> Traded:
    """Return what *account* has traded during the act, per pair and side, by the exchange's books."""
    before, after = (_volumes(figures["accounts"][account]["traded"]) for figures in (act.before, act.after))
    return {market: volume - before.get(market, Decimal(0)) for market, volume in after.items()}


def faults(
    account: str,
    multiplier: Decimal,
    master: Traded,
    own: Traded,
    rules: Mapping[str, PairRules],
    prices: Mapping[str, Decimal],
) -> list[str]:
    """Return a line for each market on which *account* has not what the master's trades make it due.

    The master sells nothing that he did not buy during the act, and always all he has of it: so both sides of a market
    are his multiple.
    """
    lines = []
    for pair, side in sorted(master.keys() | own.keys()):
        due = multiply(multiplier, master.get((pair, side), Decimal(0)))
        has = own.get((pair, side), Decimal(0))
        wanted = floor_to_lot(due, rules[pair].lot_decimals)
        # What is due but below the pair's minimums is carried to the next fill, with a reason: not a fault.
        if has > wanted or meets_minimums(wanted - has, prices[pair], rules[pair]):
            lines.append(f"{account}: {side} {pair}: {has:f} instead of {wanted:f}")
    return lines


def undecided(act: Act, account: str) -> list[str]:
    """Return a line if *account* has not taken one decision on each of the master's fills."""
    made, missing = _gained(act, "accounts", "MASTER", "fills"), act.undecided[account]
    return [f"{account}: {made - missing} decisions on the master's {made} fills"] if missing else []


def _volumes(figures: Mapping[str, Mapping[str, str]]) -> Traded:
    return {(pair, side): Decimal(volume) for pair, sides in figures.items() for side, volume in sides.items()}


def _row(act: Act, name: str) -> Row:
    latencies = sorted(act.latencies_ns.get(name, ()))
    return Row(
        account=name,
        orders=_gained(act, "accounts", name, "orders"),
        fills=_gained(act, "accounts", name, "fills"),
        calls=sum(_gained(act, "keys", name, count) for count in ("accepted", "refused", "lost")),
        invalid_nonces=_gained(act, "keys", name, "invalid_nonces"),
        p50_ns=percentile(latencies, 50),
        p99_ns=percentile(latencies, 99),
    )


def _gained(act: Act, table: str, name: str, figure: str) -> int:
    change: Any = act.after[table][name][figure] - act.before[table][name][figure]
    return int(change)
