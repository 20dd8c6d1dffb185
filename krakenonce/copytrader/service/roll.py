"""Who is copied by whom, as the journal has it: for a list that covers every worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from krakenonce.copytrader.engine.protocols import Journal
from krakenonce.copytrader.journal.records import Standing
from krakenonce.copytrader.journal.rows import line_of, standing_of
from krakenonce.copytrader.journal.schema import LINES, STANDINGS
from krakenonce.copytrader.records import Line

_STANDINGS = f"SELECT {STANDINGS} FROM copy_standings"  # noqa: S608 - constants only, as below
_LINES = f"SELECT {LINES} FROM copy_lines"  # noqa: S608

Row = dict[str, Any]
Name = Callable[[str], str]


async def roll(journal: Journal, users: Iterable[str], name: Name) -> dict[str, Row]:
    """Return what the journal says of *users*, by name: state, reason, worker, lines.

    Parameters:
        journal: in PostgreSQL; name: returns what people call a pair.

    Raises:
        StoreUnavailable: the journal can't be read.
    """
    from krakenonce.copytrader.journal.leases import HELD  # needs psycopg

    workers = dict(await journal.select(HELD))
    standings = {row[0]: standing_of(row) for row in await journal.select(_STANDINGS)}
    lines = [line_of(row).line for row in await journal.select(_LINES)]
    return {
        user: {
            "user": user,
            "trouble": "",
            "worker": place_of(workers[user]) if user in workers else "nobody",
            **stands(standings.get(user, Standing(user))),
            "lines": held((line for line in lines if line.key.user == user), name),
        }
        for user in users
    }


def stands(standing: Standing) -> Row:
    """Return the part of a row that tells where somebody stands."""
    return {"state": standing.state.value, "reason": standing.reason}


def held(lines: Iterable[Line], name: Name) -> list[Row]:
    """Return the part of a row that tells what somebody holds."""
    return [
        {"master": line.key.master, "pair": name(line.key.pair), "held": f"{line.held:f}"}
        for line in lines
        if line.held or line.wanted
    ]


def place_of(worker: str) -> str:
    """Return the host and the process of *worker*, for people."""
    return worker.rpartition(":")[0]
