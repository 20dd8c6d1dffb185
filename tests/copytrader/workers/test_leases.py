"""Leases, and what several workers write at the same time, against a real PostgreSQL."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from krakenonce.clock import SystemClock
from krakenonce.copytrader.journal import Changes, open_copy_journal
from krakenonce.copytrader.journal.bell import Word, listen
from krakenonce.copytrader.journal.leases import HELD, LOCK, Leases, quota
from krakenonce.copytrader.journal.records import FillRow, LineRow, MasterRow, Standing, State
from krakenonce.copytrader.masterbook import MasterBook
from krakenonce.copytrader.records import Line, LineKey
from krakenonce.copytrader.service.offline import restate
from tests.copytrader.made import fill
from tests.copytrader.service.stage import Stage

USERS = [f"USER:{number}" for number in range(1, 8)]


@pytest.mark.parametrize("count", range(1, 9))
@pytest.mark.parametrize("users", range(0, 20, 3))
def test_shares_sum_up_and_differ_by_one_at_most(users, count):
    workers = [f"w{number}" for number in range(count)]
    shares = [quota(users, workers, worker) for worker in workers]
    assert sum(shares) == users
    assert max(shares) - min(shares) <= 1


def test_users_are_divided_and_given_back_when_others_come(url):
    first, second = (Leases(url, name, lease_s=600) for name in "ab")
    assert first.renew(USERS).taken == set(USERS)
    assert second.renew(USERS).users == set(), "what others have is left to them"
    share = first.renew(USERS)
    assert (share.kept, share.taken, len(share.surplus)) == (set(USERS), set(), 3)
    first.give_back(share.surplus)
    assert second.renew(USERS).taken == share.surplus
    assert first.renew(USERS).users == set(USERS) - share.surplus
    second.retire()
    assert second.renew(USERS, leaving=True).kept == share.surplus, "who leaves still has whom he has not given back"
    assert first.renew(USERS).taken == set()
    second.end()
    assert first.renew(USERS).taken == share.surplus, "who ends in order gives everything back"
    for leases in (first, second):
        leases.close()


def test_who_was_lost_and_comes_back_is_told_from_who_was_kept(url):
    first, second = Leases(url, "a", lease_s=0.001), Leases(url, "b", lease_s=0.001)
    first.renew(USERS)
    while second.renew(USERS).users != set(USERS):
        """The leases of the first are over in a moment."""
    second.end()
    assert first.renew(USERS).kept == set()
    for leases in (first, second):
        leases.close()


async def test_a_worker_without_the_lease_writes_nothing_about_a_user(url):
    key = LineKey("USER:1", "MASTER", "XXBTZUSD")
    leases = Leases(url, "a", lease_s=600)
    leases.renew(["USER:1"])
    mine, others = (open_copy_journal(url, worker=name) for name in "ab")
    row, standing = LineRow(Line(key, Decimal(1))), Standing("USER:1", State.PAUSED, "late", 5)
    changes = Changes(lines=(row,), standings=(standing,), meta={"any": "thing"})
    assert await others.commit(changes) == {"USER:1"}
    known = await others.load()
    assert (known.lines, known.standings, known.meta) == ((), (), {"any": "thing"}), "what concerns nobody is written"
    assert await mine.commit(changes) == frozenset()
    known = await mine.load()
    assert (known.lines, known.standings) == ((row,), (standing,))
    leases.settle({"any": "other", "new": "fact"})
    assert (await mine.load()).meta == {"any": "thing", "new": "fact"}, "the first is right"
    for one in (mine, others):
        await one.close()
    leases.close()


async def test_an_older_standing_never_replaces_a_newer_one_and_nothing_but_a_rearm_a_kill(url):
    journal = open_copy_journal(url)

    async def written(state, since_ns):
        await journal.commit(Changes(standings=(Standing("*", state, "", since_ns),)))
        return (await journal.load()).standings[0].state

    assert await written(State.KILLED, 10) is State.KILLED
    assert await written(State.ACTIVE, 9) is State.KILLED
    assert await written(State.PAUSED, 11) is State.KILLED
    assert await written(State.ACTIVE, 11) is State.ACTIVE
    await journal.close()


async def test_a_position_that_lacks_a_fill_of_another_worker_is_folded_anew(url):
    journal, book = open_copy_journal(url), MasterBook()
    fills = [fill("2", exec_id="T1", at=1), fill("3", exec_id="T2", at=2)]
    rows = tuple(FillRow(one, book.take(one)) for one in fills)
    await journal.commit(Changes(fills=rows, masters=(MasterRow("MASTER", "XXBTZUSD", Decimal(3), Decimal(1), 1, 2),)))
    (master,) = (await journal.load()).masters
    assert (master.position, master.fills) == (Decimal(5), 2)
    await journal.close()


async def test_what_is_read_together_stands_as_of_one_moment(url):
    journal, other = open_copy_journal(url), open_copy_journal(url)
    line = LineRow(Line(LineKey("USER:1", "MASTER", "XXBTZUSD"), Decimal(1)))

    def read(ask):
        before = ask("SELECT count(*) FROM copy_lines")
        other.backend.write([Changes(lines=(line,))])
        return before, ask("SELECT count(*) FROM copy_lines")

    assert journal.backend.view(read) == ([(0,)], [(0,)])
    assert journal.backend.read("SELECT count(*) FROM copy_lines") == [(1,)]
    for one in (journal, other):
        await one.close()


async def test_a_switch_is_called_out_and_a_clock_that_is_behind_makes_no_difference(url, tmp_path, kraken_sim):
    stage = Stage(kraken_sim, tmp_path, run="dry", top=f'journal = "{url}"')
    heard, words = asyncio.Event(), []

    def hear(word):
        words.append(word)
        heard.set()

    journal = open_copy_journal(url)
    ahead = Standing("*", State.PAUSED, "by a host whose clock is ahead", SystemClock().wall_ns() + 10**15)
    await journal.commit(Changes(standings=(ahead,)))
    listening = asyncio.create_task(listen(url, hear, asyncio.sleep))
    while Word.LEASES not in words:
        heard.clear()
        await heard.wait()
    words.clear(), heard.clear()
    assert "*: killed (a drill)" in await restate(stage.settings, "*", "kill", "a drill", SystemClock())
    await heard.wait()
    assert words == [Word.STANDINGS]
    (standing,) = (await journal.load()).standings
    assert replace(standing, since_ns=0) == Standing("*", State.KILLED, "a drill")
    listening.cancel()
    await journal.close()


def test_a_worker_that_freezes_while_it_divides_holds_up_nobody_for_long(url):
    frozen, other, times = Leases(url, "a", lease_s=600), Leases(url, "b", lease_s=600), []

    def stop(connection):
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        times.append("stopped")
        if len(times) == 1:
            assert other.renew(USERS).taken == set(USERS), "once the server has taken the lock from who is frozen"
        return [row[0] for row in connection.execute("SELECT 1").fetchall()]

    assert frozen._link.write(stop, vital=False) == [1], "who wakes begins anew"
    assert len(times) == 2
    for leases in (frozen, other):
        leases.close()


def test_who_is_whose_can_be_asked(url):
    leases = Leases(url, "host:1:x", lease_s=600)
    leases.renew(USERS[:1])
    journal = open_copy_journal(url)
    assert journal.backend.read(HELD) == [("USER:1", "host:1:x")]
    journal.backend.close()
    leases.close()
