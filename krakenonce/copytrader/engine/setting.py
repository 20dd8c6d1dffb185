"""What surrounds the engine: clocks, prices, rules of pairs, limits for all. Injected; nothing here does I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

from krakenonce.broker import PairRules
from krakenonce.clock import Clock
from krakenonce.copytrader.engine.protocols import Purseholder, Quotes, Sleep
from krakenonce.copytrader.notify import Notice
from krakenonce.copytrader.policy import Guards


def _unheard(notice: Notice) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the engine looks.

    Parameters:
        balances_s: seconds between two looks at an account's balances, when nothing happens.
        after_order_s: seconds after an order has ended until its account is looked at; many orders share one look.
        patience_s: how long a start waits for accounts that do not answer.
    """

    balances_s: float = 60.0
    after_order_s: float = 2.0
    patience_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Setting:
    """What surrounds the engine.

    Parameters:
        clock: ours; sleep: how to wait, in seconds.
        exchange_ns: the exchange's clock as far as we know it.
        rules: of every pair, by key; may be exchanged for newer ones.
        quotes: the last prices.
        guards: limits of all users together; None for none.
        fee_rate: the taker's fee that is set aside for, as a fraction
            (https://www.kraken.com/features/fee-schedule: 0.4 % is the highest).
        masters: whose balances to look at for sizes in proportion, by master.
        tell: is told of what people may want to be notified of. Must not wait.
        pace: how often to look.
    """

    clock: Clock
    exchange_ns: Callable[[], int]
    rules: Mapping[str, PairRules]
    quotes: Quotes
    sleep: Sleep = asyncio.sleep
    guards: Guards | None = None
    fee_rate: Decimal = Decimal("0.004")
    masters: Mapping[str, Purseholder] = field(default_factory=lambda: MappingProxyType({}))
    tell: Callable[[Notice], None] = _unheard
    pace: Pace = Pace()
