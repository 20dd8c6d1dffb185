"""Records as rows and back, in the order of the columns in `schema`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from krakenonce.copytrader.journal.records import FillRow, FollowRow, LineRow, MasterRow, Standing, State
from krakenonce.copytrader.masterbook import Change
from krakenonce.copytrader.records import (
    CopyOrder,
    Decision,
    Kind,
    Line,
    LineKey,
    MasterFill,
    OrderPhase,
    Purpose,
    Source,
)

Row: TypeAlias = tuple[Any, ...]


def fill_row(row: FillRow) -> Row:
    fill = row.fill
    return (
        fill.master, fill.exec_id, fill.order_txid, fill.pair, fill.side, str(fill.volume), str(fill.price),
        fill.filled_ns, fill.received_ns, _text(fill.order_volume), fill.source.value,
        *map(str, row.change),
    )  # fmt: skip


def fill_of(row: Sequence[Any]) -> FillRow:
    master, exec_id, txid, pair, side, volume, price, filled_ns, received_ns, order_volume, source, *change = row
    fill = MasterFill(
        master, exec_id, txid, pair, side, Decimal(volume), Decimal(price), filled_ns, received_ns,
        _decimal(order_volume), Source(source),
    )  # fmt: skip
    return FillRow(fill, Change(*map(Decimal, change)))


def decision_row(decision: Decision, cl_ord_id: str) -> Row:
    return (
        *decision.line, decision.exec_id, decision.kind.value, decision.side, str(decision.delta), str(decision.price),
        decision.reason, decision.decided_ns, cl_ord_id,
    )  # fmt: skip


def decision_of(row: Sequence[Any]) -> Decision:
    user, master, pair, exec_id, kind, side, delta, price, reason, decided_ns, _ = row
    key = LineKey(user, master, pair)
    return Decision(key, exec_id, Kind(kind), Decimal(delta), Decimal(price), reason, decided_ns, side)


def line_row(row: LineRow) -> Row:
    line = row.line
    amounts = (str(line.wanted), str(line.held), str(line.written_off))
    return (*line.key, *amounts, row.exec_id, row.attempt, str(row.reference), row.entered_ns)


def line_of(row: Sequence[Any]) -> LineRow:
    user, master, pair, wanted, held, written_off, exec_id, attempt, reference, entered_ns = row
    line = Line(LineKey(user, master, pair), Decimal(wanted), Decimal(held), Decimal(written_off))
    return LineRow(line, exec_id, attempt, Decimal(reference), entered_ns)


def order_row(order: CopyOrder) -> Row:
    return (
        order.cl_ord_id, *order.line, order.exec_id, order.attempt, order.purpose.value, order.side, str(order.volume),
        _text(order.limit), order.deadline_ns, str(order.reference), order.phase.value, order.path, order.txid,
        str(order.executed), str(order.cost), str(order.fee), order.reason, order.planned_ns, order.sent_ns,
        order.acknowledged_ns, order.done_ns, order.ordertype, _text(order.trigger), order.mirrors,
    )  # fmt: skip


AS_PLANNED = {
    "phase": "'planned'", "path": "''", "txid": "''", "executed": "'0'", "cost": "'0'", "fee": "'0'", "reason": "''",
    "sent_ns": "0", "acknowledged_ns": "0", "done_ns": "0", "ordertype": "NULL", "trigger_price": "NULL",
    "mirrors": "''",
}  # fmt: skip
"""What stands in these columns as long as an order is as it was planned: part of the statement, for many at a time."""

_PHASE, _PLANNED_NS = CopyOrder._fields.index("phase"), CopyOrder._fields.index("planned_ns")
_BEFORE, _AFTER = tuple(CopyOrder._field_defaults.values())[: _PLANNED_NS - _PHASE], (0, 0, 0, None, None, "")


def is_as_planned(order: CopyOrder) -> bool:
    """Return whether `planned_row` says everything about *order*."""
    return order[_PHASE:_PLANNED_NS] == _BEFORE and order[_PLANNED_NS + 1 :] == _AFTER


def planned_row(order: CopyOrder) -> Row:
    return (
        order.cl_ord_id, *order.line, order.exec_id, order.attempt, order.purpose.value, order.side, str(order.volume),
        _text(order.limit), order.deadline_ns, str(order.reference), order.planned_ns,
    )  # fmt: skip


def order_of(row: Sequence[Any]) -> CopyOrder:
    (
        name, user, master, pair, exec_id, attempt, purpose, side, volume, limit, deadline_ns, reference, phase, path,
        txid, executed, cost, fee, reason, planned_ns, sent_ns, acknowledged_ns, done_ns, ordertype, trigger, mirrors,
    ) = row  # fmt: skip
    return CopyOrder(
        name, LineKey(user, master, pair), exec_id, attempt, Purpose(purpose), side, Decimal(volume), _decimal(limit),
        deadline_ns, Decimal(reference), OrderPhase(phase), path, txid, Decimal(executed), Decimal(cost), Decimal(fee),
        reason, planned_ns, sent_ns, acknowledged_ns, done_ns, ordertype, _decimal(trigger), mirrors,
    )  # fmt: skip


def standing_row(standing: Standing) -> Row:
    return (
        standing.user, standing.state.value, standing.reason, standing.since_ns, _text(standing.peak_equity),
        standing.day, _text(standing.day_equity), standing.failures,
    )  # fmt: skip


def standing_of(row: Sequence[Any]) -> Standing:
    user, state, reason, since_ns, peak, day, day_equity, failures = row
    return Standing(user, State(state), reason, since_ns, _decimal(peak), day, _decimal(day_equity), failures)


def master_row(row: MasterRow) -> Row:
    return (row.master, row.pair, str(row.position), str(row.cost), row.fills, row.newest_ns)


def master_of(row: Sequence[Any]) -> MasterRow:
    master, pair, position, cost, fills, newest_ns = row
    return MasterRow(master, pair, Decimal(position), Decimal(cost), fills, newest_ns)


def follow_row(row: FollowRow) -> Row:
    return (row.user, row.master, row.since_ns)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
