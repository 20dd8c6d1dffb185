"""What a right configuration says, and who says it: the user, the defaults, or nobody."""

import pathlib
from decimal import Decimal

import pytest

from krakenonce.copytrader.config import RunMode, load_settings, parse_settings
from krakenonce.copytrader.notify import Event
from krakenonce.copytrader.policy import (
    BelowMinimum,
    CopyMode,
    Guards,
    Joining,
    Leaving,
    Rest,
    Sizing,
    SizingMode,
    Stop,
    UserPolicy,
)  # fmt: skip

FILE = pathlib.Path("/srv/copy.toml")
SMALLEST = '[master]\nkey = "vault:master"\n[users.alice]\nkey = "vault:alice"\n'


def parse(text, **environment):
    return parse_settings(text, FILE, environment)


def test_the_smallest_file_has_safe_defaults():
    settings = parse(SMALLEST)
    assert settings.run is RunMode.DRY
    assert settings.url == "https://api.kraken.com"
    assert settings.store == "memory://"
    assert settings.journal == "sqlite:///srv/copy-dry.db"
    assert settings.users["USER:alice"].policy == UserPolicy()
    assert str(settings.users["USER:alice"].account.key) == "vault:alice"
    assert settings.guards == Guards(max_failures=None)


def test_everything_can_be_said():
    settings = parse(
        """
        run = "live"
        url = "http://127.0.0.1:8787/"
        store = "env:STORE"
        journal = "data/copy.db"
        currency = "EUR"
        pairs = ["BTC/EUR", "ETH/EUR"]
        fee_rate = "0.26%"
        [masters.alpha]
        key = "file:keys/alpha"
        tier = "pro"
        [masters.beta]
        key = "env:BETA"
        [defaults]
        masters = ["alpha"]
        below_minimum = "skip"
        [defaults.guards]
        max_order = "1000.50"
        daily_loss = 300
        [users.alice]
        key = "keyring:alice"
        allow_withdraw = true
        masters = ["alpha", "MASTER:beta"]
        sizing = { mode = "risk", amount = 1.5, stop_percent = "4" }
        below_minimum = "round_up"
        round_up_cap = "1.5"
        rest = "retry"
        exit_rest = "retry"
        mode = "orders"
        joining = "sync_if_not_worse"
        leaving = "close_with_master"
        valid_s = 10
        cancel_after_s = 60
        [users.alice.guards]
        pairs = ["BTC/EUR"]
        max_order = false
        slippage = "0.25%"
        drawdown = 0.2
        stop = "hard"
        [users.alice.mapping]
        "BTC/EUR" = "BTC/USD"
        "ETH/EUR" = false
        [users.bob]
        key = "vault:bob"
        [guards]
        max_exposure = 5000
        [[webhooks]]
        url = "https://example.com/hook"
        events = ["pause", "kill"]
        [[webhooks]]
        url = "env:HOOK"
        """,
        STORE="redis://:password@localhost",
        HOOK="https://hooks.example.com/T0/secret",
    )
    assert (settings.run, settings.url, settings.currency) == (RunMode.LIVE, "http://127.0.0.1:8787", "EUR")
    assert (settings.store, settings.journal) == ("redis://:password@localhost", "sqlite:///srv/data/copy.db")
    assert str(settings.masters["MASTER:alpha"].key) == "file:/srv/keys/alpha"
    assert settings.masters["MASTER:alpha"].tier == "pro"
    alice, bob = settings.users["USER:alice"], settings.users["USER:bob"]
    assert alice.account.allow_withdraw
    assert (alice.cancel_after_s, bob.cancel_after_s) == (60, None)
    assert settings.fee_rate == Decimal("0.0026")
    assert alice.policy == UserPolicy(
        masters=("MASTER:alpha", "MASTER:beta"),
        sizing=Sizing(SizingMode.RISK, Decimal("1.5"), Decimal(4)),
        guards=Guards(
            pairs=frozenset({"BTC/EUR"}), max_order=None, slippage=Decimal("0.0025"), drawdown=Decimal("0.2"),
            stop=Stop.HARD, daily_loss=Decimal(300),
        ),
        below_minimum=BelowMinimum.ROUND_UP,
        round_up_cap=Decimal("1.5"),
        rest=Rest.RETRY,
        exit_rest=Rest.RETRY,
        mode=CopyMode.ORDERS,
        joining=Joining.SYNC_IF_NOT_WORSE,
        leaving=Leaving.CLOSE_WITH_MASTER,
        mapping={"BTC/EUR": "BTC/USD", "ETH/EUR": None},
        valid_s=10,
    )  # fmt: skip
    assert bob.policy.masters == ("MASTER:alpha",)
    assert bob.policy.below_minimum is BelowMinimum.SKIP
    assert bob.policy.guards.max_order == Decimal("1000.50")
    assert bob.policy.guards.pairs == {"BTC/EUR", "ETH/EUR"}
    assert settings.guards.max_exposure == 5000
    assert settings.webhooks[0].events == {Event.PAUSE, Event.KILL}
    assert settings.webhooks[1].events == frozenset(Event)


def test_decimals_are_exact():
    policy = parse(SMALLEST + "sizing.amount = 0.1\n").users["USER:alice"].policy
    assert str(policy.sizing.amount) == "0.1"


@pytest.mark.parametrize("amount", ["250", "250.5", '"250"', "2.5e2", "0x10", "1_000"])
def test_amounts_may_be_written_as_toml_writes_numbers(amount):
    assert parse(SMALLEST + f"guards.max_order = {amount}\n").users["USER:alice"].policy.guards.max_order > 0


def test_an_amount_belongs_to_its_mode():
    text = '[defaults]\nsizing = { mode = "fixed_quote", amount = 500 }\n' + SMALLEST
    assert parse(text + "sizing.amount = 100\n").users["USER:alice"].policy.sizing.amount == 100
    own = parse(text + 'sizing = { mode = "multiplier" }\n').users["USER:alice"].policy.sizing
    assert own == Sizing()


def test_a_shadow_needs_no_keys_but_balances():
    settings = parse(
        'run = "shadow"\n[master]\nkey = "env:M"\n[defaults]\nbalances = { USD = 1000 }\n'
        "[users.a]\nbalances.BTC = 2\n[users.b]\n"
    )
    assert settings.users["USER:a"].balances == {"USD": 1000, "BTC": 2}
    assert settings.users["USER:b"].balances == {"USD": 1000}
    assert settings.users["USER:b"].account.key is None


def test_no_secret_is_shown():
    settings = parse(
        'store = "env:STORE"\njournal = "env:J"\n' + SMALLEST + '[[webhooks]]\nurl = "env:HOOK"\n',
        STORE="redis://:geheim@localhost", J="postgresql://a:geheim@db/x", HOOK="https://example.com/geheim",
    )  # fmt: skip
    assert "geheim" not in repr(settings)


def test_a_file_is_read_from_disk_and_knows_its_lines(tmp_path):
    path = tmp_path / "copy.toml"
    path.write_text(SMALLEST)
    settings = load_settings(path, {"KRAKENONCE_STORE": "file:///var/lib/k"})
    assert settings.file == path
    assert settings.journal == f"sqlite://{tmp_path}/copy-dry.db"
    assert settings.store == "file:///var/lib/k"
    assert settings.lines["users.alice.key"] == 4
