"""What an account's API key must and must not be able to do. Pure.

Sources: https://docs.kraken.com/api/docs/rest-api/get-api-key-info for what is told of a key,
https://docs.kraken.com/exchange/guides/rest/api-keys for what each permission allows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from krakenonce.clock import NS_PER_SECOND, rfc3339
from krakenonce.doctor.findings import Finding, advice, failed, passed
from krakenonce.kraken.replies import Accepted, Outcome, Refused

_WITHDRAWING = {
    "withdraw-funds": "Withdraw funds",
    "add-withdraw-address": "Add withdrawal address",
    "update-withdraw-address": "Update withdrawal address",
}
_READING = {
    "query-funds": "Query funds",
    "query-open-trades": "Query open orders & trades",
    "query-closed-trades": "Query closed orders & trades",
    "create-ws-token": "Access WebSockets API",
}
_TRADING = {"modify-trades": "Create & modify orders", "close-trades": "Cancel & close orders"}

_SOON_NS = 14 * 86_400 * NS_PER_SECOND
_CAPITAL = re.compile(r"(?<=[a-z0-9])([A-Z])")

_MENDS = {
    "EAPI:Invalid key": "Kraken does not know the key, or not from here: copy it again, see that it is enabled and not "
    "expired, and that its IP restriction allows this machine.",
    "EAPI:Invalid signature": "The private key does not belong to this key: copy both again, whole, from one place.",
    "EAPI:Invalid nonce": "Another program uses the key with larger numbers: krakenonce why KEY tells what is known. "
    "Give this program a key of its own; or, if its numbers are of a coarser unit, allow the larger one: krakenonce "
    "why KEY --allow-unit nanoseconds.",
    "EGeneral:Temporary lockout": "Send nothing with this key for 15 minutes, then try once.",
    "EGeneral:Permission denied": "See the key's IP restriction and permissions in Kraken's settings.",
    "EAPI:Rate limit exceeded": "Another program uses the key's rate limit up: stop it, or make a key for each.",
}


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What Kraken says of a key, as far as the checks need it.

    Attributes:
        window: the nonce window; permissions: such as ``query-funds``.
        addresses: the IP restriction; empty for none.
        valid_until_ns: when it expires, in nanoseconds since 1970; 0 for never.
    """

    window: int
    permissions: frozenset[str]
    addresses: tuple[str, ...]
    valid_until_ns: int


def read_key_facts(result: object) -> KeyFacts | None:
    """Return the facts in an answer to GetApiKeyInfo, in either spelling; None if it is not in the documented form."""
    if not isinstance(result, Mapping):
        return None
    members: dict[str, Any] = {_CAPITAL.sub(r"_\1", str(name)).lower(): value for name, value in result.items()}
    permissions, addresses = members.get("permissions"), members.get("ip_allowlist") or ()
    try:
        window, until = int(members.get("nonce_window") or 0), int(members.get("valid_until") or 0)
    except (TypeError, ValueError):
        return None
    if not isinstance(permissions, Sequence) or not isinstance(addresses, Sequence):
        return None
    return KeyFacts(window, frozenset(map(str, permissions)), tuple(map(str, addresses)), until * NS_PER_SECOND)


def judge_signed_call(account: str, outcome: Outcome) -> tuple[Finding, KeyFacts | None]:
    """Judge the harmless signed call (GetApiKeyInfo), and return what it told."""
    if isinstance(outcome, Accepted):
        facts = read_key_facts(outcome.result)
        if facts is not None:
            return passed("signed call", "Kraken accepts key, signature and nonce", account), facts
        mend = "Something between this program and Kraken may change answers: see --url, and any proxy."
        return failed("signed call", "the answer is not in the documented form", mend, account), None
    if isinstance(outcome, Refused):
        mend = next((text for start, text in _MENDS.items() if outcome.error.startswith(start)), "See docs: errors.")
        return failed("signed call", f"Kraken refuses it: {outcome.error}", mend, account), None
    mend = "Try again in a minute; if it stays so, see Kraken's status page and your network."
    return failed("signed call", f"no answer: {outcome.cause}", mend, account), None


def judge_key(account: str, facts: KeyFacts, now_ns: int) -> list[Finding]:
    """Judge permissions, nonce window, IP restriction and expiry of the key of *account*."""
    return [
        _judge_withdrawal(account, facts),
        _judge_permissions(account, facts),
        _judge_window(account, facts),
        _judge_addresses(account, facts),
        _judge_expiry(account, facts, now_ns),
    ]


def _judge_withdrawal(account: str, facts: KeyFacts) -> Finding:
    found = [title for name, title in _WITHDRAWING.items() if name in facts.permissions]
    if not found:
        return passed("withdrawal", "the key cannot take money out of the account", account)
    titles = ", ".join(repr(title) for title in found)
    mend = f"In Kraken's API settings take {titles} away from it: trading never needs that."
    return failed("withdrawal", "whoever gets hold of this key can move the money away", mend, account)


def _judge_permissions(account: str, facts: KeyFacts) -> Finding:
    needed = _READING if account.partition(":")[0] == "MASTER" else _READING | _TRADING
    missing = [title for name, title in needed.items() if name not in facts.permissions]
    if not missing:
        return passed("permissions", "the key may do all that is needed", account)
    titles = ", ".join(repr(title) for title in missing)
    return failed("permissions", f"the key lacks {titles}", f"Grant it {titles} in Kraken's API settings.", account)


def _judge_window(account: str, facts: KeyFacts) -> Finding:
    if facts.window == 0:
        return passed("nonce window", "0: a late request can never execute after a newer one", account)
    text = f"{facts.window}: a late request may execute after newer ones, and a lost order can't be proved dead"
    return failed("nonce window", text, "Set it to 0 in Kraken's API settings.", account)


def _judge_addresses(account: str, facts: KeyFacts) -> Finding:
    if facts.addresses:
        return passed("IP restriction", f"the key works from {', '.join(facts.addresses)} only", account)
    mend = "If this machine's address does not change, enter it in Kraken's API settings."
    return advice("IP restriction", "none: a stolen key works from anywhere", mend, account)


def _judge_expiry(account: str, facts: KeyFacts, now_ns: int) -> Finding:
    until = facts.valid_until_ns
    if until == 0 or until > now_ns + _SOON_NS:
        return passed("expiry", "never" if until == 0 else f"the key is valid until {rfc3339(until)[:10]}", account)
    text = f"the key expires on {rfc3339(until)[:10]}, within two weeks"
    return failed("expiry", text, "Make a new key before that day.", account)
