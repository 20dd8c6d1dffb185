"""The journal: one suite for both databases, and what only a file, or only a group, can show."""

import asyncio
import itertools
import os
import sqlite3
import stat
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krakenonce.clock import NS_PER_MS, NS_PER_SECOND, ManualClock
from krakenonce.errors import ConfigError, StoreUnavailable
from krakenonce.orders import Journal, open_journal, sqlite_file
from krakenonce.orders.intents import Intent, Kind, State, may_follow, request_text
from krakenonce.orders.sqlite import SqliteEngine
from krakenonce.orders.tables import Change
from tests.engines.servers import PostgresServer

WANTED = Intent("host:MASTER", "k1", Kind.PLACE, 1, "me.1", "f" * 16, request_text({"pair": "XXBTZUSD"}), nonce=7)


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
        url = {"sqlite": f"sqlite://{tmp_path}/orders.db", "memory": "memory://"}[request.param]
    journal = open_journal(url)
    yield journal
    await journal.close()


@pytest.fixture
def intent(request):
    """An intent of an account that no other test has."""
    return replace(WANTED, account=request.node.name)


async def test_what_was_claimed_is_found_and_open(journal, intent):
    assert await journal.find(intent.account, "k1") is None
    assert await journal.claim(intent)
    assert await journal.find(intent.account, "k1") == intent
    assert await journal.open_intents(intent.account) == [intent]
    assert await journal.open_intents("somebody else") == []


async def test_what_was_settled_is_not_open_any_more(journal, intent):
    await journal.claim(intent)
    done = replace(intent, state=State.EXECUTED, txid="OTX", committed=Decimal("0.10"), detail="HTTP 520")
    assert await journal.settle(done)
    assert await journal.find(intent.account, "k1") == done
    assert await journal.open_intents(intent.account) == []


async def test_only_the_first_verdict_counts(journal, intent):
    await journal.claim(intent)
    assert await journal.settle(replace(intent, state=State.ABSENT))
    assert not await journal.settle(replace(intent, state=State.EXECUTED, txid="O1"))
    assert (await journal.find(intent.account, "k1")).state is State.ABSENT


async def test_the_verdict_of_another_attempt_does_not_count(journal, intent):
    await journal.claim(intent)
    await journal.claim(replace(intent, nonce=8))
    assert not await journal.settle(replace(intent, state=State.REFUSED)), "that nonce was replaced"
    assert (await journal.find(intent.account, "k1")).state is State.SENT


async def test_of_many_who_want_the_same_one_gets_it(journal, intent):
    claims = [journal.claim(replace(intent, holder=f"me.{number}")) for number in range(20)]
    assert sorted(await asyncio.gather(*claims)) == [False] * 19 + [True]


FIRSTS = [
    replace(WANTED, kind=kind, state=state, attempt=attempt, holder=holder)
    for kind, state, attempt, holder in itertools.product(Kind, State, (1, 2), ("me.1", "you.1"))
]
SECONDS = [replace(WANTED, attempt=attempt, nonce=9) for attempt in (1, 2, 3)]


async def test_what_may_follow_what_is_the_same_in_sql_and_in_python(journal, intent):
    pairs = list(itertools.product(FIRSTS, SECONDS))
    for number, (first, second) in enumerate(pairs):
        known = replace(first, account=intent.account, name=f"k{number}")
        claim = replace(second, account=intent.account, name=f"k{number}", kind=known.kind)
        assert await journal.claim(known)
        assert await journal.claim(claim) == may_follow(known, claim), (known, claim)


async def test_an_order_that_exists_is_never_claimed_again_whatever_the_attempt(journal, intent):
    await journal.claim(replace(intent, state=State.EXECUTED))
    assert not any([await journal.claim(replace(intent, attempt=attempt)) for attempt in range(5)])


TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30)


@settings(max_examples=50)
@given(TEXT, TEXT, st.integers(0, 2**63 - 1), st.decimals(allow_nan=False, allow_infinity=False))
async def test_whatever_an_intent_holds_comes_back_from_the_file(name, detail, number, amount):
    engine = SqliteEngine(":memory:")
    intent = replace(
        WANTED, name=name, detail=detail, nonce=number, deadline_ns=number, written_ns=number, committed=amount
    )
    assert engine.write([Change(intent, claims=True)]) == [True]
    assert engine.find(WANTED.account, name) == intent
    engine.close()


async def test_a_journal_can_be_used_by_several_processes(tmp_path):
    url = f"sqlite://{tmp_path}/orders.db"
    journal = open_journal(url)
    await journal.claim(WANTED)
    code = f"""
import asyncio
from krakenonce.orders import open_journal
async def main():
    journal = open_journal({url!r})
    print((await journal.find("host:MASTER", "k1")).nonce)
    await journal.close()
asyncio.run(main())
"""
    environment = os.environ | {"PYTHONPATH": "."}
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert done.stdout == "7\n", done.stderr
    await journal.close()


def test_the_file_is_its_owners_only(tmp_path):
    SqliteEngine(str(tmp_path / "deep" / "orders.db")).close()
    assert stat.S_IMODE((tmp_path / "deep" / "orders.db").stat().st_mode) == 0o600


def test_a_file_that_is_no_journal_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "orders.db"
    path.write_bytes(b"This is a shopping list.\n" * 100)
    with pytest.raises(StoreUnavailable, match=r"orders\.db cannot be opened"):
        SqliteEngine(str(path))
    assert path.read_bytes().startswith(b"This is a shopping list.")


async def test_a_disk_that_fails_means_that_nothing_may_be_sent(tmp_path):
    path = tmp_path / "orders.db"
    journal = open_journal(f"sqlite://{path}")
    other = sqlite3.connect(path)
    other.execute("DROP TABLE krakenonce_intents")
    other.close()
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        await journal.claim(WANTED)
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        await journal.find("a", "b")
    await journal.close()


class SyncCounter:
    """An engine that notes its transactions, and takes as long as the test says."""

    is_local = True

    def __init__(self, clock, takes_ms=0):
        self.clock, self.takes_ms, self.transactions, self.threads = clock, takes_ms, [], set()

    def write(self, changes):
        import threading

        self.threads.add(threading.get_ident())
        self.transactions.append(len(changes))
        self.clock.advance(self.takes_ms * NS_PER_MS)
        return [True] * len(changes)

    def close(self):
        pass


async def test_what_a_hundred_tasks_write_at_once_is_one_transaction():
    engine = SyncCounter(ManualClock())
    journal = Journal(engine, clock=engine.clock)
    await asyncio.gather(*(journal.claim(replace(WANTED, name=f"k{number}")) for number in range(100)))
    assert engine.transactions == [100]
    await journal.close()


async def test_a_slow_disk_is_written_to_aside_so_that_the_loop_goes_on():
    engine = SyncCounter(ManualClock(), takes_ms=20)
    journal = Journal(engine, clock=engine.clock)
    for number in range(5):
        await journal.claim(replace(WANTED, name=f"k{number}"))
    assert len(engine.threads) == 2
    engine.takes_ms = 0
    for number in range(40):
        await journal.claim(replace(WANTED, name=f"k{number}"))
    engine.threads.clear()
    await journal.claim(WANTED)
    assert len(engine.threads) == 1, "and a disk that has recovered is written to at once again"
    await journal.close()


async def test_closing_writes_what_waits():
    engine = SyncCounter(ManualClock())
    journal = Journal(engine, clock=engine.clock)
    claim = asyncio.ensure_future(journal.claim(WANTED))
    await asyncio.sleep(0)
    await journal.close()
    assert await claim
    assert engine.transactions == [1]


@pytest.mark.parametrize("level", ["power", "crash"])
def test_only_claims_are_synced_and_only_if_power_loss_is_to_be_survived(tmp_path, level):
    engine = SqliteEngine(str(tmp_path / "orders.db"), survives_power_loss=level == "power")
    engine.write([Change(WANTED, claims=True)])
    full = engine._file._database.execute("PRAGMA synchronous").fetchone()[0]
    engine.write([Change(replace(WANTED, state=State.EXECUTED), claims=False)])
    settled = engine._file._database.execute("PRAGMA synchronous").fetchone()[0]
    assert (full, settled) == ((2, 1) if level == "power" else (1, 1))
    engine.close()


@pytest.mark.parametrize(
    "url",
    ["orders.db", "sqlite://", "sqlite:///", "sqlite://host/x.db", "sqlite:///x.db?mode=ro", "mysql://x/y",
     "sqlite:///x.db?durability=some", "postgresql://host/db?colour=blue"],
)  # fmt: skip
def test_urls_that_name_no_journal_are_refused(url):
    with pytest.raises(ConfigError, match="journal"):
        open_journal(url)


async def test_a_database_that_went_away_comes_back(postgres, intent):
    journal = open_journal(postgres.url)
    await journal.claim(intent)
    engine = journal._engine
    engine._link._connection.execute("SELECT 1")
    engine._link._connection.close()
    assert await journal.settle(replace(intent, state=State.ABSENT))
    await journal.close()


def test_a_database_that_is_not_there_is_unavailable_and_its_password_stays_secret():
    with pytest.raises(StoreUnavailable) as caught:
        open_journal("postgresql://anna:hunter2@127.0.0.1:1/orders")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


DAY_NS = 86_400 * NS_PER_SECOND


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_what_was_settled_long_ago_is_forgotten_on_opening_and_what_is_open_never(kind, request, tmp_path):
    url = request.getfixturevalue("postgres").url if kind == "postgresql" else f"sqlite://{tmp_path}/orders.db"
    account, newest = request.node.name, 5_000 * DAY_NS
    ages = {"open": 4_000, "old": 91, "kept": 90, "new": 0}
    intents = {
        name: replace(WANTED, account=account, name=name, written_ns=newest - age * DAY_NS)
        for name, age in ages.items()
    }
    journal = open_journal(url)
    for name, intent in intents.items():
        await journal.claim(intent)
        if name != "open":
            await journal.settle(replace(intent, state=State.EXECUTED, txid="O"))
    await journal.close()
    for days, left in ((365, set(ages)), (90, {"open", "kept", "new"})):
        journal = open_journal(f"{url}?keep_days={days}" if "?" not in url else f"{url}&keep_days={days}")
        assert {name for name in ages if await journal.find(account, name)} == left
        assert [intent.name for intent in await journal.open_intents(account)] == ["open"]
        await journal.close()


@pytest.mark.parametrize("days", ["0", "-1", "ten", "1.5", "100000"])
def test_days_that_are_none_are_refused(days, tmp_path):
    with pytest.raises(ConfigError, match="keep_days"):
        open_journal(f"sqlite://{tmp_path}/orders.db?keep_days={days}")


async def test_a_file_that_another_process_writes_is_opened_without_being_pruned(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite_file, "BUSY_MS", 1)
    path = tmp_path / "orders.db"
    open_journal(f"sqlite://{path}")._engine.close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    journal = open_journal(f"sqlite://{path}")
    assert await journal.find("a", "b") is None
    await journal.close()
    other.close()
