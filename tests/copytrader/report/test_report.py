"""What copying came to, from the journal: receipts, gains, figures, CSV and the page."""

import csv
import html.parser
import io
from dataclasses import replace
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krakenonce.cli import main
from krakenonce.clock import rfc3339
from krakenonce.copytrader.guards.reasons import Reason, say
from krakenonce.copytrader.journal import open_copy_journal
from krakenonce.copytrader.records import Line, OrderPhase, Purpose
from krakenonce.copytrader.report import Outcome, as_csv, as_html, read_report
from krakenonce.copytrader.report.accounting import gains, settle
from krakenonce.copytrader.report.figures import percentile
from krakenonce.copytrader.report.html.scales import decades, round_steps, spread, thin
from krakenonce.copytrader.report.reading import compose
from krakenonce.copytrader.report.text import headline, receipt_table, reconciled_table, skip_table, user_table
from tests.copytrader.report.days import MS, NOON, SECOND, Day, busy_day, fill

D = Decimal


def report_of(day, since_ns=0):
    return compose(day.fills, day.decisions, day.orders, day.standings, day.facts, since_ns, day.lines)


def figures_of(report, user="USER:alice"):
    return next(figures for figures in report.users if figures.user == user)


# Receipts


def test_every_copy_and_every_skip_has_a_receipt():
    day = Day()
    day.copy(fill(1))
    day.copy(fill(2), executed="0.02", reason="ioc")
    day.copy(fill(3), executed="0")
    day.copy(fill(4), executed="0", phase=OrderPhase.REFUSED, reason="refused: EOrder:Insufficient funds")
    day.copy(fill(5), executed="0", phase=OrderPhase.OPEN)
    day.skip(fill(6), say(Reason.TOO_OLD, "12 s old"))
    day.wait(fill(7))
    receipts = report_of(day).receipts
    assert {receipt.fill.exec_id: receipt.outcome for receipt in receipts} == {
        "T1": Outcome.COPIED, "T2": Outcome.PARTLY, "T3": Outcome.NOT_FILLED, "T4": Outcome.REFUSED,
        "T5": Outcome.OPEN, "T6": Outcome.SKIPPED, "T7": Outcome.WAITING,
    }  # fmt: skip
    assert [receipt.reason for receipt in receipts][3:6] == [
        "refused: EOrder:Insufficient funds", "", "too_old: 12 s old",
    ]  # fmt: skip


def unsent(side="buy", lines=(), deadline_ns=NOON):
    """A day with a copy that could not be sent, and what the journal has of its line then."""
    day = Day()
    made = day.copy(fill(1, side), executed="0", phase=OrderPhase.REFUSED, reason="refused: not sent: killed")
    day.orders[0] = made._replace(deadline_ns=deadline_ns)
    day.lines = [Line(made.line, D(wanted), D(held)) for wanted, held in lines]
    return day


@pytest.mark.parametrize(
    ("side", "wanted", "held"), [("buy", "0.05", "0"), ("buy", "1.05", "1"), ("sell", "0", "0.05")]
)
def test_what_could_not_be_sent_and_is_still_wanted_is_to_be_sent_again(side, wanted, held):
    report = report_of(unsent(side, [(wanted, held)]))
    (receipt,) = report.receipts
    assert (receipt.outcome, receipt.reason) == (Outcome.AGAIN, "refused: not sent: killed")
    assert "to be sent again" in as_csv(report.receipts)
    figures = figures_of(report)
    row = dict(zip(user_table(report).titles, user_table(report).rows[0], strict=True))
    assert (figures.outcomes[Outcome.AGAIN], row["waiting"], row["failed"]) == (1, "1", "0")


@pytest.mark.parametrize(
    ("lines", "others"),
    [
        ([], {}),
        ([("0", "0")], {}),
        ([("0.03", "0")], {}),
        ([("0.05", "0")], {"deadline_ns": 0}),
        ([("0", "0.05")], {}),
    ],
    ids=["no line", "given up", "given up, and a little carried", "never an order", "the other way round"],
)
def test_what_is_not_wanted_any_more_is_over(lines, others):
    expected = Outcome.GIVEN_UP if others else Outcome.REFUSED
    assert [one.outcome for one in report_of(unsent(lines=lines, **others)).receipts] == [expected]


def test_once_it_is_sent_again_the_new_order_tells():
    day = unsent(lines=[("0.05", "0.05")])
    first = day.orders[0]
    again = first._replace(
        cl_ord_id="again", attempt=1, phase=OrderPhase.DONE, executed=first.volume, cost=D(2500), reason="",
        planned_ns=first.planned_ns + SECOND,
    )  # fmt: skip
    day.orders.append(again)
    assert [one.outcome for one in report_of(day).receipts] == [Outcome.REFUSED, Outcome.COPIED]
    day.lines = [replace(day.lines[0], held=D(0))]
    day.orders[1] = again._replace(phase=OrderPhase.REFUSED, executed=D(0), cost=D(0))
    assert [one.outcome for one in report_of(day).receipts] == [Outcome.REFUSED, Outcome.AGAIN]


def test_what_a_start_has_found_adrift_is_told():
    day = Day()
    day.copy(fill(1))
    day.facts = {"reconciled:USER:alice": f"{NOON} 3 0", "reconciled:USER:gone": f"{NOON} 1 1"}
    assert not reconciled_table(report_of(day)).rows
    day.facts = {"reconciled:USER:alice": f"{NOON} 3 1"}
    ((user, moment, *counts),) = reconciled_table(report_of(day)).rows
    assert (user, moment[:10], counts) == ("alice", rfc3339(NOON)[:10], ["3", "1"])


def test_a_receipt_tells_latency_and_slippage():
    day = Day()
    day.copy(fill(1), price="50050", fee="6.5")
    (receipt,) = report_of(day).receipts
    assert (receipt.sending_ns, receipt.answer_ns) == (2 * MS, 40 * MS)
    table = receipt_table(report_of(day), [receipt])
    row = dict(zip(table.titles, table.rows[0], strict=True))
    assert row["slippage bp"] == "+10.0"
    assert (row["fee"], row["pair"], row["at"], row["sent ms"]) == ("6.5", "BTC/USD", "50050", "2.00")


@pytest.mark.parametrize(("side", "price", "told"), [("buy", "49950", "−10.0"), ("sell", "49950", "+10.0")])
def test_slippage_is_worse_above_zero_on_both_sides(side, price, told):
    day = Day()
    day.copy(fill(1, side), price=price)
    assert told in receipt_table(report_of(day), report_of(day).receipts).rows[0]


def test_an_order_that_takes_in_several_fills_is_counted_once():
    day = Day()
    first, second = fill(1), fill(2, at_ns=NOON + SECOND)
    day.wait(first)
    made = day.copy(second, volume="0.06", fee="3")
    day.decisions[0] = (day.decisions[0][0], made.cl_ord_id)
    report = report_of(day)
    assert [receipt.outcome for receipt in report.receipts] == [Outcome.COPIED, Outcome.COPIED]
    assert [receipt.sending_ns for receipt in report.receipts] == [None, 2 * MS]
    assert figures_of(report).money["USD"].fees == 3
    assert len(figures_of(report).slippage) == 1


def test_an_order_that_no_decision_names_has_a_receipt_of_its_own():
    day = Day()
    day.copy(fill(1))
    closing = {"cl_ord_id": "closing", "attempt": 1, "purpose": Purpose.CLOSE, "side": "sell"}
    day.orders.append(day.orders[0]._replace(planned_ns=day.orders[0].done_ns + 1, **closing))
    report = report_of(day)
    assert [receipt.decision is None for receipt in report.receipts] == [False, True]
    assert report.receipts[1].sending_ns is None
    assert report.receipts[1].order.purpose is Purpose.CLOSE


# Gains


def test_gains_by_average_cost_after_fees():
    day = Day()
    day.copy(fill(1, volume="1", price="100"), volume="1", fee="1")
    day.copy(fill(2, volume="1", price="200", at_ns=NOON + SECOND), volume="1", fee="1")
    day.copy(fill(3, "sell", "1", "300", at_ns=NOON + 2 * SECOND), volume="1", fee="2")
    money = figures_of(report_of(day)).money["USD"]
    # Two coins for 302 (151 each); one sold for 298 after its fee; the other is worth 300 at the last price.
    assert (money.realised, money.unrealised, money.fees, money.traded) == (D(147), D(149), D(4), D(600))


def test_since_counts_from_then_on_but_keeps_the_cost():
    day = Day()
    day.copy(fill(1, volume="1", price="100"), volume="1", fee="1")
    day.copy(fill(2, "sell", "1", "300", at_ns=NOON + 100 * SECOND), volume="1", fee="2")
    report = report_of(day, NOON + 50 * SECOND)
    money = figures_of(report).money["USD"]
    assert (money.realised, money.fees, money.traded) == (D(197), D(2), D(300))
    assert [receipt.fill.exec_id for receipt in report.receipts] == ["T2"]


def test_what_was_not_copied_gains_nothing():
    day = Day()
    day.copy(fill(1, volume="1", price="100"), volume="1")
    day.copy(fill(2, "sell", "2", "200", at_ns=NOON + SECOND), volume="2")
    assert figures_of(report_of(day)).money["USD"].realised == 100


def test_currencies_are_kept_apart_and_pairs_have_the_names_the_journal_tells():
    day = Day()
    day.facts = {"pair:NEWEUR": "NEW/EUR", "run": "dry"}
    day.copy(fill(1, price="10", pair="NEWEUR"))
    day.copy(fill(2, price="10", pair="XXBTZUSD"))
    day.copy(fill(3, price="10", pair="WHATEVER"))
    report = report_of(day)
    assert set(figures_of(report).money) == {"EUR", "USD", "WHATEVER"}
    assert report.run == "dry"
    assert len(user_table(report).rows) == 6


trades = st.lists(
    st.tuples(
        st.sampled_from(["USER:alice", "USER:bob"]), st.booleans(), st.integers(1, 500), st.integers(1, 90_000),
        st.integers(0, 300),
    ),
    max_size=25,
)  # fmt: skip


@given(trades)
def test_gains_are_what_came_in_less_what_went_out(rows):
    day, held, cash = Day(), {}, {}
    for number, (user, is_buy, volume, price, fee) in enumerate(rows):
        side, amount = ("buy", D(volume) / 100) if is_buy else ("sell", min(D(volume) / 100, held.get(user, D(0))))
        if not amount:
            continue
        of = fill(number, side, str(amount), str(price), NOON + number * SECOND)
        made = day.copy(of, user, volume=str(amount), fee=f"{D(fee) / 100}")
        sign = 1 if is_buy else -1
        held[user] = held.get(user, D(0)) + sign * amount
        cash[user] = cash.get(user, D(0)) - sign * made.cost - made.fee
    report = report_of(day)
    last = D(day.fills[-1].price) if day.fills else D(0)
    for figures in report.users:
        gained = cash[figures.user] + held[figures.user] * last
        assert abs(figures.money["USD"].gained - gained) < D("1e-20")
    if report.gained:
        together = sum(figures.money["USD"].gained for figures in report.users)
        assert abs(report.gained[-1].gained["USD"] - together) < D("1e-20")


def test_gains_follow_the_price_between_trades():
    day = Day()
    day.copy(fill(1, volume="1", price="100"), volume="1")
    later = [(NOON + 10 * SECOND, "XXBTZUSD", D(130)), (NOON + 20 * SECOND, "XXBTZUSD", D(90))]
    steps = list(gains(day.orders, later, {"XXBTZUSD": "USD"}))
    assert [step.gained["USD"] for step in steps] == [0, 30, -10]
    assert settle(day.orders)[("USER:alice", "XXBTZUSD")].volume == 1


# Figures and tables


def test_percentiles_are_by_nearest_rank():
    assert [percentile(range(1, 101), percent) for percent in (50, 95, 99, 100)] == [50, 95, 99, 100]
    assert percentile([7], 50) == percentile([7], 99) == 7
    assert percentile([], 50) is None


def test_skips_are_counted_by_their_code():
    day = Day()
    for number in range(3):
        day.skip(fill(number), say(Reason.FUNDS, f"{number} USD available"))
    day.skip(fill(9), "an old text without a code")
    report = report_of(day)
    assert dict(figures_of(report).skips) == {"funds": 3, "an old text without a code": 1}
    assert skip_table(report).rows[0] == ("alice", "funds", "3")


def test_the_headline_counts():
    report = report_of(busy_day())
    assert headline(report) == ("5 users, 2026-11-23 12:00 to 2026-11-23 21:56 UTC: 462 copied, 13 partly, 125 skipped")
    rows = user_table(report).rows
    assert sum(int(row[2]) for row in rows[:-1]) == int(rows[-1][2]) == 462


def test_nothing_is_no_trouble():
    report = report_of(Day())
    assert "nothing to copy" in headline(report)
    assert "nothing to show yet" in as_html(report)
    assert as_csv(report.receipts).count("\n") == 1


# CSV


def test_the_csv_has_every_receipt_in_full():
    day = busy_day(users=3, fills=40)
    report = report_of(day)
    rows = list(csv.DictReader(io.StringIO(as_csv(report.receipts))))
    assert len(rows) == len(day.decisions)
    first, copied = rows[0], day.orders[0]
    assert first["executed"] == str(copied.executed)
    assert D(first["price"]) == copied.cost / copied.executed
    assert first["sent"] == rfc3339(copied.sent_ns)
    assert float(first["answer_ms"]) == pytest.approx(
        (copied.acknowledged_ns - day.fills[0].received_ns) / MS, abs=0.001
    )


def test_no_text_of_the_csv_is_a_formula():
    day = Day()
    day.skip(fill(1), "=HYPERLINK(1)")
    day.copy(fill(2, "sell"))
    rows = list(csv.DictReader(io.StringIO(as_csv(report_of(day).receipts))))
    assert rows[0]["reason"] == "'=HYPERLINK(1)"
    assert rows[1]["delta"] == "0.05"


# The page


class Page(html.parser.HTMLParser):
    """Every tag with its attributes, and that each that was opened is closed."""

    VOID = frozenset({"meta", "br"})

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text = [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_page_needs_nothing_else():
    text = as_html(report_of(busy_day()))
    page = Page(text)
    assert {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe"} == set()
    assert not any({"src", "href", "onload", "onclick"} & set(attrs) for _, attrs in page.tags)
    assert "http" not in text
    assert "url(" not in text
    assert "prefers-color-scheme: dark" in text
    assert sum(tag == "svg" for tag, _ in page.tags) == 5
    for name in (
        "Gains over time, USD",
        "Until the order left",
        "Slippage",
        "Skipped fills",
        "paused: 5 copies failed",
    ):
        assert name in page.text


def test_every_plot_is_well_formed():
    text = as_html(report_of(busy_day(users=2, fills=30)))
    for plot in text.split("<svg")[1:]:
        tree = ET.fromstring("<svg" + plot.split("</svg>")[0] + "</svg>")
        assert "nan" not in ET.tostring(tree, "unicode")


def test_what_comes_from_elsewhere_is_shown_and_not_run():
    day = Day()
    day.skip(fill(1), "<script>alert(1)</script>")
    text = as_html(report_of(day))
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_a_page_of_one_copy_has_plots():
    day = Day()
    day.copy(fill(1))
    day.facts = {"run": "dry"}
    page = Page(as_html(report_of(day)))
    assert "Dry run: no order was sent" in page.text


numbers = st.floats(0.001, 1e6)


@given(st.lists(numbers, min_size=1), st.booleans())
def test_every_value_is_in_a_bin(values, is_log):
    edges = decades(min(values), max(values)) if is_log else round_steps(min(values), max(values))
    assert edges[0] <= min(values) * 1.0001
    assert edges[-1] >= max(values) * 0.9999
    assert sum(one.size for one in spread(values, edges, 36, is_log=is_log)) == len(values)


@given(st.lists(st.tuples(st.integers(0, 10**18), st.floats(-1e6, 1e6)), min_size=1, max_size=400), st.integers(2, 20))
def test_a_thinned_line_keeps_its_ends_and_extremes(points, columns):
    points = sorted(points)
    thinned = thin(points, columns)
    assert len(thinned) <= max(3 * columns, 0) or thinned == points
    assert thinned[-1] == points[-1]
    assert min(y for _, y in thinned) == min(y for _, y in points)
    assert max(y for _, y in thinned) == max(y for _, y in points)


# From a journal on disk, by command


@pytest.fixture
async def journal(tmp_path):
    journal = open_copy_journal(f"sqlite://{tmp_path}/copies.db")
    await busy_day().write(journal)
    await journal.close()
    return tmp_path / "copies.db"


async def test_a_journal_is_read_as_it_was_written(journal):
    day = busy_day()
    opened = open_copy_journal(f"sqlite://{journal}")
    report = await read_report(opened)
    assert report == report_of(day)
    alice = await read_report(opened, user="USER:alice", since_ns=NOON + 3600 * SECOND)
    await opened.close()
    assert [figures.user for figures in alice.users] == ["USER:alice"]
    assert 0 < len(alice.receipts) < len(report.receipts)
    assert all(receipt.at_ns >= NOON + 3600 * SECOND for receipt in alice.receipts)


def test_the_command_prints_and_writes(journal, tmp_path, capsys):
    words = ["report", "--journal", str(journal), "--receipts", "3"]
    assert main([*words, "--csv", str(tmp_path / "r.csv"), "--html", str(tmp_path / "r.html")]) == 0
    shown = capsys.readouterr().out
    assert "462 copied, 13 partly, 125 skipped" in shown
    assert "paused: 5 copies failed in a row" in shown
    assert "−2,540.78" in shown
    assert len(list(csv.reader(io.StringIO((tmp_path / "r.csv").read_text())))) == 601
    Page((tmp_path / "r.html").read_text())


def test_the_command_without_rich_prints_the_same_figures(journal, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["report", "--journal", str(journal), "--user", "alice"]) == 0
    shown = capsys.readouterr().out
    assert "alice  USD" in shown
    assert "bob" not in shown


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "journal: none named"),
        (["--journal", "/nowhere/copies.db"], "a file that is not there (copies.db)"),
        (["--journal", "postgresql://a:geheim@db/x"], "an address with a password in it"),
        (["--journal", "x.db", "--since", "yesterday"], "since: text of 9 characters"),
        (["--config", "/nowhere/copy.toml"], "a file that can't be read"),
    ],
)
def test_wrong_words_are_told(words, told, capsys, monkeypatch):
    monkeypatch.delenv("KRAKENONCE_JOURNAL", raising=False)
    assert main(["report", *words]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "geheim" not in error


def test_a_report_changes_nothing(journal):
    before = journal.read_bytes()
    main(["report", "--journal", str(journal)])
    assert journal.read_bytes() == before
