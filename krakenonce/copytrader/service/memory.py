"""What the journal has to know of a service: which kind of run it belongs to, and what pairs are called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from krakenonce.broker.symbols import Symbols
from krakenonce.copytrader.config import RunMode
from krakenonce.copytrader.engine.protocols import Journal
from krakenonce.copytrader.journal import Changes
from krakenonce.copytrader.journal.rows import order_of
from krakenonce.copytrader.journal.schema import ORDERS
from krakenonce.copytrader.records import CopyOrder
from krakenonce.copytrader.report import PAIR_FACT
from krakenonce.errors import ConfigError

RUN_FACT = "run"

FILES_FACT = "asked:files"
"""Changes its value each time all workers are asked to read their configuration again."""

_ON_PAPER = f"SELECT {ORDERS} FROM copy_orders WHERE path = 'dry'"  # noqa: S608 - constants only


def check_run(run: RunMode, facts: Mapping[str, str], *, is_used: bool) -> None:
    """See that a journal with these *facts* belongs to this kind of *run*.

    Raises:
        ConfigError: it belongs to another. Coins that exist on paper only would be sold, or real ones never.
    """
    other = facts.get(RUN_FACT) or (RunMode.LIVE.value if is_used else run.value)
    if other != run.value:
        mend = "Name another file for this run, or leave `journal` out: each kind of run then has its own."
        raise ConfigError("journal", f"one that a {other} run has begun, for a {run.value} run", mend)


async def paper_orders(journal: Journal) -> dict[str, list[CopyOrder]]:
    """Return the orders that were filled on paper, by user; raises `StoreUnavailable`."""
    found: dict[str, list[CopyOrder]] = {}
    for row in await journal.select(_ON_PAPER, ()):
        order = order_of(row)
        found.setdefault(order.line.user, []).append(order)
    return found


class PairNames:
    """Has the journal remember what the pairs in it are called, so that a report needs no exchange.

    Parameters:
        journal: that remembers; symbols: knows.
        facts: what the journal remembers already.
    """

    def __init__(self, journal: Journal, symbols: Symbols, facts: Mapping[str, str]) -> None:
        self._journal, self._symbols = journal, symbols
        self._known = {name.removeprefix(PAIR_FACT) for name in facts if name.startswith(PAIR_FACT)}

    def note(self, pairs: Iterable[str]) -> None:
        """Have *pairs* (keys) remembered. Never waits."""
        new = {pair: self._symbols.symbol(pair) for pair in pairs if pair not in self._known}
        facts = {f"{PAIR_FACT}{pair}": symbol for pair, symbol in new.items() if symbol is not None}
        self._known.update(new)
        if facts:
            self._journal.commit(Changes(meta=facts))
