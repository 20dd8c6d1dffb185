"""The copy trader's journal: one suite for all databases, and what only one of them can show."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krakenonce.clock import ManualClock
from krakenonce.copytrader.journal import Changes, Standing, State, open_copy_journal
from krakenonce.copytrader.journal.journal import CopyJournal
from krakenonce.copytrader.journal.records import FillRow, FollowRow, LineRow, MasterRow
from krakenonce.copytrader.journal.rows import (
    decision_of,
    decision_row,
    fill_of,
    fill_row,
    is_as_planned,
    line_of,
    line_row,
    order_of,
    order_row,
    standing_of,
    standing_row,
)
from krakenonce.copytrader.journal.sqlite import SqliteBackend
from krakenonce.copytrader.journal.statements import RECENT_NS
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
from krakenonce.errors import ConfigError, StoreUnavailable
from krakenonce.orders.batches import Insistence
from tests.engines.servers import PostgresServer

KEY = LineKey("USER:1", "MASTER", "XXBTZUSD")
NOW = 1_790_000_000_000_000_000
FILL = MasterFill(
    "MASTER", "T1", "O1", "XXBTZUSD", "buy", Decimal("0.10"), Decimal(50000), NOW, NOW + 1, Decimal("0.3")
)
CHANGE = Change(Decimal(0), Decimal("0.10"), Decimal("0.25"), Decimal("0.4"))
FILL_ROW = FillRow(FILL, CHANGE)
DECISION = Decision(KEY, "T1", Kind.ENTRY, Decimal("0.05"), Decimal(50000), "", NOW + 2, "buy")
ORDER = CopyOrder("k1", KEY, "T1", 0, Purpose.ENTRY, "buy", Decimal("0.05"), Decimal(50250), NOW + 5, Decimal(50000))
LINE = LineRow(Line(KEY, Decimal("0.05")), "T1", 1, Decimal(50000), 7)


@pytest.fixture(scope="module")
def postgres():
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgresql", "memory"])
async def journal(request, tmp_path):
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").url
    else:
        url = {"sqlite": f"sqlite://{tmp_path}/copies.db", "memory": "memory://"}[request.param]
    journal = open_copy_journal(url)
    if request.param == "postgresql":
        journal.backend.link.write(_emptied, vital=False)
    yield journal
    await journal.close()


def _emptied(connection):
    for name in ("fills", "decisions", "lines", "orders", "standings", "masters", "follows", "meta", "leases"):
        connection.execute(f"DELETE FROM copy_{name}")


async def test_what_is_committed_is_there_after_loading(journal):
    await journal.commit(
        Changes(
            fills=(FILL_ROW,),
            decisions=(DECISION,),
            lines=(LINE,),
            orders=(ORDER,),
            standings=(Standing("USER:1", State.PAUSED, "3 failures", NOW, Decimal(9), "2026-11-23", None, 3),),
            masters=(MasterRow("MASTER", "XXBTZUSD", Decimal("0.10"), Decimal(5000), 1, NOW),),
            follows=(FollowRow("USER:1", "MASTER", NOW - 1),),
            meta={"started:MASTER": "7"},
        )
    )
    there = await journal.load()
    assert there.fills == (FILL,)
    assert there.lines == (LINE,)
    assert there.orders == (ORDER,)
    assert there.standings[0].failures == 3
    assert there.masters == (MasterRow("MASTER", "XXBTZUSD", Decimal("0.10"), Decimal(5000), 1, NOW),)
    assert there.follows == (FollowRow("USER:1", "MASTER", NOW - 1),)
    assert there.meta == {"started:MASTER": "7"}


async def test_what_was_decided_stays_decided(journal):
    await journal.commit(Changes(fills=(FILL_ROW,), decisions=(DECISION,)))
    other = FillRow(replace(FILL, volume=Decimal(9)), CHANGE)
    await journal.commit(Changes(fills=(other,), decisions=(DECISION._replace(delta=Decimal(9)),)))
    assert await journal.select("SELECT volume FROM copy_fills") == [("0.10",)]
    assert await journal.select("SELECT delta FROM copy_decisions") == [("0.05",)]


async def test_a_decision_knows_the_order_that_took_it_in_and_no_later_one(journal):
    small = DECISION._replace(exec_id="T0")
    skip = DECISION._replace(exec_id="TS", kind=Kind.SKIP, delta=Decimal(0), reason="too old")
    await journal.commit(Changes(decisions=(small, skip)))
    await journal.commit(Changes(decisions=(DECISION,), orders=(ORDER,)))
    await journal.commit(Changes(orders=(ORDER._replace(cl_ord_id="k2", attempt=1),)))
    rows = await journal.select("SELECT exec_id, cl_ord_id FROM copy_decisions ORDER BY exec_id")
    assert rows == [("T0", "k1"), ("T1", "k1"), ("TS", "")]


async def test_an_order_of_which_it_is_known_that_nothing_waits_for_it_is_not_looked_for(journal):
    """Nobody says so who does not know: see `Changes.alone`."""
    await journal.commit(Changes(decisions=(DECISION._replace(exec_id="T0"),)))
    await journal.commit(Changes(decisions=(DECISION,), orders=(ORDER,), alone=frozenset({ORDER.cl_ord_id})))
    rows = await journal.select("SELECT exec_id, cl_ord_id FROM copy_decisions ORDER BY exec_id")
    assert rows == [("T0", ""), ("T1", "k1")]


async def test_planned_orders_and_others_are_kept_whole_in_one_batch(journal):
    text = {"path": "ws", "txid": "O1", "reason": "cut", "mirrors": "O7", "ordertype": "limit"}
    amounts = {name: Decimal("0.1") for name in ("executed", "cost", "fee", "trigger")}
    moments = dict.fromkeys(("sent_ns", "acknowledged_ns", "done_ns"), NOW)
    changed = [ORDER._replace(**{name: value}) for name, value in (text | amounts | moments).items()]
    assert is_as_planned(ORDER)
    assert not any(map(is_as_planned, changed))
    orders = (ORDER, *(one._replace(cl_ord_id=f"k{number}") for number, one in enumerate(changed, 2)))
    await journal.commit(Changes(orders=orders))
    assert set((await journal.load()).orders) == set(orders)


async def test_an_order_that_has_ended_has_ended_for_good(journal):
    await journal.commit(Changes(orders=(ORDER,)))
    done = ORDER._replace(phase=OrderPhase.DONE, executed=Decimal("0.05"))
    await journal.commit(Changes(orders=(done,)))
    await journal.commit(Changes(orders=(ORDER._replace(phase=OrderPhase.OPEN),)))
    assert (await journal.load()).orders == ()
    assert await journal.select("SELECT phase, executed FROM copy_orders") == [("done", "0.05")]


async def test_a_master_known_by_fewer_fills_does_not_replace_what_is_known(journal):
    more = MasterRow("MASTER", "XXBTZUSD", Decimal(2), Decimal(9), 2, NOW)
    await journal.commit(Changes(masters=(more,)))
    await journal.commit(Changes(masters=(replace(more, position=Decimal(1), fills=1),)))
    assert (await journal.load()).masters == (more,)


async def test_of_what_is_written_together_the_newest_counts(journal):
    newer = LINE._replace(attempt=2)
    await asyncio.gather(journal.commit(Changes(lines=(LINE,))), journal.commit(Changes(lines=(newer,))))
    assert (await journal.load()).lines == (newer,)


async def test_undecided_fills_are_those_since_the_user_follows(journal):
    fills = [FillRow(replace(FILL, exec_id=f"T{number}", filled_ns=NOW + number), CHANGE) for number in range(5)]
    await journal.commit(Changes(fills=tuple(fills), follows=(FollowRow("USER:1", "MASTER", NOW + 1),)))
    await journal.commit(Changes(decisions=(DECISION._replace(exec_id="T3"),)))
    assert await journal.undecided("USER:1") == [fills[2], fills[4]]
    assert await journal.undecided("USER:2") == []


async def test_only_the_ids_of_recent_fills_are_loaded(journal):
    old = replace(FILL, exec_id="T0", filled_ns=NOW - RECENT_NS - 1)
    await journal.commit(Changes(fills=(FillRow(old, CHANGE), FILL_ROW)))
    assert (await journal.load()).fills == (FILL,)


AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False)
MOMENTS = st.integers(0, 2**63 - 1)
TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30)


@settings(max_examples=100)
@given(AMOUNTS, AMOUNTS, MOMENTS, TEXTS, st.none() | AMOUNTS)
def test_whatever_a_record_holds_comes_back_from_its_row(amount, other, moment, text, perhaps):
    fill = replace(FILL, volume=amount, price=other, filled_ns=moment, order_volume=perhaps, source=Source.AUDIT)
    row = FillRow(fill, Change(amount, other, amount, other))
    assert fill_of(fill_row(row)) == row
    decision = DECISION._replace(delta=amount, reason=text, decided_ns=moment)
    assert decision_of(decision_row(decision, "k1")) == decision
    line = LineRow(Line(KEY, amount, other, amount), text, 3, other, 2**62)
    assert line_of(line_row(line)) == line
    order = ORDER._replace(limit=perhaps, executed=amount, reason=text, done_ns=moment, trigger=perhaps, mirrors=text)
    assert order_of(order_row(order)) == order
    standing = Standing(text, State.KILLED, text, moment, perhaps, text, perhaps, 2)
    assert standing_of(standing_row(standing)) == standing


class Moody:
    """A database that is away at times."""

    is_local = True

    def __init__(self):
        self.inner, self.is_away, self.tries = SqliteBackend(":memory:"), False, 0

    def write(self, batch):
        self.tries += 1
        if self.is_away:
            raise StoreUnavailable("gone")
        return self.inner.write(batch)

    def __getattr__(self, name):
        return getattr(self.inner, name)


async def test_while_the_database_is_away_nothing_counts_and_nothing_later_gets_ahead(caplog):
    backend, pauses = Moody(), []

    async def pause(seconds):
        pauses.append(seconds)
        backend.is_away = len(pauses) < 4
        await asyncio.sleep(0)

    journal = CopyJournal(backend, clock=ManualClock(), insistence=Insistence(sleep=pause))
    backend.is_away = True
    first = journal.commit(Changes(lines=(LINE,)))
    await asyncio.sleep(0)
    second = journal.commit(Changes(lines=(LINE._replace(attempt=2),)))
    await asyncio.sleep(0)
    assert not first.done()
    await asyncio.gather(first, second)
    assert pauses == [0.1, 0.2, 0.4, 0.8]
    assert (await journal.load()).lines == (LINE._replace(attempt=2),)
    await journal.close()


async def test_closing_gives_up_on_a_database_that_stays_away():
    async def pause(seconds):
        await asyncio.sleep(0)

    backend = Moody()
    backend.is_away = True
    journal = CopyJournal(backend, clock=ManualClock(), insistence=Insistence(sleep=pause))
    commit = journal.commit(Changes(lines=(LINE,)))
    await asyncio.sleep(0)
    await journal.close()
    with pytest.raises(StoreUnavailable):
        await commit


async def test_only_one_engine_at_a_time_has_a_file_and_readers_do_not_mind(tmp_path):
    url = f"sqlite://{tmp_path}/copies.db"
    engine = open_copy_journal(url, is_sole=True)
    with pytest.raises(StoreUnavailable, match="in use"):
        open_copy_journal(url, is_sole=True)
    reader = open_copy_journal(url)
    assert (await reader.load()).lines == ()
    await reader.close()
    await engine.close()
    await open_copy_journal(url, is_sole=True).close()


async def test_several_workers_need_a_server(tmp_path):
    with pytest.raises(ConfigError, match="workers"):
        open_copy_journal(f"sqlite://{tmp_path}/copies.db", worker="one")


@pytest.mark.parametrize(("change", "level"), [(Changes(orders=(ORDER,)), 2), (Changes(lines=(LINE,)), 1)])
async def test_what_must_not_be_forgotten_is_synced(tmp_path, change, level):
    backend = SqliteBackend(str(tmp_path / "copies.db"))
    backend.write([change])
    assert backend._file._database.execute("PRAGMA synchronous").fetchone()[0] == level
    backend.close()
