"""The documentation cannot rot: links lead somewhere, examples run, every command is described."""

import doctest
import os
import pathlib
import re
import subprocess
import sys

import pytest

import krakenonce
from krakenonce.cli import COMMANDS, main

ROOT = pathlib.Path(__file__).parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def ids(paths):
    return [str(path.relative_to(ROOT)) for path in paths]


def blocks(page, language):
    return [code for kind, code in FENCE.findall(page.read_text()) if kind == language]


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_links_lead_somewhere(page):
    targets = [target for target in LINK.findall(page.read_text()) if "://" not in target]
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []


def test_every_page_can_be_reached_from_the_index():
    reached, todo = set(), [ROOT / "docs" / "index.md"]
    while todo:
        page = todo.pop()
        reached.add(page)
        linked = {
            (page.parent / target).resolve() for target in LINK.findall(page.read_text()) if target.endswith(".md")
        }
        todo += sorted(linked - reached - set(todo))
    pages = {page for page in PAGES if page.is_relative_to(ROOT / "docs")}
    assert sorted(ids(pages - reached)) == []


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_python_examples_are_python(page):
    for code in blocks(page, "python"):
        compile(code, str(page), "exec")


def run(code):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=environment, capture_output=True, text=True, check=False
    )


EXAMPLES = [
    (page, code) for page in PAGES for code in blocks(page, "python") if not re.search(r"\bkey, secret\b", code)
]


@pytest.mark.parametrize(("page", "code"), EXAMPLES, ids=ids([page for page, _ in EXAMPLES]))
def test_examples_that_need_no_exchange_run(page, code):
    done = run(code)
    assert done.returncode == 0, done.stderr


def test_the_front_page_shows_code_within_thirty_lines():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert "```python" in lines[:30]
    assert any("make demo" in line for line in lines[:35])
    assert any("make test" in line for line in lines[:35])


def test_every_public_name_is_in_the_reference():
    text = "".join(page.read_text() for page in PAGES)
    assert [name for name in krakenonce.__all__ if name not in text] == []


def test_every_error_is_in_the_reference():
    page = (ROOT / "docs" / "reference" / "errors.md").read_text()
    names = [name for name, value in vars(krakenonce.errors).items() if isinstance(value, type)]
    assert [name for name in names if name not in page] == []


def test_every_decision_is_listed():
    folder = ROOT / "docs" / "decisions"
    listed = (folder / "README.md").read_text()
    assert [page.name for page in folder.glob("0*.md") if page.name not in listed] == []


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_is_documented_and_helps(command, capsys):
    assert f"`krakenonce {command}`" in (ROOT / "docs" / "reference" / "commands.md").read_text()
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"krakenonce {command}" in capsys.readouterr().out


SESSIONS = [page for page in PAGES if ">>> " in page.read_text()]


@pytest.mark.parametrize("page", SESSIONS, ids=ids(SESSIONS))
def test_interactive_sessions_show_what_happens(page, kraken_sim, monkeypatch):
    account = kraken_sim.accounts[0]
    monkeypatch.setenv("KRAKEN_URL", kraken_sim.url)
    monkeypatch.setenv("KRAKEN_KEY", account.key)
    monkeypatch.setenv("KRAKEN_SECRET", account.secret)
    text = page.read_text().replace("```", "")
    session = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    result = doctest.DocTestRunner().run(session)
    assert result.attempted > 0
    assert result.failed == 0
