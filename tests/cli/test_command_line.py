"""The command as a newcomer meets it: a bare interpreter, help texts, wrong words."""

import itertools
import pathlib
import subprocess
import sys

import pytest

from krakenonce.cli import COMMANDS, main

ROOT = pathlib.Path(__file__).parents[2]


def bare(*words):
    """Run the command on an interpreter that sees the standard library and this repository only."""
    command = [sys.executable, "-S", "-W", "error", "-m", "krakenonce", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=280)


def test_nonces_need_nothing_but_python():
    done = bare("nonce", "-n", "1000")
    assert done.returncode == 0, done.stderr
    nonces = [int(line) for line in done.stdout.splitlines()]
    assert len(nonces) == 1000
    assert all(earlier < later for earlier, later in itertools.pairwise(nonces))
    assert {len(line) for line in done.stdout.splitlines()} == {19}


@pytest.mark.parametrize(("command", "extra"), [("demo", "bot"), ("sim", "sim")])
def test_what_needs_more_says_how_to_get_it(command, extra):
    done = bare(command)
    assert done.returncode == 2
    assert f"pip install 'krakenonce[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: krakenonce {command}")
    assert all(len(line) <= 120 for line in shown.splitlines())


@pytest.mark.parametrize("command", ["nonce", "demo"])
def test_help_needs_nothing_but_python(command):
    done = bare(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_overview_names_every_command(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(command.name in shown and command.summary in shown for command in COMMANDS)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "COMMAND"),
        (["bogus"], "bogus"),
        (["nonce", "-n", "0"], "at least 1"),
        (["nonce", "-n", "many"], "not a whole number"),
        (["nonce", "--frobnicate"], "unrecognized"),
        (["demo", "--users", "0"], "at least 1"),
        (["demo", "--latency-ms", "-1"], "milliseconds"),
        (["demo", "--latency-ms", "nan"], "milliseconds"),
    ],
)
def test_wrong_words_get_one_line_and_status_2(words, complaint, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err.splitlines()[-1]


def test_two_things_at_once_are_refused(capsys):
    assert main(["demo", "--naive", "--hang", "1"]) == 2
    assert "--hang" in capsys.readouterr().err


def test_a_reader_that_has_enough_is_no_error():
    command = f"{sys.executable} -S -m krakenonce nonce -n 200000 | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, timeout=280)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout) == 20
