"""The examples do what they print: run as a user runs them, against the simulated exchange."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "examples").glob("with_*.py"))


def test_there_is_an_example_for_each_client():
    names = {script.stem.removeprefix("with_") for script in SCRIPTS}
    assert names == {"krakenex", "pykrakenapi", "python_kraken_sdk", "ccxt", "ccxt_async"}


@pytest.mark.kraken_sim(accounts=1, latency_ms=5, jitter_ms=4)
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
async def test_an_example_runs_and_loses_nothing(script, kraken_sim):
    (account,) = kraken_sim.accounts
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), "--url", kraken_sim.url,
        env={**os.environ, "PYTHONPATH": str(ROOT), "KRAKEN_KEY": account.key, "KRAKEN_SECRET": account.secret},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = (stream.decode() for stream in await process.communicate())
    assert process.returncode == 0, err
    assert "GLOBAL Kraken Nonce Manager installed for MASTER (nanosecond precision)" in err
    assert re.search(r"\b0 refused|all answered", out)
    assert account.secret not in out + err
    figures = kraken_sim.stats()["keys"]["MASTER"]
    assert figures["accepted"] >= 24
    assert (figures["refused"], figures["most_in_flight"]) == (0, 1)


def code_of(page):
    """The lines of the Python blocks of *page*, without indentation."""
    inside, lines = False, []
    for line in page.read_text().splitlines():
        if line.startswith("```"):
            inside = line == "```python"
        elif inside and line.strip():
            lines.append(line.strip())
    return lines


@pytest.mark.parametrize("page", sorted((ROOT / "docs/how-to").glob("use-with-*.md")), ids=lambda page: page.stem)
def test_the_pages_show_what_the_examples_run(page):
    links = re.findall(r"examples/(with_\w+\.py)", page.read_text())
    script = [line.strip() for line in (ROOT / "examples" / links[0]).read_text().splitlines()]
    shown = code_of(page)
    assert len(shown) >= 5
    assert [line for line in shown if line not in script] == []
