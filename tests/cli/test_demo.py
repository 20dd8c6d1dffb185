"""The demonstration, in small, over real HTTP; and its judgement, which must notice what is wrong."""

from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from krakenonce.cli import main
from krakenonce.cli.demo.findings import Findings, Row, faults, findings
from krakenonce.cli.demo.play import Act
from krakenonce.cli.demo.script import MARKETS, master_orders
from krakenonce.cli.demo.show import MOST_ROWS, print_table, selected
from krakenonce.cli.demo.verdict import comparison, is_good, verdict

MARKET = ("XXBTZUSD", "buy")
PRICES = {pair: Decimal(price) for pair, price in zip(MARKETS, ("50000", "2500", "150"), strict=True)}
QUICK = ["--latency-ms", "3", "--jitter-ms", "2"]
FAR = ["--latency-ms", "400", "--jitter-ms", "400"]  # calls overtake each other, however long one takes to send


@dataclass(frozen=True)
class Rules:
    lot_decimals: int = 8
    order_min: Decimal = Decimal("0.00005")
    cost_min: Decimal = Decimal("0.5")


RULES = dict.fromkeys(MARKETS, Rules())


def test_three_users_are_copied_and_no_nonce_is_refused(capsys):
    assert main(["demo", "--users", "3", "--orders", "4", *QUICK]) == 0
    shown = capsys.readouterr().out
    for account in ("MASTER", "USER:1", "USER:2", "USER:3"):
        assert f"GLOBAL Kraken Nonce Manager installed for {account} (nanosecond precision)\n" in shown
        assert f"Connected to Kraken Pro API ({account})\n" in shown
    assert shown.splitlines()[-1].startswith("OK: ")
    assert "on 3 accounts; 0 invalid nonces in" in shown.splitlines()[-1]
    assert "order 4/4" in shown


def test_without_lanes_calls_are_lost_and_the_exit_status_says_so(capsys):
    assert main(["demo", "--users", "3", "--orders", "4", "--naive", *FAR]) == 1
    shown = capsys.readouterr().out
    assert "GLOBAL Kraken Nonce Manager" not in shown
    assert shown.splitlines()[-1].startswith("NOT OK: ")
    assert "without lanes" in shown.splitlines()[-1]


def test_a_hung_account_is_copied_all_the_same_and_the_others_are_compared(capsys):
    assert main(["demo", "--users", "2", "--orders", "3", "--hang", "1", *QUICK]) == 0
    shown = capsys.readouterr().out
    assert "The other 2 accounts, copy latency p50/p99: " in shown
    assert "on 3 accounts" in shown.splitlines()[-1]


def act(*, master="0.01", user="0.005", undecided=0):
    def figures(**volumes):
        account = {name: {"orders": 1, "fills": 1, "traded": _traded(volume)} for name, volume in volumes.items()}
        return {
            "accounts": account,
            "keys": {name: {"accepted": 9, "refused": 1, "lost": 0, "invalid_nonces": 1} for name in volumes},
        }

    nothing = {"orders": 0, "fills": 0, "traded": {}}
    keys = {"accepted": 0, "refused": 0, "lost": 0, "invalid_nonces": 0}
    before = {
        "accounts": dict.fromkeys(("MASTER", "USER:1"), nothing),
        "keys": dict.fromkeys(("MASTER", "USER:1"), keys),
    }
    latencies = {"USER:1": [4, 2]}
    return Act((_User(),), latencies, {"USER:1": undecided}, before, figures(**{"MASTER": master, "USER:1": user}))


def _traded(volume):
    return {MARKET[0]: {"buy": volume, "sell": "0"}}


@dataclass(frozen=True)
class _User:
    name: str = "USER:1"
    multiplier: Decimal = Decimal("0.5")
    hangs: bool = False


def test_the_table_is_what_happened_during_the_act():
    result = findings(act(), RULES, PRICES)
    assert result.wrong == ()
    assert result.rows[1] == Row("USER:1", 1, 1, 10, 1, 2, 4)
    assert (result.calls, result.invalid_nonces) == (20, 2)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"user": "0"}, "buy XXBTZUSD: 0 instead of 0.00500000"),
        ({"user": "0.004"}, "buy XXBTZUSD: 0.004 instead of"),
        ({"user": "0.00500001"}, "buy XXBTZUSD: 0.00500001 instead of"),
        ({"undecided": 1}, "0 decisions on the master's 1 fills"),
    ],
    ids=["missing", "too little", "too much", "no decision"],
)
def test_a_copy_that_is_missing_or_wrong_is_noticed(changes, complaint):
    result = findings(act(**changes), RULES, PRICES)
    assert any(complaint in line for line in result.wrong)
    assert not is_good(result)


def test_what_is_below_the_minimum_is_carried_and_not_missing():
    due = {MARKET: Decimal("0.00008")}
    assert faults("USER:1", Decimal("0.5"), due, {}, RULES, PRICES) == []
    assert faults("USER:1", Decimal("0.7"), due, {}, RULES, PRICES) != []


def rows(count, **members):
    return tuple(replace(Row(f"USER:{place}", 1, 1, 5, 0, 10, 20 + place), **members) for place in range(count))


def test_a_refused_nonce_spoils_the_verdict():
    good = Findings(rows(2), (), 1, 2)
    assert is_good(good)
    assert verdict(good, naive=False).startswith("OK")
    bad = Findings(rows(2, invalid_nonces=1), (), 1, 2)
    assert not is_good(bad)
    assert "2 of 10 calls (20 %)" in verdict(bad, naive=False)
    assert "--naive" not in verdict(bad, naive=False)


def test_a_master_that_filled_nothing_proves_nothing():
    assert not is_good(Findings(rows(3, fills=0), (), None, None))


def test_of_many_accounts_the_slowest_and_the_troubled_are_shown():
    many = (Row("MASTER", 1, 1, 5, 0), *rows(100))
    chosen = selected((*many[:50], replace(many[50], invalid_nonces=3), *many[51:]))
    assert chosen[0].account == "MASTER"
    assert many[50].account in [row.account for row in chosen]
    assert many[100].account in [row.account for row in chosen]
    assert len(chosen) == 11
    assert selected(many[:MOST_ROWS]) == list(many[:MOST_ROWS])


@pytest.mark.parametrize("rich", [True, False])
def test_the_table_reads_the_same_with_and_without_rich(rich, capsys, monkeypatch):
    if not rich:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    print_table(Findings((Row("MASTER", 10, 10, 59, 0), Row("USER:1", 10, 11, 52, 3, 38_300_000, None)), (), 1, 2))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1] == ["MASTER", "10", "10", "59", "0", "-", "-"]
    assert lines[2] == ["USER:1", "10", "11", "52", "3", "38.3", "-"]
    assert lines[3][:5] == ["all", "20", "21", "111", "3"]


def test_the_comparison_names_both():
    line = comparison(Findings((), (), 1_000_000, 2_000_000), Findings((), (), 3_000_000, None), 100)
    assert "1.0/2.0 ms without, 3.0/- ms with" in line


def test_the_script_repeats_and_never_sells_what_was_not_bought():
    orders = list(master_orders(7, 200, PRICES, RULES))
    assert orders == list(master_orders(7, 200, PRICES, RULES))
    assert orders != list(master_orders(8, 200, PRICES, RULES))
    held = dict.fromkeys(MARKETS, Decimal(0))
    for order in orders:
        held[order.pair] += order.volume if order.side == "buy" else -order.volume
        assert held[order.pair] >= 0
    assert {order.side for order in orders} == {"buy", "sell"}
