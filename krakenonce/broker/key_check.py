"""What an account's key and clock must look like before the first order. Pure."""

from __future__ import annotations

from collections.abc import Collection

from krakenonce.broker.records import KeyInfo
from krakenonce.clock import NS_PER_SECOND
from krakenonce.errors import ConfigError

WITHDRAW = "withdraw-funds"
TOLERATED_OFFSET_NS = 5 * NS_PER_SECOND


def check_key(account: str, info: KeyInfo, allow_withdraw: Collection[str]) -> list[str]:
    """Return what is worth a warning about the key of *account*.

    Raises:
        ConfigError: the key may withdraw funds, and *account* is not named in *allow_withdraw*.
    """
    if WITHDRAW in info.permissions and account not in allow_withdraw:
        mend = (
            "Make a key without 'Withdraw funds': trading needs 'Query funds', 'Query open orders & trades', 'Query "
            "closed orders & trades', 'Create & modify orders' and 'Cancel & close orders'. If it must be this key, "
            f"name the account: allow_withdraw=({account!r},)."
        )
        raise ConfigError(f"the key of {account}", "a key that may withdraw funds", mend)
    if info.nonce_window == 0:
        return []
    warning = (
        f"the key of {account} has a nonce window of {info.nonce_window}: set it to 0, or a late request may execute "
        "after newer ones, and only a jump of its nonces proves a lost order dead"
    )
    return [warning]


def check_clock(account: str, offset_ns: int) -> list[str]:
    """Return what is worth a warning about *offset_ns*, the exchange's clock less ours."""
    if abs(offset_ns) <= TOLERATED_OFFSET_NS:
        return []
    direction = "behind" if offset_ns > 0 else "ahead of"
    seconds = abs(offset_ns) // NS_PER_SECOND
    return [f"the clock of this machine is about {seconds} s {direction} the exchange's ({account}); set it right"]
