"""The plugin in somebody else's project."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import textwrap

ROOT = pathlib.Path(__file__).parents[2]
TESTS = """
    import krakenex, pytest, requests

    def client(sim):
        api = krakenex.API(sim.accounts[0].key, sim.accounts[0].secret)
        api.uri = sim.url
        return api

    def test_balance(kraken_sim):
        assert client(kraken_sim).query_private("Balance")["result"]["ZUSD"] == "100000.0000"

    @pytest.mark.kraken_sim(accounts=2, tier="starter", funding_usd=5)
    def test_marked(kraken_sim):
        assert len(kraken_sim.accounts) == 2
        errors = [client(kraken_sim).query_private("Balance")["error"] for _ in range(16)]
        assert errors[-1] == ["EAPI:Rate limit exceeded"]
"""


def run_pytest(folder: pathlib.Path, tests: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_bot.py").write_text(textwrap.dedent(tests))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "krakenonce.pytest_plugin", "--strict-markers", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=280, check=False
    )


def test_a_project_gets_its_own_exchange_per_test(tmp_path):
    done = run_pytest(tmp_path, TESTS)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_a_loss_of_money_fails_the_test(tmp_path):
    tests = """
        def test_theft(kraken_sim):
            kraken_sim.accounts[0].wallet.balances["ZUSD"] -= 1
    """
    done = run_pytest(tmp_path, tests)
    assert done.returncode == 1
    assert "ZUSD: -1" in done.stdout


def test_an_unknown_switch_is_named(tmp_path):
    tests = """
        import pytest

        @pytest.mark.kraken_sim(latency=3)
        def test_switch(kraken_sim):
            pass
    """
    assert "latency: no setting of the simulator" in run_pytest(tmp_path, tests).stdout
