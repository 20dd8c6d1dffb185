"""The page on sizes says what the code does: its reasons are all the reasons, its examples come out."""

import re
from pathlib import Path

from krakenonce.copytrader.guards.reasons import Reason
from krakenonce.copytrader.policy import SizingMode
from tests.copytrader.test_sizing import CASES

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "sizing.md").read_text()
CODES = re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\| (`.*?) \|", PAGE.split("## Reasons")[1], re.MULTILINE)))


def test_every_reason_has_its_line_and_no_line_is_left_over():
    assert sorted(CODES) == sorted(reason.value for reason in Reason)


def test_every_mode_has_its_formula():
    formulas = PAGE.split("## The modes")[1].split("###")[0]
    assert re.findall(r"^\| `([a-z_]+)` \|", formulas, re.MULTILINE) == [
        "multiplier", "fixed_base", "fixed_quote", "equity", "balance", "risk",
    ]  # fmt: skip
    assert len(SizingMode) == 6


def test_the_worked_examples_are_among_the_cases_that_are_tested():
    examples = PAGE.split("### Worked examples")[1].split("##")[0]
    results = re.findall(r"([0-9.]+) \|$", examples, re.MULTILINE)
    assert results == ["0.5", "0.05", "0.002", "0.04", "0.02", "0.08"]
    worked = {(case["mode"], case["amount"], case["order"]) for case in CASES}
    assert {
        ("multiplier", "0.5", "0.5"), ("fixed_base", "0.2", "0.05"), ("fixed_quote", "100", "0.002"),
        ("equity", "1", "0.04"), ("balance", "0.2", "0.02"), ("risk", "2", "0.08"),
    } <= worked  # fmt: skip
