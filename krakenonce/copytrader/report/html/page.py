"""The page: what happened in figures, in plots, by user, and the newest receipts. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from html import escape
from importlib.resources import files

from krakenonce.clock import NS_PER_MS
from krakenonce.copytrader.report import words
from krakenonce.copytrader.report.figures import percentile
from krakenonce.copytrader.report.html import plots
from krakenonce.copytrader.report.reading import Report
from krakenonce.copytrader.report.receipts import Outcome
from krakenonce.copytrader.report.text import Table, failed, receipt_table, skip_table, user_table, waiting

NEWEST = 200
_WORDY = frozenset({"reason", "standing"})
_SUM = ' class="sum"'
_FOOTER = (
    "<footer>Latencies run from learning of the master's fill. Realised gains are after fees, by average cost; "
    "unrealised ones at the last price the journal knows. Times are UTC.</footer>"
)
_RUNS = {
    "dry": "Dry run: no order was sent. Fills, prices and fees are what they would have been.",
    "shadow": "Shadow: the users exist on paper only. Fills, prices and fees are what they would have been.",
}


def as_html(report: Report) -> str:
    """Return *report* as one page that loads nothing."""
    css = files(__package__).joinpath("page.css").read_text()
    newest = list(reversed(report.receipts[-NEWEST:]))
    count = len(report.receipts)
    shown = f"The newest {len(newest)} of {count:,}; --csv has them all." if count > len(newest) else "Newest first."
    body = [
        _head(report),
        _tiles(report),
        f'<h2>How it went</h2><div class="plots">{_plots(report)}</div>',
        _section(user_table(report), "Money is in the quote currency; slippage is against the master, + is worse.", 1),
        _section(skip_table(report), "Why fills were not copied, by user."),
        _section(receipt_table(report, newest), shown),
        _FOOTER,
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Copy report</title><style>{css}</style></head><body><main>{''.join(body)}</main></body></html>\n"
    )


def _head(report: Report) -> str:
    time = f"{words.day_and_minute(report.since_ns)} to {words.day_and_minute(report.until_ns)} UTC"
    users = f"{len(report.users)} user{'' if len(report.users) == 1 else 's'}"
    lines = [f"<h1>Copy report</h1><p class='muted'>{users} · {time}</p>"]
    if report.run in _RUNS:
        lines.append(f"<p class='alarm'>{_RUNS[report.run]}</p>")
    if report.kill and report.kill != "active":
        lines.append(f"<p class='alarm'>Everybody: {escape(report.kill)}</p>")
    return f"<header>{''.join(lines)}</header>"


def _tiles(report: Report) -> str:
    all_of = report.together
    tiles = [
        (f"{all_of.outcomes.get(Outcome.COPIED, 0) + all_of.outcomes.get(Outcome.PARTLY, 0):,}", "copies filled"),
        (f"{all_of.outcomes.get(Outcome.SKIPPED, 0):,}", "fills skipped, each with its reason"),
        (f"{failed(all_of):,}", "copies refused or not filled"),
        (f"{waiting(all_of):,}", "waiting or open"),
    ]
    for currency, money in sorted(all_of.money.items()):
        tiles.append((words.gain(money.gained), f"{currency} gained, {words.gain(money.realised)} of it realised"))
        tiles.append((words.money(money.fees), f"{currency} fees on {words.money(money.traded)} traded"))
    speeds = [(percent, words.milliseconds(percentile(all_of.sending_ns, percent))) for percent in (50, 99)]
    tiles += [(f"{speed} ms", f"until sent, p{percent}") for percent, speed in speeds]
    tiles.append((f"{words.basis_points(percentile(all_of.slippage, 50))} bp", "slippage against the master, p50"))
    cells = "".join(f'<div class="tile"><b>{value}</b><span>{escape(name)}</span></div>' for value, name in tiles)
    return f'<div class="tiles">{cells}</div>'


def _plots(report: Report) -> str:
    all_of = report.together
    figures = [
        _figure(
            f"Gains over time, {currency}",
            "All users together: realised and, at the price of the moment, unrealised.",
            plots.line(
                [(one.at_ns, float(one.gained[currency])) for one in report.gained if currency in one.gained],
                _amount,
                f"gains over time in {currency}",
            ),
        )
        for currency in sorted(all_of.money)
    ]
    for name, text, values in (
        ("Until the order left", "From learning of the fill, milliseconds.", all_of.sending_ns),
        ("Until the exchange answered", "From learning of the fill, milliseconds.", all_of.answer_ns),
    ):
        # A copy that left in no time at all (a clock that does not tick) still has to stand somewhere on the scale.
        shown = [max(value / NS_PER_MS, 0.001) for value in values]
        figures.append(_figure(name, text, plots.histogram(shown, _ms, name, _percentiles(shown), is_log=True)))
    slips = [float(value * 10_000) for value in all_of.slippage]
    text = "Per filled order, basis points; above 0 is worse than the master."
    figures.append(_figure("Slippage", text, plots.histogram(slips, _amount, "slippage", _median(slips))))
    skips = [(reason, count) for reason, count in all_of.skips.items()]
    figures.append(_figure("Skipped fills", "By reason, all users.", plots.bars(skips, "skipped fills by reason")))
    return "".join(figures)


def _figure(name: str, text: str, plot: str) -> str:
    return f"<figure><h3>{escape(name)}</h3><figcaption>{escape(text)}</figcaption>{plot}</figure>"


def _section(table: Table, text: str, sums: int = 0) -> str:
    if not table.rows:
        return f'<h2>{table.name}</h2><p class="nothing">None.</p>'
    head = "".join(f"<th{_kind(table, place)}>{escape(title)}</th>" for place, title in enumerate(table.titles))
    rows = []
    for number, row in enumerate(table.rows):
        cells = "".join(f"<td{_kind(table, place)}>{escape(cell)}</td>" for place, cell in enumerate(row))
        is_sum = number >= len(table.rows) - sums
        rows.append(f"<tr{_SUM if is_sum else ''}>{cells}</tr>")
    return (
        f"<h2>{table.name}</h2><p class='muted'>{escape(text)}</p>"
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _kind(table: Table, place: int) -> str:
    if table.titles[place] in _WORDY:
        return ' class="left words"'
    return ' class="left"' if place < table.left else ""


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    found = {"p50": _ranked(values, 50), "p99": _ranked(values, 99)}
    return {name: value for name, value in found.items() if value is not None}


def _median(values: Sequence[float]) -> dict[str, float]:
    middle = _ranked(values, 50)
    return {} if middle is None else {"p50": middle}


def _ranked(values: Sequence[float], percent: int) -> float | None:
    place = percentile(range(len(values)), percent)
    return None if place is None else values[place]


def _amount(value: float) -> str:
    text = words.number(round(Decimal(value), 2 if abs(value) < 100 else 0))
    return f"{Decimal(text):,}".replace("-", words.MINUS)


def _ms(value: float) -> str:
    return words.number(round(Decimal(value), 3 if value < 0.1 else 2 if value < 10 else 0))
