"""The right to make one call, and what its end teaches."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from krakenonce.kraken.methods import Purpose, purpose_of
from krakenonce.kraken.replies import Accepted, Outcome
from krakenonce.rates.account import AccountRates, Counted
from krakenonce.rates.charges import EVERY_PAIR
from krakenonce.rates.learning import learn_orders

if TYPE_CHECKING:
    from krakenonce.rates.key import KeyRates


class Permit:
    """The right to make one call, counted already. Used as a context manager around the call's turn; by one owner.

    Say `sent` when the request goes out, and `settle` when its outcome is known. A block that ends before `sent` gives
    the cost back; one that ends after it without an outcome lets the cost fade from there.
    """

    __slots__ = ("_done", "_rates", "_sent", "counted", "method", "params", "rest_cost")

    def __init__(
        self,
        rates: KeyRates,
        method: str,
        params: Mapping[str, Any],
        counted: tuple[Counted, ...],
        rest_cost: int = 0,
    ) -> None:
        self._rates = rates
        self.method, self.params, self.counted, self.rest_cost = method, params, counted, rest_cost
        self._sent = self._done = False

    @property
    def pairs(self) -> tuple[str, ...]:
        """The keys of the pairs that the call was counted at."""
        return tuple(counted.charge.counter for counted in self.counted)

    def sent(self) -> None:
        """The request goes out. Called again, another request of the same turn does, and is counted too."""
        if self._sent:
            self._rates.count_again(self)
        self._sent = True

    def end(self, outcome: Outcome | None) -> None:
        """As `settle`, where nothing may have been sent."""
        if self._sent:
            self.settle(outcome)

    def settle(self, outcome: Outcome | None) -> None:
        """The outcome is known; None if it is only known that there will be none."""
        if not self._done:
            self._done = True
            self._rates.settle(self, outcome)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sent:
            self.settle(None)
        elif not self._done:
            self._done = True
            self._rates.give_back(self)

    def learn(self, account: AccountRates, outcome: Outcome, now_ns: int) -> None:
        """Take in what the outcome says about the account's orders."""
        if not isinstance(outcome, Accepted):
            return
        learn_orders(account.orders, self.method, self.params, outcome.result, now_ns)
        if purpose_of(self.method) is not Purpose.READ:
            for pair in self.pairs:
                account.full.open(pair) if pair != EVERY_PAIR else account.full.open_all()
