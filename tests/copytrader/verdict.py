"""What is to be said of a day of copying, by the exchange's own books: what was doubled, missing, or drifts."""

from collections import defaultdict
from decimal import Decimal
from typing import NamedTuple

from krakenonce.copytrader.guards.reasons import Reason, code_of
from tests.copytrader.soak import LOT
from tests.copytrader.trading import PAIR, doubles

HAIR = Decimal("1e-15")
LEAST = Decimal("0.00005")
"""The smallest order of the pair: less than that can't be bought or sold."""
UNREST = {Reason.PAUSED, Reason.KILLED, Reason.LEAVING, Reason.NOT_JOINED}


class Decided(NamedTuple):
    """One decision, as the journal has it."""

    exec_id: str
    kind: str
    delta: Decimal
    reason: str
    moment_ns: int


def findings(day):
    """Return everything that is wrong. A copy that was not made needs a reason, and that reason has to be true."""
    exchange, read = day.exchange, day.trading.backend.read
    wrong = [f"drift: {one}" for one in day.drifts if one.missing or abs(one.wanted - one.held) > LOT]
    wrong += [f"the exchange has failed: {crash}" for crash in exchange.evidence.crashes]
    invalid = exchange.evidence.stats(list(exchange.keys.values()))["totals"]["invalid_nonces"]
    wrong += [f"{invalid} invalid nonces"] if invalid else []
    wrong += [f"never ended: {row}" for row in read("SELECT * FROM copy_orders WHERE phase IN ('planned', 'open')")]
    unexplained = read("SELECT * FROM copy_orders WHERE phase = 'refused' AND reason = ''")
    wrong += [f"without a reason: {row}" for row in unexplained]
    lines = {user: (Decimal(wanted), Decimal(off)) for user, wanted, off in read(_LINES, (PAIR,))}
    decisions = _decisions(read)
    for account in exchange.accounts[1:]:
        user, (wanted, off) = account.name, lines.get(account.name, (Decimal(0), Decimal(0)))
        wrong += [f"{user}: {name} twice" for name in doubles(account)]
        wrong += [f"{user}: {text}" for text in _missing(day, user, decisions[user])]
        wrong += [f"{user}: {text}" for text in _away_from_target(day, account, wanted)]
        if user not in day.restless:
            wrong += [f"{user}: {text}" for text in _away_from_master(day, decisions[user], wanted, off)]
        if user not in day.restless and user not in day.unlucky:
            wrong += [f"{user}: {text}" for text in _replayed(day, decisions[user])] + (["written off"] if off else [])
    return wrong


_LINES = "SELECT user_name, wanted, written_off FROM copy_lines WHERE pair = ?"


def _decisions(read):
    found = defaultdict(list)
    for user, exec_id, kind, delta, reason, moment_ns in read(
        "SELECT user_name, exec_id, kind, delta, reason, decided_ns FROM copy_decisions ORDER BY decided_ns, rowid"
    ):
        found[user].append(Decided(exec_id, kind, Decimal(delta), reason, moment_ns))
    return found


def _missing(day, user, decided):
    """Every fill of the master's is decided on, and what is skipped is skipped for a reason that was there."""
    known = {one.exec_id: one for one in decided}
    for trade in day.exchange.accounts[0].trades:
        one = known.get(trade.txid)
        if one is None:
            # Who leaves does not wait for what the network still owes him.
            if not day.is_away(user, trade.time_ns, grace_s=600):
                yield f"{trade.txid} was never decided on"
            continue
        if one.kind == "skip" and not _is_excused(one, trade, is_away=day.is_away(user, one.moment_ns)):
            yield f"{trade.txid} was skipped: {one.reason or 'without a reason'}"
        if one.kind == "entry" and one.delta != trade.volume / 2 and not one.reason:
            yield f"{trade.txid}: {one.delta} of {trade.volume}"


def _is_excused(one, trade, *, is_away):
    code = code_of(one.reason)
    if trade.order.side == "sell":
        return code is Reason.NOTHING_COPIED
    return is_away and code in UNREST


def _away_from_target(day, account, wanted):
    """What he has of copies, by the exchange's books, is what the copier wants, to the lot."""
    has = day.held(account)
    is_plain = account.name not in day.restless and account.name not in day.unlucky
    # Whoever has gone his own way may be left with less than can be traded.
    bound = LOT if is_plain else LEAST
    if not (abs(wanted - has) < bound and (wanted >= has or not is_plain)):
        yield f"has {has} and wants {wanted}"


def _away_from_master(day, decided, wanted, off):
    """He wants half of what the master has, less what was given up for him."""
    short = day.position / 2 - wanted
    if not -HAIR <= short <= off + HAIR:
        yield f"wants {wanted} of {day.position}, and {off} was given up in {len(decided)} decisions"


def _replayed(day, decided):
    """After each decision he wants half of what the master has by the fills that were decided on, in their order."""
    trades = {trade.txid: trade for trade in day.exchange.accounts[0].trades}
    known, wanted, position = [], Decimal(0), Decimal(0)
    for one in decided:
        trade = trades[one.exec_id]
        is_late = bool(known) and trade.time_ns < known[-1].time_ns
        known.append(trade)
        known.sort(key=lambda trade: trade.time_ns) if is_late else None
        position = _held(known) if is_late else _after(position, trade)
        wanted = max(wanted + one.delta, Decimal(0))
        if abs(wanted - position / 2) > HAIR and (wanted or position >= LEAST):
            yield f"after {one.exec_id} he wants {wanted}, and the master has {position}"
            return


def _held(trades):
    position = Decimal(0)
    for trade in trades:
        position = _after(position, trade)
    return position


def _after(position, trade):
    return position + trade.volume if trade.order.side == "buy" else max(position - trade.volume, Decimal(0))


def is_flat(memory, warm_up, within=0.1):
    """Return whether all that is measured after the *warm_up*-th time is within 10 % of its mean."""
    measured = memory[warm_up:]
    mean = sum(measured) / len(measured)
    return max(abs(one - mean) for one in measured) <= within * mean


def figures(day):
    """Return what the day has seen."""
    master, *users = day.exchange.accounts
    orders = [order for user in users for order in user.orders.values()]
    (decided,) = day.trading.backend.read("SELECT count(*) FROM copy_decisions")
    return {
        "master's fills": len(master.trades),
        "decisions": decided[0],
        "copy orders at the exchange": len(orders),
        "of these partly filled": sum(0 < order.filled < order.ticket.volume for order in orders),
        "fills of copies": sum(len(user.trades) for user in users),
        "acts": dict(day.done),
        "strikes": sum(day.struck.values()),
        "struck": dict(day.struck.most_common()),
    }
