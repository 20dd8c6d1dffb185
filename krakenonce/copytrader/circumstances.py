"""What a decision takes into account besides the fill and the policy: figures of that moment. Immutable values.

They enter the decision when it is taken and are never asked for again. Money is in the currency of the config unless
another is named.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from krakenonce.copytrader.amounts import ZERO
from krakenonce.copytrader.journal.records import State
from krakenonce.copytrader.policy import Guards


class Usage(NamedTuple):
    """How much of the limits is used: by one user, or by everybody together.

    Attributes:
        state: whether entries are made at all; state_reason: why not.
        exposure: the value of everything copied: of each line what is held or what is wanted, whichever is more.
        positions: the pairs (keys) in which something copied is held or wanted.
        failures: how many copies in a row have failed.
    """

    state: State = State.ACTIVE
    state_reason: str = ""
    exposure: Decimal = ZERO
    positions: frozenset[str] = frozenset()
    failures: int = 0


class Circumstances(NamedTuple):
    """The moment of a decision.

    Attributes:
        now_ns: the exchange's clock.
        available: free money, less what is set aside for orders on their way, in the quote asset of the user's pair.
            None if the account could not be looked at yet: then it is found out before an order is planned.
        user: his use of the limits in his policy.
        together, together_guards: everybody's use of the limits for all. Of those count the pairs, the least and most
            of an order, exposure and positions; what depends on one user's taste (age, slippage, failures) does not.
        price: the master's price in the quote asset of the user's pair, if the pair was mapped; None: the fill's own.
        market: the price of the user's pair now; None if not known.
        fee_rate: the taker's fee, as a fraction, charged in the quote asset.
        on_the_way: what entry orders of this line that have not ended will buy, in the base asset: their money is
            missing from *available* already.
        worth: what one unit of the quote asset is worth in the currency of the config.
        user_equity, master_equity: None if not known.
        master_balance: the master's free money at the time, in the quote asset of the user's pair; None if not known.
    """

    now_ns: int
    available: Decimal | None
    user: Usage = Usage()
    together: Usage = Usage()
    together_guards: Guards | None = None
    price: Decimal | None = None
    market: Decimal | None = None
    fee_rate: Decimal = ZERO
    on_the_way: Decimal = ZERO
    worth: Decimal = Decimal(1)
    user_equity: Decimal | None = None
    master_equity: Decimal | None = None
    master_balance: Decimal | None = None
