"""Private endpoints beside the trading ones: ledger entries and margin positions."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from krakenonce.clock import NS_PER_SECOND
from krakenonce.kraken.pairs import find_asset
from krakenonce.simulator.refusals import Refusal, invalid_arguments
from krakenonce.simulator.rest.arguments import Arguments
from krakenonce.simulator.rest.formats import balance_text, cost_text, digits, unix, volume_text
from krakenonce.simulator.rest.history import PAGE, span

if TYPE_CHECKING:
    from krakenonce.kraken.pairs import Pair
    from krakenonce.simulator.margin import Position
    from krakenonce.simulator.rest.account import Caller
    from krakenonce.simulator.wallets import LedgerEntry

TYPES = (
    "all",
    "deposit",
    "withdrawal",
    "trade",
    "margin",
    "rollover",
    "credit",
    "transfer",
    "settled",
    "staking",
    "sale",
)
_FOUR_HOURS_NS = 4 * 3600 * NS_PER_SECOND


def ledgers(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """Answer Ledgers: 50 per page, latest first."""
    kind = arguments.choice("type", TYPES, "all")
    names = _assets(arguments)
    in_span = span(arguments, caller)
    found = [
        entry
        for entry in reversed(caller.account.ledger)
        if kind in ("all", entry.kind) and (not names or entry.asset in names) and in_span(entry.time_ns)
    ]
    offset = arguments.integer("ofs")
    rows = {entry.ledger_id: _row(entry) for entry in found[offset : offset + PAGE]}
    return {"ledger": rows} | ({} if arguments.flag("without_count") else {"count": len(found)})


def query_ledgers(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """Answer QueryLedgers."""
    ids = arguments.names("id", 20)
    if not ids:
        raise invalid_arguments("id")
    return {entry.ledger_id: _row(entry) for entry in caller.account.ledger if entry.ledger_id in ids}


def _assets(arguments: Arguments) -> set[str]:
    names = arguments.names("asset", 100)
    try:
        return {find_asset(name).name for name in names if name != "all"}
    except ValueError:
        raise Refusal("EQuery:Unknown asset") from None


def _row(entry: LedgerEntry) -> dict[str, Any]:
    asset = find_asset(entry.asset)
    return {
        "refid": entry.reference,
        "time": unix(entry.time_ns),
        "type": entry.kind,
        "subtype": "",
        "aclass": "currency",
        "asset": entry.asset,
        "amount": digits(entry.amount, asset.decimals),
        "fee": digits(entry.fee, asset.decimals),
        "balance": balance_text(asset, entry.balance),
    }


def open_positions(caller: Caller, arguments: Arguments) -> Any:
    """Answer OpenPositions; with ``docalcs`` rows tell their value, with ``consolidation`` there is one per market."""
    ids = arguments.names("txid", 50)
    with_value = arguments.flag("docalcs")
    rows = [row for txid, row in caller.account.positions.items() if not ids or txid in ids]
    if arguments.choice("consolidation", ("", "market"), "") == "market":
        return _by_market(rows)
    return {row.txid: _position(caller, row, with_value=with_value) for row in rows}


def _by_market(rows: list[Position]) -> list[dict[str, Any]]:
    groups: dict[tuple[Pair, str], list[Position]] = {}
    for row in rows:
        groups.setdefault((row.pair, row.side), []).append(row)
    return [_group(pair, side, group) for (pair, side), group in groups.items()]


def _group(pair: Pair, side: str, rows: list[Position]) -> dict[str, Any]:
    cost, margin = sum((row.cost for row in rows), Decimal(0)), sum((row.margin for row in rows), Decimal(0))
    return {
        "pair": pair.key,
        "positions": str(len(rows)),
        "type": side,
        "leverage": digits(cost / margin, 5),
        "cost": cost_text(pair, cost),
        "fee": cost_text(pair, sum((row.fee for row in rows), Decimal(0))),
        "vol": volume_text(pair, sum((row.volume + row.closed for row in rows), Decimal(0))),
        "vol_closed": volume_text(pair, sum((row.closed for row in rows), Decimal(0))),
        "margin": cost_text(pair, margin),
    }


def _position(caller: Caller, row: Position, *, with_value: bool) -> dict[str, Any]:
    pair, last = row.pair, caller.exchange.market(row.pair).last
    value = {"value": digits(last * row.volume, 1), "net": f"{row.profit(last):+.4f}"} if with_value else {}
    return {
        "ordertxid": row.order.txid,
        "posstatus": "open",
        "pair": pair.key,
        "time": unix(row.opened_ns),
        "type": row.side,
        "ordertype": row.order.ticket.ordertype,
        "cost": cost_text(pair, row.cost),
        "fee": cost_text(pair, row.fee),
        "vol": volume_text(pair, row.volume + row.closed),
        "vol_closed": volume_text(pair, row.closed),
        "margin": cost_text(pair, row.margin),
        "terms": "0.0100% per 4 hours",
        "rollovertm": str((row.opened_ns + _FOUR_HOURS_NS) // NS_PER_SECOND),
        "misc": "",
        "oflags": "",
    } | value
