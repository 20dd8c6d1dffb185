"""Receipts as CSV: one line for each, every figure in full. Moments are RFC 3339 in UTC, durations milliseconds."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from krakenonce.clock import NS_PER_MS, rfc3339
from krakenonce.copytrader.report.receipts import Receipt, average_price, slippage

COLUMNS = (
    "user", "master", "pair", "outcome", "reason", "side", "exec_id", "source", "master_volume", "master_price",
    "master_filled", "received", "decided", "delta", "cl_ord_id", "txid", "purpose", "attempt", "path", "volume",
    "limit", "sent", "acknowledged", "done", "executed", "price", "fee", "sending_ms", "answer_ms", "slippage",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(receipts: Iterable[Receipt]) -> str:
    """Return *receipts* as CSV with a line of titles."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for receipt in receipts:
        writer.writerow([_harmless(cell) for cell in _cells(receipt)])
    return out.getvalue()


def _cells(receipt: Receipt) -> list[str]:
    return [
        receipt.user, receipt.master, receipt.pair, receipt.outcome.value, receipt.reason, *_of_fill(receipt),
        *_of_order(receipt), _ms(receipt.sending_ns), _ms(receipt.answer_ns),
        "" if receipt.order is None else _text(slippage(receipt.order)),
    ]  # fmt: skip


def _of_fill(receipt: Receipt) -> list[str]:
    fill, decision, order = receipt.fill, receipt.decision, receipt.order
    side = decision.side if decision is not None else order.side if order is not None else ""
    exec_id = decision.exec_id if decision is not None else order.exec_id if order is not None else ""
    told = ["", "", "", "", ""]
    if fill is not None:
        told = [fill.source.value, f"{fill.volume:f}", f"{fill.price:f}", _at(fill.filled_ns), _at(fill.received_ns)]
    decided = ["", ""] if decision is None else [_at(decision.decided_ns), f"{decision.delta:f}"]
    return [side, exec_id, *told, *decided]


def _of_order(receipt: Receipt) -> list[str]:
    order = receipt.order
    if order is None:
        return [""] * 13
    return [
        order.cl_ord_id, order.txid, order.purpose.value, str(order.attempt), order.path, f"{order.volume:f}",
        _text(order.limit), _at(order.sent_ns), _at(order.acknowledged_ns), _at(order.done_ns), f"{order.executed:f}",
        _text(average_price(order)), f"{order.fee:f}",
    ]  # fmt: skip


def _harmless(cell: str) -> str:
    # A spreadsheet would take a text that begins so for a formula; numbers may keep their sign.
    is_number = cell[1:].replace(".", "", 1).isdigit()
    return f"'{cell}" if cell.startswith(_FORMULA) and not is_number else cell


def _text(value: object) -> str:
    return "" if value is None else f"{value:f}"


def _at(ns: int) -> str:
    return rfc3339(ns) if ns else ""


def _ms(ns: int | None) -> str:
    return "" if ns is None else f"{ns / NS_PER_MS:.3f}"
