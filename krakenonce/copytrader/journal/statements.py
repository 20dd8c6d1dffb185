"""What is asked of the tables, in the SQL that SQLite and PostgreSQL share, and a batch of changes as such. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader.journal import rows
from krakenonce.copytrader.journal.records import Changes
from krakenonce.copytrader.journal.rows import Row
from krakenonce.copytrader.journal.schema import (
    DECISIONS,
    FILLS,
    FOLLOWS,
    LINES,
    MASTERS,
    META,
    MIRRORS,
    ORDERS,
    STANDINGS,
)
from krakenonce.copytrader.records import CopyOrder, Decision, Kind, LineKey, OrderPhase

RECENT_NS = 2 * 86_400 * NS_PER_SECOND
"""Fills of the last two days are remembered by the engine; older ones are looked up."""


def _insert(table: str, columns: str, constants: Mapping[str, str] = MappingProxyType({})) -> str:
    marks = ", ".join(constants.get(name, "?") for name in columns.split(", "))
    return f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 - constants only


def _put(
    table: str, columns: str, key: str, condition: str = "", constants: Mapping[str, str] = MappingProxyType({})
) -> str:
    others = [name for name in columns.split(", ") if name not in key.split(", ")]
    update = ", ".join(f"{name} = excluded.{name}" for name in others)
    return f"{_insert(table, columns, constants)} ON CONFLICT ({key}) DO UPDATE SET {update} {condition}"


ADD_FILL = _insert("copy_fills", FILLS) + " ON CONFLICT DO NOTHING"
ADD_DECISION = _insert("copy_decisions", DECISIONS) + " ON CONFLICT DO NOTHING"
PUT_LINE = _put("copy_lines", LINES, "user_name, master, pair")
_OPEN = "WHERE copy_orders.phase IN ('planned', 'open')"
PUT_ORDER = _put("copy_orders", ORDERS, "exec_id, cl_ord_id", _OPEN)
PUT_PLANNED = _put("copy_orders", ORDERS, "exec_id, cl_ord_id", _OPEN, rows.AS_PLANNED)
TAKE_IN_OLDER = """UPDATE copy_decisions SET cl_ord_id = ?
    WHERE user_name = ? AND master = ? AND pair = ? AND cl_ord_id = '' AND kind <> 'skip'"""
PUT_STANDING = _put(
    "copy_standings",
    STANDINGS,
    "user_name",
    """WHERE excluded.since_ns >= copy_standings.since_ns
    AND (copy_standings.state <> 'killed' OR excluded.state IN ('killed', 'active', 'leaving', 'left'))""",
)
PUT_MASTER = _put("copy_masters", MASTERS, "master, pair", "WHERE excluded.fills >= copy_masters.fills")
PUT_FOLLOW = _put("copy_follows", FOLLOWS, "user_name, master")
PUT_MIRROR = _put("copy_mirrors", MIRRORS, "user_name, master, pair, order_txid")
FORGET_MIRROR = "DELETE FROM copy_mirrors WHERE user_name = ? AND master = ? AND pair = ? AND order_txid = ?"
PUT_META = _put("copy_meta", META, "name")

RECENT_FILLS = f"SELECT {FILLS} FROM copy_fills WHERE filled_ns >= ? ORDER BY filled_ns"  # noqa: S608 - constants only
NEWEST_FILL = "SELECT coalesce(max(filled_ns), 0) FROM copy_fills"
ALL_LINES = f"SELECT {LINES} FROM copy_lines"  # noqa: S608 - constants only, as in all of these
OPEN_ORDERS = f"SELECT {ORDERS} FROM copy_orders WHERE phase IN ('planned', 'open') ORDER BY planned_ns"  # noqa: S608
ALL_STANDINGS = f"SELECT {STANDINGS} FROM copy_standings"  # noqa: S608
ALL_MASTERS = f"SELECT {MASTERS} FROM copy_masters"  # noqa: S608
ALL_FOLLOWS = f"SELECT {FOLLOWS} FROM copy_follows"  # noqa: S608
ALL_MIRRORS = f"SELECT {MIRRORS} FROM copy_mirrors"  # noqa: S608
ALL_META = f"SELECT {META} FROM copy_meta"  # noqa: S608
LATELY_DECIDED = f"""SELECT d.master, d.exec_id
    FROM copy_fills f JOIN copy_decisions d ON d.master = f.master AND d.exec_id = f.exec_id AND d.user_name = ?
    WHERE f.filled_ns >= (SELECT coalesce(max(filled_ns), 0) FROM copy_fills) - {RECENT_NS}
    ORDER BY f.filled_ns DESC LIMIT ?"""  # noqa: S608
UNDECIDED = f"""SELECT {", ".join("f." + name for name in FILLS.split(", "))}
    FROM copy_fills f JOIN copy_follows w ON w.master = f.master AND w.user_name = ?
    WHERE f.filled_ns > w.since_ns AND f.filled_ns >= ? AND NOT EXISTS (
        SELECT 1 FROM copy_decisions d
        WHERE d.user_name = w.user_name AND d.master = f.master AND d.exec_id = f.exec_id)
    ORDER BY f.filled_ns, f.exec_id"""  # noqa: S608


def statements(batch: Sequence[Changes]) -> list[tuple[str, list[Row]]]:
    """Return what writes *batch*: statements with the rows to run each with. Of what is replaced, the newest counts."""
    lines = {row.line.key: rows.line_row(row) for changes in batch for row in changes.lines}
    orders = {order.cl_ord_id: order for changes in batch for order in changes.orders}
    planned = [order for order in orders.values() if rows.is_as_planned(order)]
    others = [order for order in orders.values() if not rows.is_as_planned(order)] if len(planned) < len(orders) else []
    decisions, taken = _decisions(batch)
    standings = {one.user: rows.standing_row(one) for changes in batch for one in changes.standings}
    masters = {(row.master, row.pair): rows.master_row(row) for changes in batch for row in changes.masters}
    follows = {(row.user, row.master): rows.follow_row(row) for changes in batch for row in changes.follows}
    mirrors = {(row.line, row.order_txid): row.mirror for changes in batch for row in changes.mirrors}
    meta = {name: value for changes in batch for name, value in changes.meta.items()}
    work: list[tuple[str, list[Row]]] = [
        (ADD_FILL, [rows.fill_row(row) for changes in batch for row in changes.fills]),
        (TAKE_IN_OLDER, taken),
        (ADD_DECISION, decisions),
        (PUT_LINE, list(lines.values())),
        (PUT_PLANNED, list(map(rows.planned_row, planned))),
        (PUT_ORDER, list(map(rows.order_row, others))),
        (PUT_STANDING, list(standings.values())),
        (PUT_MASTER, list(masters.values())),
        (PUT_FOLLOW, list(follows.values())),
        (PUT_MIRROR, [(*line, txid, text) for (line, txid), text in mirrors.items() if text]),
        (FORGET_MIRROR, [(*line, txid) for (line, txid), text in mirrors.items() if not text]),
        (PUT_META, list(meta.items())),
    ]
    return [(statement, values) for statement, values in work if values]


def _decisions(batch: Sequence[Changes]) -> tuple[list[Row], list[Row]]:
    """Return the decisions of *batch*, with the orders that take them in, and the orders that take in older ones."""
    decided: list[Decision] = []
    names: list[str] = []
    taken: list[Row] = []
    waiting: dict[LineKey, list[int]] = {}
    for changes in batch:
        for decision in changes.decisions:
            if decision.kind is not Kind.SKIP:
                waiting.setdefault(decision.line, []).append(len(decided))
            decided.append(decision)
            names.append("")
        for order in changes.orders:
            if order.phase is OrderPhase.PLANNED or is_given_up(order):
                if order.cl_ord_id not in changes.alone:
                    taken.append((order.cl_ord_id, *order.line))
                for place in waiting.pop(order.line, ()):
                    names[place] = order.cl_ord_id
    return list(map(rows.decision_row, decided, names)), taken


def is_given_up(order: CopyOrder) -> bool:
    """Return whether *order* only says that, and why, something was never ordered."""
    return order.phase is OrderPhase.REFUSED and not order.path


def is_vital(changes: Changes) -> bool:
    """Return whether *changes* must survive before anything is sent.

    What became of an order is not: after a crash it is found out once more.
    """
    planned = any(order.phase is OrderPhase.PLANNED for order in changes.orders)
    return planned or bool(changes.fills or changes.decisions or changes.standings or changes.follows or changes.meta)
