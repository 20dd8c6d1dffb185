"""A configuration in plain words: what would run, and what is still to be checked. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from urllib.parse import urlsplit

from krakenonce.copytrader.config.settings import AccountSettings, CopySettings, RunMode, UserSettings
from krakenonce.copytrader.policy import BelowMinimum, CopyMode, Guards, Joining, Leaving, Sizing, SizingMode, Stop

_RUNS = {
    RunMode.LIVE: "orders are sent",
    RunMode.DRY: "no order is sent; each is filled on paper, at the prices of the moment",
    RunMode.SHADOW: "no order is sent; the users exist in the journal only",
}
_SIZES = {
    SizingMode.FIXED_BASE: "{} coins for each order of the master's",
    SizingMode.FIXED_QUOTE: "{} (in the pair's quote currency) for each order of the master's",
    SizingMode.MULTIPLIER: "{} times what the master trades",
    SizingMode.EQUITY: "in proportion to equity, times {}",
    SizingMode.BALANCE: "in proportion to free money, times {}",
    SizingMode.RISK: "{} % of the equity at risk",
}


def describe(settings: CopySettings) -> Iterator[str]:
    """Yield the lines that tell what *settings* would run."""
    yield f"{settings.run.value} run on {settings.url}: {_RUNS[settings.run]}"
    for master in settings.masters.values():
        yield f"{master.name}: {_key(master)}; a key that can only read is enough"
    users = list(settings.users.values())
    yield f"{len(users)} user{'' if len(users) == 1 else 's'}:"
    for user in users:
        yield f"  {user.name.removeprefix('USER:')}: {'; '.join(_user(user, settings))}"
    together = "; ".join(_limits(settings.guards, settings.currency))
    if together:
        yield f"all users together: {together}"
    yield f"journal: {_without_password(settings.journal)}"
    yield f"nonces: {_without_password(settings.store)}{_alone(settings.store)}"
    for number, hook in enumerate(settings.webhooks, 1):
        yield f"notices {number}: {', '.join(sorted(event.value for event in hook.events))}"


def doctor_words(settings: CopySettings) -> str:
    """Return the command that checks the keys of *settings*."""
    accounts = [*settings.masters.values(), *(user.account for user in settings.users.values())]
    named = [f"{account.name}={account.key}" for account in accounts if account.key is not None]
    return " ".join(["krakenonce doctor", *named, "--url", settings.url, "--store", _without_password(settings.store)])


def _user(user: UserSettings, settings: CopySettings) -> Iterator[str]:
    policy = user.policy
    yield _key(user.account) if user.account.key is not None else f"begins with {_purse(user)}"
    yield f"follows {', '.join(policy.masters)}"
    yield _size(policy.sizing)
    if policy.mode is CopyMode.ORDERS:
        yield "follows resting orders as well"
    if policy.mapping:
        yield "trades " + ", ".join(
            f"{target} for {source}" if target else f"nothing for {source}" for source, target in policy.mapping.items()
        )
    yield from _limits(policy.guards, settings.currency)
    if policy.below_minimum is not BelowMinimum.ACCUMULATE:
        yield f"amounts below the minimum: {policy.below_minimum.value.replace('_', ' ')}"
    if policy.joining is not Joining.NEW_ONLY:
        yield f"joins: {policy.joining.value.replace('_', ' ')}"
    if policy.leaving is not Leaving.KEEP:
        yield f"leaves: {policy.leaving.value.replace('_', ' ')}"
    if user.cancel_after_s is not None:
        yield f"Kraken cancels ALL his open orders after {user.cancel_after_s} s of silence"
    if user.account.allow_withdraw:
        yield "his key may be able to withdraw"


def _limits(guards: Guards, currency: str) -> Iterator[str]:
    if guards.pairs is not None:
        yield f"pairs {', '.join(sorted(guards.pairs))}"
    for name, amount in (
        ("min order", guards.min_order), ("max order", guards.max_order), ("max exposure", guards.max_exposure),
        ("daily loss", guards.daily_loss),
    ):  # fmt: skip
        if amount is not None:
            yield f"{name} {amount} {currency}"
    if guards.max_positions is not None:
        yield f"at most {guards.max_positions} positions"
    if guards.drawdown is not None:
        yield f"drawdown {_percent(guards.drawdown)}"
    if guards.stop is Stop.HARD:
        yield "closes what was copied when it stops"
    if guards.orders_per_minute is not None:
        yield f"at most {guards.orders_per_minute} entries a minute"
    if guards.max_failures is not None and guards.max_failures != Guards().max_failures:
        yield f"paused after {guards.max_failures} failures in a row"


def _size(sizing: Sizing) -> str:
    size = _SIZES[sizing.mode].format(sizing.amount)
    return f"{size}, stops {sizing.stop_percent} % away" if sizing.mode is SizingMode.RISK else size


def _key(account: AccountSettings) -> str:
    return f"key from {account.key}"


def _purse(user: UserSettings) -> str:
    return ", ".join(f"{amount} {asset}" for asset, amount in user.balances.items())


def _percent(fraction: Decimal) -> str:
    return f"{(fraction * 100).normalize():f} %"


def _alone(store: str) -> str:
    if not store.startswith("memory:"):
        return ""
    return " (no other program may use these keys at the same time: see docs/how-to/choose-a-store.md)"


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return parts._replace(netloc=f"{parts.username or ''}:***@{parts.netloc.rpartition('@')[2]}").geturl()
