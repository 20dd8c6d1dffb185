"""Every switch of the simulated exchange, with its default.

Where Kraken's documentation is silent, the default is the stricter reading, so that what works here works there.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from krakenonce.errors import ConfigError
from krakenonce.kraken.limits import TIERS
from krakenonce.simulator.faults import Fault

MARKET_STATES = ("online", "post_only", "cancel_only", "limit_only", "maintenance")
MAX_ACCOUNTS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How one simulated exchange behaves. Immutable; times in the unit their name ends with.

    Parameters:
        accounts: how many accounts there are: MASTER, then USER:1, USER:2 and so on.
        seed: decides keys, identifiers, prices, delays and faults.
        latency_ms, jitter_ms: every request waits latency ± jitter before its nonce is looked at.
        nonce_window: the window of every key, in ticks of its nonces.
        repeat_in_window: whether an exact repeat inside a window passes (undocumented; default no).
        refused_consumes_nonce: whether a request that fails a later check uses up its nonce (undocumented;
            default yes).
        tier: "starter", "intermediate", "pro", or "none" for no counters at all.
        throttle: how many calls of one key may be in flight before ``EService: Throttled``; 0 for any number.
        lockout_after: how many bad calls in a row lock a caller out; 0 for never (threshold undocumented).
        lockout_scope: "key" or "ip"; lockout_s: for how long.
        market: "online", "post_only", "cancel_only", "limit_only" or "maintenance".
        margin: whether leverage is on offer.
        fees: "2026" (0.80/0.40 % to begin with) or "2025" (0.40/0.25 %).
        funding_usd: US dollars on each account; it gets coins of every kind beside them.
        volatility: how far a price strays in an hour, as a share of itself; 0 holds prices still.
        step_ms: how often prices move.
        depth_usd: the average size of one level of the market's own book.
        pace: how much faster than real time the price path (also a CSV's) runs.
        order_minimum_error: "wire" (as seen) or "documented"; gone_order_error: what cancelling a closed order answers.
        stop_orders_hold: whether untriggered stop orders reserve funds (sources differ; default yes).
        strict_client_ids: whether a free-text cl_ord_id is limited to lowercase letters and digits (measured; the docs'
            own example has dashes).
        cost_minimum: overrides every pair's costmin, in quote units; None for the published one.
        batch_cancel_by_client_id: whether CancelOrderBatch takes cl_ord_ids (the docs say so, the official SDK does
            not).
        key_info_case: "snake" or "camel" names in GetApiKeyInfo.
        token_s: how long a WebSocket token may wait for its first use.
        ws_message_rate: messages per second that one connection may send; 0 for any number (the limit is undocumented).
        ws_idle_s: after how long a connection without subscriptions is closed; 0 for never.
        ws_attempts: how many connections one address may try to open in 10 minutes before it is kept out for as long;
            0 for any number.
        ws_gone_order_error: what amending or cancelling a closed order answers over WebSocket.
        clock_error_ms: how wrong the exchange's own clock is.
        virtual_step_ms: above 0, time does not flow: every request moves it on by this much.
        faults: what goes wrong on purpose, from the beginning on.
    """

    accounts: int = 6
    seed: int = 1
    latency_ms: float = 0
    jitter_ms: float = 0
    nonce_window: int = 0
    repeat_in_window: bool = False
    refused_consumes_nonce: bool = True
    tier: str = "none"
    throttle: int = 0
    lockout_after: int = 0
    lockout_scope: str = "key"
    lockout_s: float = 900
    market: str = "online"
    margin: bool = False
    fees: str = "2026"
    funding_usd: Decimal = Decimal(100_000)
    volatility: float = 0.01
    step_ms: int = 500
    depth_usd: Decimal = Decimal(100_000)
    pace: float = 1
    order_minimum_error: str = "wire"
    gone_order_error: str = "EOrder:Unknown order"
    stop_orders_hold: bool = True
    strict_client_ids: bool = True
    cost_minimum: Decimal | None = None
    batch_cancel_by_client_id: bool = False
    key_info_case: str = "snake"
    token_s: float = 900
    ws_message_rate: float = 200
    ws_idle_s: float = 60
    ws_attempts: int = 0
    ws_gone_order_error: str = "EOrder:Invalid order"
    clock_error_ms: float = 0
    virtual_step_ms: int = 0
    faults: tuple[Fault, ...] = ()

    def __post_init__(self) -> None:
        _check_range("accounts", self.accounts, 1, MAX_ACCOUNTS)
        _check_range("latency_ms", self.latency_ms, 0, 3_600_000)
        _check_range("jitter_ms", self.jitter_ms, 0, max(self.latency_ms, 0))
        _check_range("nonce_window", self.nonce_window, 0, 2**63 - 1)
        _check_range("step_ms", self.step_ms, 1, 3_600_000)
        _check_range("pace", self.pace, 0.001, 1_000_000)
        _check_range("volatility", self.volatility, 0, 1)
        _check_range("depth_usd", self.depth_usd, 1, 10**12)
        _check_range("funding_usd", self.funding_usd, 0, 10**12)
        _check_range("ws_message_rate", self.ws_message_rate, 0, 1_000_000)
        _check_range("ws_idle_s", self.ws_idle_s, 0, 86_400)
        _check_range("ws_attempts", self.ws_attempts, 0, 1_000_000)
        _check_choice("tier", self.tier, ("none", *TIERS))
        _check_choice("lockout_scope", self.lockout_scope, ("key", "ip"))
        _check_choice("market", self.market, MARKET_STATES)
        _check_choice("fees", self.fees, ("2026", "2025"))
        _check_choice("order_minimum_error", self.order_minimum_error, ("wire", "documented"))
        _check_choice("key_info_case", self.key_info_case, ("snake", "camel"))


def settings_from(knobs: dict[str, Any]) -> Settings:
    """Return Settings with *knobs* over the defaults.

    Raises:
        ConfigError: a knob has an unknown name or an impossible value.
    """
    known = [field.name for field in fields(Settings)]
    for name in knobs:
        if name not in known:
            raise ConfigError(name, "no setting of the simulator", f"Use one of: {', '.join(known)}.")
    return Settings(**knobs)


def _check_range(name: str, value: float | Decimal, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(name, f"{value}", f"Use a number from {low} to {high}.")


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(name, f"{value!r}", f"Use one of: {', '.join(choices)}.")
