"""What is different in a configuration that was read again. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from krakenonce.copytrader.config import CopySettings, UserSettings

_FIXED = ("run", "url", "store", "journal", "lease_s", "currency", "fee_rate", "masters")


@dataclass(frozen=True, slots=True)
class Differences:
    """Names of users (``USER:<name>``), and of what needs a restart.

    Attributes:
        joined, left: who is new, who is gone.
        rekeyed: whose account changed (key, tier, switch); changed: whose policy did, the same account.
        restart: keys at the top of the file whose new values count after a restart only.
    """

    joined: tuple[str, ...]
    left: tuple[str, ...]
    rekeyed: tuple[str, ...]
    changed: tuple[str, ...]
    restart: tuple[str, ...]


def differences(before: CopySettings, after: CopySettings) -> Differences:
    """Return what is different in *after*."""
    old, new = before.users, after.users
    both = [name for name in new if name in old]
    rekeyed = [name for name in both if _account(old[name]) != _account(new[name])]
    return Differences(
        joined=tuple(name for name in new if name not in old),
        left=tuple(name for name in old if name not in new),
        rekeyed=tuple(rekeyed),
        changed=tuple(name for name in both if old[name].policy != new[name].policy),
        restart=tuple(name for name in _FIXED if getattr(before, name) != getattr(after, name)),
    )


def _account(user: UserSettings) -> tuple[object, ...]:
    return user.account, user.cancel_after_s, dict(user.balances)
