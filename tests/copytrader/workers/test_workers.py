"""Several workers, real processes: users are divided, a dead worker's are taken over, and nothing is copied twice."""

import asyncio
import os
import random
import signal
import sys
from decimal import Decimal

import pytest

from krakenonce.copytrader.journal.leases import HELD
from krakenonce.copytrader.report import read_report
from krakenonce.simulator import serve_in_thread
from tests.copytrader.service.stage import buy, sell
from tests.copytrader.trading import bought_and_sold
from tests.copytrader.workers.hosts import MUTANT, ROOT, Cluster


async def test_workers_come_die_and_go_and_everything_is_copied_once(url, tmp_path):
    with serve_in_thread(accounts=7, volatility=0) as sim:
        async with Cluster(sim, url, tmp_path, users=6) as cluster:
            first = await cluster.host("first", "--workers", "2")
            await cluster.until_shared(3, 3)
            await buy(cluster.master, "0.02")
            await cluster.until_all_hold("0.01")

            second = await cluster.host("second")
            await cluster.until_shared(2, 2, 2)
            owners = dict(await cluster.journal.select(HELD))
            afar = next(user for user, worker in owners.items() if f":{second.process.pid}:" not in worker)
            assert "paused (lunch)" in await second.asked("users", "pause", afar, "--reason", "lunch")
            await first.until(f"{afar}: pause: lunch")
            assert f"{afar}: active" in await first.asked("users", "resume", afar)

            dead = first.workers[1]
            os.kill(dead, signal.SIGKILL)
            await buy(cluster.master, "0.02")
            await sell(cluster.master, "0.01")
            await cluster.until_shared(2, 2, 2, without=(dead,))
            await cluster.until_all_hold("0.015")

            shown = await second.asked("users", "list")
            pids = (second.process.pid, *first.workers.values())
            assert sum(shown.count(f":{pid} ") for pid in pids) == 6, shown
            assert await second.stop() == 0
            assert second.process.pid not in await cluster.shares(), "who ends in order gives everything back"
            await cluster.until_shared(3, 3)
            await sell(cluster.master, "0.01")
            await cluster.until_all_hold("0.01")

            assert "killed" in await first.asked("kill", "--reason", "a drill")
            await buy(cluster.master, "0.01")
            await first.until("*: kill: a drill", times=2)
            assert await first.stop() == 0
            assert await cluster.shares() == {}
            assert cluster.findings("0.01") == []
        for secret in second.stage.keys.values():
            assert secret.secret not in first.shown + second.shown


@pytest.mark.parametrize("is_sound", [True, False], ids=["sound", "the positive control: without the check of leases"])
async def test_a_worker_that_was_frozen_makes_no_second_copy(url, tmp_path, is_sound):
    with serve_in_thread(accounts=5, volatility=0) as sim:
        async with Cluster(sim, url, tmp_path, users=4, store=url) as cluster:
            options = {} if is_sound else {"program": (MUTANT,)}
            frozen = await cluster.host("first", **options)
            await frozen.until("copying for")
            await cluster.until_shared(4)
            frozen.process.send_signal(signal.SIGSTOP)
            await buy(cluster.master, "0.02")
            second = await cluster.host("second")
            await cluster.until_shared(4, without=(frozen.process.pid,))
            await cluster.until_all_hold("0.01")
            frozen.process.send_signal(signal.SIGCONT)
            if not is_sound:
                while all(bought_and_sold(account)[0] == Decimal("0.01") for account in cluster.copied):
                    await asyncio.sleep(0.02)
                assert cluster.findings("0.01") != []
                return
            await cluster.until_shared(2, 2)
            await sell(cluster.master, "0.01")
            await cluster.until_all_hold("0.005")
            assert [await host.stop() for host in (frozen, second)] == [0, 0]
            assert cluster.findings("0.005") == []
            assert await cluster.decided_twice() == []


async def test_what_was_asked_of_one_host_reaches_the_worker_of_another(url, tmp_path):
    with serve_in_thread(accounts=4, volatility=0) as sim:
        async with Cluster(sim, url, tmp_path, users=2) as cluster:
            first = await cluster.host("first")
            await cluster.until_shared(2)
            await buy(cluster.master, "0.02")
            await cluster.until_all_hold("0.01")
            nobody = cluster.stage("nobody")
            second = await cluster.host("second")
            await cluster.until_shared(1, 1)
            owners = dict(await cluster.journal.select(HELD))
            afar = next(user for user, worker in owners.items() if f":{first.process.pid}:" in worker)

            for host in (first, second):
                host.stage.write(nobody.text + nobody.table(3))
            assert "joins, with the worker that has room" in await second.asked("users", "reload")
            await first.until("USER:u3: joins, with the worker that has room")
            cluster.users = 3
            await cluster.until_shared(1, 2)

            name = afar.removeprefix("USER:")
            shown = await second.asked("users", "remove", name, "--leaving", "close")
            assert f"{name} is not in copy.toml any more" in shown
            number = int(name[1:])
            assert bought_and_sold(sim.accounts[number]) == (Decimal("0.01"), Decimal("0.01"))
            assert [await host.stop() for host in (first, second)] == [0, 0]


async def test_several_workers_need_a_database(tmp_path, kraken_sim):
    stage_text = f'url = "{kraken_sim.url}"\n[master]\nkey = "env:MASTER"\n[users.u1]\nkey = "env:USER1"\n'
    assert await _refused(tmp_path, stage_text) == (
        "krakenonce: --workers: 2 workers, and a journal in a file of one process. Put the journal into PostgreSQL: "
        'journal = "env:COPY_JOURNAL"; or leave --workers out.'
    )
    shown = await _refused(tmp_path, 'journal = "postgresql://k@127.0.0.1:1/k"\n' + stage_text)
    assert "store: the memory of one process, and 2 workers." in shown


async def _refused(folder, text):
    (folder / "copy.toml").write_text(text)
    words = [sys.executable, "-m", "krakenonce", "run", "--workers", "2", str(folder / "copy.toml")]
    process = await asyncio.create_subprocess_exec(
        *words, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    shown = (await process.communicate())[0].decode().strip()
    assert process.returncode == 2
    return shown


@pytest.mark.proof
@pytest.mark.timeout(1800)  # an order that was written and not sent is waited for until its deadline: 50 s each time
@pytest.mark.parametrize("seed", range(5))
async def test_workers_that_die_freeze_and_end_all_the_time(url, tmp_path, seed):
    dice, held = random.Random(seed), Decimal(0)
    with serve_in_thread(accounts=9, seed=seed, volatility=0, latency_ms=20, jitter_ms=10) as sim:
        async with Cluster(sim, url, tmp_path, users=8, store=url) as cluster:
            hosts = {name: await cluster.host(name, "--workers", "2") for name in ("0", "1")}
            await cluster.until_shared(2, 2, 2, 2)
            for number in range(2, 22):
                name = dice.choice(list(hosts))
                pids, death = list(hosts[name].workers.values()), dice.choice(("kill", "freeze", "end", "supervisor"))
                print(seed, number, name, death)
                dead = pids
                if death == "kill":
                    dead = [dice.choice(pids)]
                    os.kill(dead[0], signal.SIGKILL)
                elif death == "freeze":
                    os.kill(pids[0], signal.SIGSTOP)
                elif death == "supervisor":
                    hosts.pop(name).process.kill()
                else:
                    assert await hosts.pop(name).stop() == 0
                for _ in range(3):
                    side, volume = ("buy", "0.02") if not held else dice.choice((("buy", "0.02"), ("sell", "0.01")))
                    await (buy if side == "buy" else sell)(cluster.master, volume)
                    held += Decimal(volume) if side == "buy" else -Decimal(volume)
                if death in ("end", "supervisor"):
                    hosts[str(number)] = await cluster.host(str(number), "--workers", "2")
                await cluster.until_all_hold(held / 2)
                if death == "freeze":
                    os.kill(pids[0], signal.SIGCONT)
                    dead = []
                # Who is dead has its share for a while; and what the master did may come to nothing meanwhile.
                await cluster.until_shared(2, 2, 2, 2, without=dead)
            assert [await host.stop() for host in hosts.values()] == [0, 0]
            assert cluster.findings(held / 2) == []
            assert await cluster.decided_twice() == []
            assert not [one for one in (await read_report(cluster.journal)).receipts if one.outcome.value == "open"]
