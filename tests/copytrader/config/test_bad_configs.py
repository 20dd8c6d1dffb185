"""Wrong configurations: each mistake with its line, its shape and its mend; never a secret, never a traceback."""

import pathlib
import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krakenonce.copytrader.config import BadConfig, load_settings, parse_settings
from krakenonce.errors import ConfigError

FILE = pathlib.Path("/srv/copy.toml")
CASES = re.findall(
    r"^={20} ([^\n]+)\n(.*?)^-{20}\n(.*?)(?=^={20} |\Z)",
    pathlib.Path(__file__).with_name("bad_configs.txt").read_text(),
    re.MULTILINE | re.DOTALL,
)


def problems(text):
    with pytest.raises(BadConfig) as caught:
        parse_settings(text, FILE, {})
    return caught.value


def test_there_are_more_than_eighty_of_them():
    assert len(CASES) == len({name for name, _, _ in CASES}) > 80


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_every_mistake_is_told(text, expected):
    error = problems(text)
    assert [str(problem) for problem in error.problems] == expected.splitlines()
    assert all(line in str(error) for line in expected.splitlines())
    assert str(error).startswith("copy.toml has ")


@pytest.mark.parametrize("text", [text for _, text, _ in CASES], ids=[name for name, _, _ in CASES])
def test_no_message_repeats_what_may_be_a_secret(text):
    message = str(problems(text))
    for value in re.findall(r'"([^"\n]{25,})"', text):
        assert value not in message
    assert "hunter2" not in message


def test_an_error_survives_pickling():
    error = problems('run = "dri"\n')
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.problems) == (str(error), error.problems)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match="a file that can't be read"):
        load_settings(tmp_path / "nothing.toml")


def test_a_file_that_is_not_text(tmp_path):
    (tmp_path / "copy.toml").write_bytes(b'run = "dry"\n# caf\xe9\n')
    with pytest.raises(BadConfig, match="line 2: the file: not UTF-8"):
        load_settings(tmp_path / "copy.toml")


def test_a_file_nested_without_end():
    assert "nested too deeply" in str(problems("x = " + "[" * 100_000))


WHOLE = """\
run = "live" # comment
url = "http://127.0.0.1:8787"
pairs = ["BTC/USD", "ETH/USD"]
[masters.alpha]
key = "vault:alpha"
[defaults.guards]
max_order = "1000.50"
[users.alice]
key = "vault:alice"
sizing = { mode = "risk", amount = 1.5 }
[users.alice.mapping]
"BTC/USD" = "BTC/EUR"
[[webhooks]]
url = "https://example.com/x"
events = ["pause"]
"""
PIECES = [
    "",
    "\n",
    '"',
    "'''",
    "[",
    "]",
    "[[",
    "{",
    "}",
    "=",
    ".",
    "#",
    "0",
    "-1",
    "true",
    "users",
    "alice",
    "é",
    "\\",
    "nan",
    ",",
]


def test_the_whole_one_is_right():
    parse_settings(WHOLE, FILE, {})


@given(
    st.lists(st.tuples(st.integers(0, len(WHOLE)), st.integers(0, 12), st.sampled_from(PIECES)), min_size=1, max_size=4)
)
def test_a_file_spoilt_by_chance_is_told_so_or_read(edits):
    text = WHOLE
    for at, length, piece in edits:
        text = text[:at] + piece + text[at + length :]
    found = ()
    try:
        parse_settings(text, FILE, {})
    except BadConfig as error:
        found = error.problems
    lines = text.count("\n") + 1
    assert all(1 <= problem.line <= lines and problem.shape and problem.mend for problem in found)
