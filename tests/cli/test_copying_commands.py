"""``run``, ``users``, ``kill`` as programs of their own, against a simulated exchange, and while no copier runs."""

import os
import pathlib
import signal
import subprocess
import sys

import pytest

from krakenonce.cli import main
from krakenonce.copytrader.config import load_settings

ROOT = pathlib.Path(__file__).parents[2]
EXAMPLE = 'run = "dry"\n[master]\nkey = "env:MASTER"\n[users.alice]\nkey = "env:ALICE"\n[users.bob]\nkey = "env:BOB"\n'


CHECKED = """\
copy.toml is right

live run on https://api.kraken.com: orders are sent
MASTER: key from env:MASTER; a key that can only read is enough
2 users:
  alice: key from env:ALICE; follows MASTER; 1 times what the master trades; pairs BTC/USD
  bob: key from env:BOB; follows MASTER; 1 times what the master trades; trades BTC/EUR for BTC/USD; \
pairs BTC/USD; max order 1000 USD; drawdown 20 %; closes what was copied when it stops
all users together: pairs BTC/USD; max exposure 5000 USD
journal: sqlite://{folder}/copy-live.db
nonces: file:///var/lib/k
notices 1: kill

still to be checked, with the keys:
krakenonce doctor MASTER=env:MASTER USER:alice=env:ALICE USER:bob=env:BOB \
--url https://api.kraken.com --store file:///var/lib/k
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "copy.toml"
    path.write_text(EXAMPLE)
    return path


def told(capsys, *words, status=0):
    assert main([str(word) for word in words]) == status
    captured = capsys.readouterr()
    return captured.out + captured.err


# Without a copier


def test_check_tells_what_would_run(file, capsys, monkeypatch):
    file.write_text(
        'run = "live"\nstore = "file:///var/lib/k"\npairs = ["BTC/USD"]\n'
        + EXAMPLE.partition("\n")[2]
        + '[users.bob.guards]\nmax_order = 1000\ndrawdown = "20%"\nstop = "hard"\n[users.bob.mapping]\n'
        '"BTC/USD" = "BTC/EUR"\n[[webhooks]]\nurl = "env:HOOK"\nevents = ["kill"]\n[guards]\nmax_exposure = 5000\n'
    )
    monkeypatch.setenv("HOOK", "https://example.com/token")
    shown = told(capsys, "run", "--check", file)
    assert shown == CHECKED.format(folder=file.parent)
    assert list(file.parent.iterdir()) == [file]


def test_check_tells_every_mistake(file, capsys):
    file.write_text(EXAMPLE + "guards.max_order = -1\nrst = 1\n")
    shown = told(capsys, "run", "--check", file, status=2)
    assert "copy.toml has 2 mistakes:" in shown
    assert "line 8: users.bob.guards.max_order: the number -1." in shown
    assert "line 9: users.bob.rst: an unknown key. Did you mean 'rest'?" in shown


def test_no_password_is_shown(file, capsys, monkeypatch):
    monkeypatch.setenv("PLACE", "postgresql://bot:geheim@db/copy")
    file.write_text('journal = "env:PLACE"\n' + EXAMPLE)
    shown = told(capsys, "run", "--check", file)
    assert "postgresql://bot:***@db/copy" in shown
    assert "geheim" not in shown


def test_looking_makes_no_journal(file, capsys):
    assert "active" in told(capsys, "users", "list", "--config", file)
    assert list(file.parent.iterdir()) == [file]


def test_what_is_switched_while_nothing_runs_is_remembered(file, capsys):
    assert told(capsys, "users", "pause", "alice", "--config", file, "--reason", "holiday").strip() == (
        "USER:alice: paused (holiday), for the next start: no copier runs"
    )
    assert "killed (a drill)" in told(capsys, "kill", "--config", file, "--reason", "a drill")
    shown = told(capsys, "users", "list", "--config", file)
    assert "no copier runs" in shown
    rows = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if line.strip()}
    assert rows["alice"] == ["paused", "holiday"]
    assert rows["bob"] == ["active"]
    assert rows["*"] == ["killed", "a", "drill"]
    assert "*: active" in told(capsys, "users", "rearm", "--all", "--config", file)
    assert "USER:alice: active" in told(capsys, "users", "resume", "USER:alice", "--config", file)
    assert "USER:alice: killed" in told(capsys, "users", "kill", "alice", "--config", file)
    assert "USER:alice: killed" in told(capsys, "users", "resume", "alice", "--config", file)


def test_users_come_and_go_in_the_file_while_nothing_runs(file, capsys):
    shown = told(capsys, "users", "add", "carol", "--key", "env:CAROL", "--config", file)
    assert shown.splitlines() == ["carol is in copy.toml", "no copier runs"]
    assert "carol has another key" in told(capsys, "users", "rotate", "carol", "--key", "env:CAROL2", "--config", file)
    assert str(load_settings(file).users["USER:carol"].account.key) == "env:CAROL2"
    assert "Start it first" in told(
        capsys, "users", "remove", "carol", "--leaving", "close", "--config", file, status=2
    )
    assert "carol is not in copy.toml any more" in told(capsys, "users", "remove", "carol", "--config", file)
    assert file.read_text() == EXAMPLE


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("users", "pause", "nobody"), "user: 'nobody', who is not in copy.toml. Known: alice, bob."),
        (("users", "add", "alice", "--key", "env:X"), "who is in the file already"),
        (("users", "add", "carol", "--key", "env:ALICE"), "users.carol.key: the same as that of USER:alice"),
        (("users", "add", "carol", "--key", "8nqQzK3eYqXyR2bTj5m1WcVfH7uL"), "reference: text of 28 characters"),
        (("users", "rotate", "nobody", "--key", "env:X"), "who is not in copy.toml"),
        (("users", "remove", "nobody"), "who is not in copy.toml"),
    ],
)
def test_wrong_words_change_nothing(file, capsys, words, message):
    shown = told(capsys, *words, "--config", file, status=2)
    assert message in shown
    assert "8nqQzK3e" not in shown
    assert file.read_text() == EXAMPLE


# With one


class Copier:
    """``krakenonce run`` in a process of its own."""

    def __init__(self, file, environment):
        self.file, self.environment = file, os.environ | environment | {"PYTHONUNBUFFERED": "1"}
        words = [sys.executable, "-W", "error", "-m", "krakenonce", "run", str(file)]
        self.process = subprocess.Popen(
            words, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.shown = ""

    def until(self, text):
        """Read what it prints until *text* was printed."""
        while text not in self.shown:
            line = self.process.stdout.readline()
            assert line, f"it ended before it said {text!r}:\n{self.shown}"
            self.shown += line

    def asked(self, *words):
        command = [sys.executable, "-W", "error", "-m", "krakenonce", *words, "--config", str(self.file)]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.stdout.close()
        self.process.wait()


@pytest.fixture
def environment(kraken_sim):
    names = {"MASTER": "MASTER", "USER:1": "ALICE", "USER:2": "BOB", "USER:3": "CAROL"}
    rows = {names[row["name"]]: row for row in kraken_sim.credentials() if row["name"] in names}
    return {f"{name}_{kind.upper()}": row[kind] for name, row in rows.items() for kind in ("key", "secret")}


@pytest.mark.kraken_sim(volatility=0)
def test_a_copier_runs_is_steered_and_stops(kraken_sim, environment, file):
    file.write_text(f'url = "{kraken_sim.url}"\n{EXAMPLE}')
    with Copier(file, environment) as copier:
        copier.until("copying for 2 of 2 users")
        assert "Connected to Kraken Pro API (MASTER)" in copier.shown
        assert "active" in copier.asked("users", "list")
        assert "USER:alice: paused (lunch)" in copier.asked("users", "pause", "alice", "--reason", "lunch")
        assert "USER:carol: joined" in copier.asked("users", "add", "carol", "--key", "env:CAROL")
        copier.until("Connected to Kraken Pro API (USER:carol)")
        assert "bob is not in copy.toml any more" in copier.asked("users", "remove", "bob")
        file.write_text("spoilt by a slip of the hand")
        assert "*: killed" in copier.asked("kill", "--reason", "a drill")
        copier.process.send_signal(signal.SIGHUP)
        copier.until("configuration not taken over: copy.toml has 1 mistake")
        copier.process.send_signal(signal.SIGTERM)
        copier.until("stopping")
        assert copier.process.wait() == 0
    for secret in environment.values():
        assert secret not in copier.shown


def test_sighup_reads_the_file_again(kraken_sim, environment, file):
    file.write_text(f'url = "{kraken_sim.url}"\n{EXAMPLE}')
    with Copier(file, environment) as copier:
        copier.until("copying for 2 of 2 users")
        file.write_text(file.read_text() + '[users.carol]\nkey = "env:CAROL"\n')
        copier.process.send_signal(signal.SIGHUP)
        copier.until("configuration read again: USER:carol: joined")
        copier.process.send_signal(signal.SIGINT)
        assert copier.process.wait() == 0


def test_a_start_that_fails_says_why(kraken_sim, environment, file):
    file.write_text(f'url = "{kraken_sim.url}"\n{EXAMPLE}')
    with Copier(file, {name: value for name, value in environment.items() if not name.startswith("MASTER")}) as copier:
        copier.until("MASTER_KEY: an environment variable that is not set, or empty")
        assert copier.process.wait() == 2
        assert "Traceback" not in copier.shown + copier.process.stdout.read()
