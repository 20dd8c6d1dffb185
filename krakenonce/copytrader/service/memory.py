"""What the journal has to know of a service: which kind of run it belongs to, what pairs are called, what is armed."""

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


SWITCH_FACT = "switch:"

_FACT = "SELECT value FROM copy_meta WHERE name = ?"


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


class SwitchMemory:
    """Has the journal remember until when each account's cancel-after switch is wound up.

    The next run, or another worker, then knows whether it was the switch that has cancelled an order meanwhile.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def recall(self, user: str) -> int | None:
        """Return until when that of *user* was wound up last, by the exchange's clock; None if it was disarmed."""
        rows = await self._journal.select(_FACT, (SWITCH_FACT + user,))
        return int(rows[0][0]) if rows and rows[0][0] else None

    async def forget(self, user: str) -> None:
        """Have nothing remembered: that account has no switch any more. Who has one again begins anew."""
        if await self.recall(user) is not None:
            self.keep(user, None)

    def keep(self, user: str, due_ns: int | None) -> None:
        """Have it remembered. Never waits."""
        self._journal.commit(Changes(meta={SWITCH_FACT + user: "" if due_ns is None else str(due_ns)}))


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
