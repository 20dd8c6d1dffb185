"""The tutorial on copying, command by command, as a newcomer runs it: what stays running is left running."""

import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections import Counter

import pytest

from krakenonce.copytrader.report import Outcome
from krakenonce.kraken.credentials import Credentials

ROOT = pathlib.Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial" / "copy-trading.md").read_text()
COMMANDS = [
    (section.partition("\n")[0].strip(), line)
    for section in PAGE.split("\n## ")
    for block in re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
PROGRAMS = {"krakenonce": [sys.executable, "-W", "error", "-m", "krakenonce"], "python": [sys.executable]}
UNSETTLED = (Outcome.WAITING, Outcome.OPEN, Outcome.AGAIN)
READY = {"sim": "Stop it with Ctrl-C", "run": "copying for"}


class Terminal:
    """Runs the commands in a folder with the repository's examples; other ports, and this interpreter."""

    def __init__(self, folder):
        self.folder, self.running, self.shown = folder, {}, {}
        shutil.copytree(ROOT / "examples", folder / "examples")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("KRAKEN")} | {
            "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "KRAKENONCE_VAULT": str(folder / "vault.json"),
            "KRAKENONCE_PASSPHRASE": "correct horse battery",
        }  # fmt: skip
        self.url = ""

    def type(self, line, given=""):
        """Run one line and return what it printed; one that goes on running is waited for until it is ready."""
        if self.url:
            line = line.replace("http://127.0.0.1:8787", self.url)
        words = shlex.split(line)
        if words[:2] in (["krakenonce", "sim"], ["krakenonce", "run"]) and "--check" not in words:
            return self.leave_running(words[1], words)
        if words[0] in PROGRAMS:
            words = PROGRAMS[words[0]] + words[1:]
            done = subprocess.run(
                words, cwd=self.folder, env=self.environment, input=given, capture_output=True, text=True
            )
        else:
            done = subprocess.run(
                line, shell=True, cwd=self.folder, env=self.environment, capture_output=True, text=True
            )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    def leave_running(self, name, words):
        self.stop(name)
        # Any free port will do, and is what the other lines use then.
        words = ["0" if word == "8787" else word for word in words]
        process = subprocess.Popen(
            PROGRAMS["krakenonce"] + words[1:], cwd=self.folder, env=self.environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.running[name], self.shown[name] = process, ""
        shown = self.until(name, READY[name])
        if name == "sim":
            self.url = re.search(r"http://127\.0\.0\.1:\d+", shown)[0]
            config = self.folder / "examples" / "copy.toml"
            config.write_text(config.read_text().replace("http://127.0.0.1:8787", self.url))
        return shown

    def until(self, name, text):
        """Read what *name* prints until *text* was printed."""
        while text not in self.shown[name]:
            line = self.running[name].stdout.readline()
            assert line, f"{name} ended before it said {text!r}:\n{self.shown[name]}"
            self.shown[name] += line
        return self.shown[name]

    def stop(self, name):
        process = self.running.pop(name, None)
        if process is not None:
            process.send_signal(signal.SIGINT)
            rest = process.communicate()[0]
            assert process.returncode == 0, rest

    def close(self):
        for process in self.running.values():
            process.kill()
            process.communicate()


@pytest.fixture
def terminal(tmp_path):
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.close()


def commands(section):
    found = [line for title, line in COMMANDS if title.startswith(section)]
    assert found
    return found


def settled(terminal, reported):
    """Ask for the report until each of the master's three fills is dealt with for each of the three users.

    An order that was sent again has a receipt of its own, so there may be more than nine.
    """
    while True:
        shown = terminal.type(reported)
        print(shown.splitlines()[0])  # what it waited for in vain, if it does
        counts = outcomes(shown.splitlines()[0])
        if sum(counts.values()) >= 9 and not any(counts[outcome] for outcome in UNSETTLED):
            assert counts[Outcome.COPIED]
            return shown


def outcomes(headline):
    """Return how many receipts the report's first line counts by each outcome."""
    counted = re.findall(r"(\d+) ([a-z ]+)", headline.partition("): ")[2])
    return Counter({Outcome(name.strip()): int(number) for number, name in counted})


def orders(terminal):
    with urllib.request.urlopen(f"{terminal.url}/_control/stats") as answer:
        accounts = json.loads(answer.read())["accounts"]
    return {name: figures["orders"] for name, figures in accounts.items()}


def test_the_tutorial_does_what_it_says(terminal):
    (simulator,) = commands("1.")
    terminal.type(simulator)
    copied, checked, examined = commands("2.")
    terminal.type(copied)
    shown = terminal.type(checked)
    assert "no order is sent" in shown
    assert "bob: key from file:" in shown
    assert "0 fail" in terminal.type(examined).lower()

    running, trading, listed, reported = commands("3.")
    terminal.type(running)
    terminal.until("run", "feed of MASTER: WebSocket connected")
    assert terminal.type(trading).count("the master") == 3
    assert "dry run" in settled(terminal, reported)
    assert "on paper" in terminal.until("run", "on paper")
    assert "dry" in terminal.type(listed)
    assert "Copy report" in (terminal.folder / "dry.html").read_text()
    assert [orders(terminal)[f"USER:{place}"] for place in (1, 2, 3)] == [0, 0, 0]

    edited, running, trading, reported = commands("4.")
    terminal.type(edited)
    terminal.type(running)
    terminal.until("run", "feed of MASTER: WebSocket connected")
    terminal.type(trading)
    assert "live run" in settled(terminal, reported)
    assert all(orders(terminal)[f"USER:{place}"] for place in (1, 2, 3))
    before = orders(terminal)["USER:3"]

    paused, added, removed, listed, killed, stands, rearmed = commands("5.")
    assert "USER:bob: paused (on holiday)" in terminal.type(paused)
    assert "USER:dave: joined" in terminal.type(added)
    assert "carol is not in copy.toml any more" in terminal.type(removed)
    shown = terminal.type(listed)
    assert "dave" in shown
    assert "carol" not in shown
    while orders(terminal)["USER:3"] == before:
        pass  # what was copied for carol is sold
    assert "killed" in terminal.type(killed)
    assert "everybody: killed (a drill)" in terminal.type(stands)
    assert "*: active" in terminal.type(rearmed)
    terminal.stop("run")
    terminal.stop("sim")


def test_the_way_to_real_accounts_works_on_the_simulator_as_well(terminal):
    terminal.type(commands("1.")[0])
    stocked, stocked_too, written, checked, running = commands("6.")
    for line, account in ((stocked, "MASTER"), (stocked_too, "USER1")):
        key = (terminal.folder / "keys" / account).read_text()
        assert Credentials(*key.split())
        assert "kept as vault:" in terminal.type(f"{line} --url {terminal.url}", given=key)
    terminal.type(written)
    shown = terminal.type(checked)
    assert "dry run on https://api.kraken.com: no order is sent" in shown
    doctor = shown.splitlines()[-1].replace("https://api.kraken.com", terminal.url)
    assert "0 fail" in terminal.type(doctor).lower()
    config = terminal.folder / "real.toml"
    config.write_text(f'url = "{terminal.url}"\n{config.read_text()}')
    assert "copying for 1 of 1 users" in terminal.type(running)


def test_every_command_of_the_page_is_executed():
    sections = [title[:2] for title, _ in COMMANDS]
    assert len(COMMANDS) == 1 + 1 + 3 + 4 + 4 + 7 + 5
    assert sections.count("# ") == 1, "the first lines set up Python, as this test has done before it ran"
