"""How one user copies: sizing, guards, choices. Immutable values, no I/O.

Each number is checked when it is made. What concerns several at a time is the business of whoever read them: he knows
the lines they stand in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from types import MappingProxyType

from krakenonce.errors import ConfigError

_ZERO = Decimal(0)


def _check(
    name: str,
    value: object,
    *,
    above: Decimal | None = None,
    most: Decimal | None = None,
    below: Decimal | None = None,
) -> None:
    """Refuse what is no finite `Decimal` of at least 0, or beyond the bounds; None is never refused."""
    if value is None:
        return
    if not isinstance(value, Decimal):
        raise ConfigError(name, f"a {type(value).__name__}", "Use a Decimal: money is never a binary fraction.")
    if not value.is_finite() or value < 0 or (above is not None and value <= above):
        raise ConfigError(name, f"{value}", "Use a finite number above 0." if above is not None else "Use 0 or more.")
    if (most is not None and value > most) or (below is not None and value >= below):
        bound = f"at most {most}" if most is not None else f"below {below}"
        raise ConfigError(name, f"{value}", f"Use a number {bound}.")


def _check_count(name: str, value: object, least: int, most: int | None = None) -> None:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < least or (most is not None and value > most):
        bounds = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise ConfigError(name, f"{value!r}", f"Use a whole number {bounds}.")


class SizingMode(Enum):
    """How large a copy is; see docs/reference/sizing.md for the formulas."""

    FIXED_BASE = "fixed_base"
    FIXED_QUOTE = "fixed_quote"
    MULTIPLIER = "multiplier"
    EQUITY = "equity"
    BALANCE = "balance"
    RISK = "risk"


@dataclass(frozen=True, slots=True)
class Sizing:
    """A mode and its numbers.

    Parameters:
        mode: see `SizingMode`.
        amount: base units (fixed_base) or quote units (fixed_quote) per order of the master's; a factor (multiplier,
            equity, balance); the percentage of equity at risk (risk).
        stop_percent: risk only: how far away, in per cent of the price, the loss is taken.
    """

    mode: SizingMode = SizingMode.MULTIPLIER
    amount: Decimal = Decimal(1)
    stop_percent: Decimal = Decimal(5)

    def __post_init__(self) -> None:
        _check("amount", self.amount, above=_ZERO)
        _check("stop_percent", self.stop_percent, above=_ZERO, most=Decimal(100))


class BelowMinimum(Enum):
    """What becomes of an entry that is below the pair's minimum."""

    ACCUMULATE = "accumulate"
    SKIP = "skip"
    ROUND_UP = "round_up"


class Rest(Enum):
    """What becomes of the part of a limit order that found no counterpart within the slippage limit."""

    SKIP = "skip"
    RETRY = "retry"
    MARKET = "market"


class Stop(Enum):
    """What a reached loss limit does: no entries any more, or also close what was copied."""

    SOFT = "soft"
    HARD = "hard"


class Joining(Enum):
    """What a user who joins while the master holds positions does with those."""

    NEW_ONLY = "new_only"
    SYNC_NOW = "sync_now"
    SYNC_IF_NOT_WORSE = "sync_if_not_worse"


class Leaving(Enum):
    """What becomes of the copied positions of a user who leaves."""

    KEEP = "keep"
    CLOSE = "close"
    CLOSE_WITH_MASTER = "close_with_master"


class CopyMode(Enum):
    """What is copied: the master's fills, or his resting orders as well."""

    FILLS = "fills"
    ORDERS = "orders"


@dataclass(frozen=True, slots=True)
class Guards:
    """Limits of one user, or of all together. None switches a limit off. Money is in the currency of the config.

    Parameters:
        pairs: the pairs (keys) that may be entered; None for all.
        min_order, max_order: value of one order; an entry below is skipped, one above is cut.
        max_exposure: value of everything copied and held; an entry that would exceed it is cut.
        max_positions: how many pairs may be held at a time.
        slippage: how much worse than the master's price an entry may be, as a fraction (0.005 is half a per cent).
        exit_slippage: the same for the first attempt of an exit.
        max_age_s: seconds after which a fill is too old to be entered.
        daily_loss: loss since midnight UTC, in currency, that stops.
        drawdown: loss from the highest equity, as a fraction, that stops.
        stop: what stopping means.
        orders_per_minute: entries above that wait, and are dropped when they get too old.
        max_failures: so many failed copies in a row pause the user (or everybody).
    """

    pairs: frozenset[str] | None = None
    min_order: Decimal | None = None
    max_order: Decimal | None = None
    max_exposure: Decimal | None = None
    max_positions: int | None = None
    slippage: Decimal = Decimal("0.005")
    exit_slippage: Decimal = Decimal("0.01")
    max_age_s: int = 10
    daily_loss: Decimal | None = None
    drawdown: Decimal | None = None
    stop: Stop = Stop.SOFT
    orders_per_minute: int | None = None
    max_failures: int | None = 5

    def __post_init__(self) -> None:
        for name in ("min_order", "max_order", "max_exposure", "daily_loss"):
            _check(name, getattr(self, name))
        for name in ("slippage", "exit_slippage"):
            _check(name, getattr(self, name), below=Decimal(1))
        _check("drawdown", self.drawdown, above=_ZERO, most=Decimal(1))
        for name, least in (("max_positions", 0), ("max_age_s", 0), ("orders_per_minute", 1), ("max_failures", 1)):
            _check_count(name, getattr(self, name), least)


@dataclass(frozen=True, slots=True)
class UserPolicy:
    """Everything that decides how one user copies.

    Parameters:
        masters: whom he follows.
        sizing, guards: how much, and how far.
        below_minimum: what becomes of small amounts; round_up_cap: the most that rounding up may add, as a multiple of
            what was wanted.
        rest, exit_rest: what becomes of what the market left of an entry, of an exit. An exit that did not get out is
            sent again in any case.
        mode: fills or orders.
        joining, leaving: see there.
        mapping: pairs to trade instead, by the master's pair (both as keys). ``None`` as a value skips the pair.
        valid_s: seconds, 3 to 55, for which an order may be accepted by the exchange.
    """

    masters: tuple[str, ...] = ("MASTER",)
    sizing: Sizing = Sizing()
    guards: Guards = Guards()
    below_minimum: BelowMinimum = BelowMinimum.ACCUMULATE
    round_up_cap: Decimal = Decimal(2)
    rest: Rest = Rest.SKIP
    exit_rest: Rest = Rest.MARKET
    mode: CopyMode = CopyMode.FILLS
    joining: Joining = Joining.NEW_ONLY
    leaving: Leaving = Leaving.KEEP
    mapping: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType({}))
    valid_s: int = 5

    def __post_init__(self) -> None:
        _check("round_up_cap", self.round_up_cap)
        _check_count("valid_s", self.valid_s, 3, 55)
