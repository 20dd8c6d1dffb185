"""The report as tables of text. Pure: who prints them decides how."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from krakenonce.copytrader.report import words
from krakenonce.copytrader.report.figures import Money, UserFigures, percentile
from krakenonce.copytrader.report.reading import Report
from krakenonce.copytrader.report.receipts import Outcome, Receipt, average_price, slippage


class Table(NamedTuple):
    """Titles and rows of cells. The first *left* columns are text, the others figures."""

    name: str
    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int


def user_table(report: Report) -> Table:
    """Return one row for each user (and currency), and the sum."""
    titles = (
        "user", "currency", "copied", "partly", "waiting", "failed", "skipped", "realised", "unrealised", "fees",
        "sent p50 ms", "p99", "answer p50 ms", "p99", "slippage p50 bp", "p95", "standing",
    )  # fmt: skip
    rows = [row for figures in (*report.users, report.together) for row in _user_rows(figures)]
    return Table("Users", titles, rows, 2)


def skip_table(report: Report) -> Table:
    """Return how often each reason kept a fill from being copied, by user."""
    rows = [
        (words.bare(figures.user), reason, str(count))
        for figures in report.users
        for reason, count in sorted(figures.skips.items(), key=lambda item: (-item[1], item[0]))
    ]
    return Table("Skipped", ("user", "reason", "fills"), rows, 2)


def reconciled_table(report: Report) -> Table:
    """Return how each user's positions were found at his last start, if any of them was off its target."""
    rows = [
        (words.bare(one.user), words.moment(one.at_ns), str(one.positions), str(one.adrift))
        for one in report.reconciled
    ]
    is_news = any(one.adrift for one in report.reconciled)
    titles = ("user", "started (UTC)", "positions", "adrift")
    return Table("Reconciled: see krakenonce reconcile", titles, rows if is_news else (), 2)


def receipt_table(report: Report, receipts: Iterable[Receipt]) -> Table:
    """Return one row for each of *receipts*."""
    titles = (
        "decided (UTC)", "user", "pair", "side", "outcome", "reason", "master's volume", "price", "executed", "at",
        "slippage bp", "fee", "sent ms", "answer ms", "path",
    )  # fmt: skip
    return Table("Receipts", titles, [receipt_row(report, receipt) for receipt in receipts], 6)


def receipt_row(report: Report, receipt: Receipt) -> tuple[str, ...]:
    """Return the cells of one receipt."""
    fill, order = receipt.fill, receipt.order
    side = receipt.decision.side if receipt.decision is not None else order.side if order is not None else ""
    return (
        words.moment(receipt.at_ns),
        words.bare(receipt.user),
        report.names.get(receipt.pair, receipt.pair),
        side,
        receipt.outcome.value,
        receipt.reason,
        words.number(fill.volume if fill is not None else None),
        words.number(fill.price if fill is not None else None),
        words.number(order.executed if order is not None else None),
        words.number(_rounded_price(receipt)),
        words.basis_points(slippage(order) if order is not None else None),
        words.number(order.fee if order is not None else None),
        words.milliseconds(receipt.sending_ns),
        words.milliseconds(receipt.answer_ns),
        order.path if order is not None else "",
    )


def headline(report: Report) -> str:
    """Return the report in one line."""
    outcomes = report.together.outcomes
    counts = ", ".join(f"{outcomes[outcome]} {outcome.value}" for outcome in Outcome if outcomes.get(outcome))
    time = f"{words.day_and_minute(report.since_ns)} to {words.day_and_minute(report.until_ns)} UTC"
    run = f" ({report.run} run)" if report.run else ""
    return f"{len(report.users)} users, {time}{run}: {counts or 'nothing to copy'}"


def failed(figures: UserFigures) -> int:
    """Return how many copies were refused, given up, or found no counterpart."""
    return sum(figures.outcomes.get(outcome, 0) for outcome in (Outcome.REFUSED, Outcome.GIVEN_UP, Outcome.NOT_FILLED))


def waiting(figures: UserFigures) -> int:
    """Return how many decisions have no finished order yet."""
    return sum(figures.outcomes.get(outcome, 0) for outcome in (Outcome.WAITING, Outcome.OPEN, Outcome.AGAIN))


def _user_rows(figures: UserFigures) -> list[tuple[str, ...]]:
    counts = (
        str(figures.outcomes.get(Outcome.COPIED, 0)),
        str(figures.outcomes.get(Outcome.PARTLY, 0)),
        str(waiting(figures)),
        str(failed(figures)),
        str(figures.outcomes.get(Outcome.SKIPPED, 0)),
    )
    speeds = (
        *(words.milliseconds(percentile(figures.sending_ns, percent)) for percent in (50, 99)),
        *(words.milliseconds(percentile(figures.answer_ns, percent)) for percent in (50, 99)),
        *(words.basis_points(percentile(figures.slippage, percent)) for percent in (50, 95)),
        figures.standing,
    )
    purses = sorted(figures.money.items()) or [("", Money())]
    rows = []
    for place, (currency, money) in enumerate(purses):
        gains = (words.gain(money.realised), words.gain(money.unrealised), words.money(money.fees))
        first = place == 0
        name = words.bare(figures.user) if first else ""
        rows.append((name, currency, *(counts if first else [""] * 5), *gains, *(speeds if first else [""] * 7)))
    return rows


def _rounded_price(receipt: Receipt) -> Decimal | None:
    price = average_price(receipt.order) if receipt.order is not None else None
    return None if price is None else round(price, 8)
