"""The examination: every check once, in an order in which the first failure is the one to mend first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from krakenonce.client import DEFAULT_BASE_URL, KrakenClient
from krakenonce.clock import NS_PER_SECOND, Clock, SystemClock
from krakenonce.doctor.findings import Finding, Verdict, failed, passed
from krakenonce.doctor.keys import judge_key, judge_signed_call
from krakenonce.doctor.surroundings import (
    examine_store,
    installed_version,
    is_answering,
    judge_clock,
    judge_exchange,
    judge_twins,
    judge_versions,
)
from krakenonce.errors import ConfigError, KrakenonceError
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.keychain import Reference, load_credentials, parse_reference
from krakenonce.kraken.credentials import Credentials
from krakenonce.kraken.replies import Accepted
from krakenonce.lanes import LaneRegistry

HALF_A_SECOND = NS_PER_SECOND // 2

Load = Callable[[Reference], Credentials]


class Subject(NamedTuple):
    """One account to examine: its name and where its credentials are."""

    account: str
    reference: Reference


def parse_subject(text: str) -> Subject:
    """Return the subject that ``MASTER=REFERENCE`` or ``USER:name=REFERENCE`` names; a bare reference is a MASTER's.

    Several masters are ``MASTER:name``.

    Raises:
        ConfigError: it names none.
    """
    account, equals, reference = text.partition("=")
    if not equals:
        return Subject("MASTER", parse_reference(text))
    kind, _, name = account.partition(":")
    if account != "MASTER" and (kind not in ("MASTER", "USER") or not name.strip()):
        mend = "Write MASTER=..., MASTER:<name>=... or USER:<name>=..."
        raise ConfigError("account", f"text of {len(account)} characters", mend)
    return Subject(account, parse_reference(reference))


async def examine(
    subjects: Sequence[Subject],
    *,
    base_url: str = DEFAULT_BASE_URL,
    store: str = "memory://",
    load: Load = load_credentials,
    clock: Clock | None = None,
    installed: Callable[[str], str | None] = installed_version,
) -> list[Finding]:
    """Return one finding for each check of the surroundings and of each of *subjects*.

    Nothing is changed at the exchange; each key makes one signed call (GetApiKeyInfo).

    Parameters:
        base_url: scheme and host of the exchange; store: the URL of the store.
        load: how to come by credentials; clock: where time is read; installed: a package's release, or None.
    """
    time = clock or SystemClock()
    findings = [judge_versions(installed), *await asyncio.to_thread(examine_store, store, time)]
    keys, missing = _load_all(subjects, load)
    findings += [*missing, *judge_twins({account: key.fingerprint for account, key in keys.items()})]
    probe = Credentials("probe", "cHJvYmU=")  # for public calls, which are not signed
    async with KrakenClient(probe, manager=_manager("memory://", time), base_url=base_url, clock=time) as public:
        status = await public.public("SystemStatus")
        findings.append(judge_exchange(status))
        if not is_answering(status):
            return findings
        findings += await _examine_clock(public, time)
    if any(finding.check == "store" and finding.verdict is Verdict.FAIL for finding in findings):
        return findings  # a nonce from elsewhere could get in the way of programs that do reach the store
    for account, key in keys.items():
        findings += await examine_key(account, key, base_url=base_url, store=store, clock=time)
    return findings


async def examine_key(
    account: str, key: Credentials, *, base_url: str, store: str, clock: Clock | None = None
) -> list[Finding]:
    """Return what is found about one key: one signed call that changes nothing, its nonce granted by *store*."""
    clock = clock or SystemClock()
    manager = _manager(store, clock)
    try:
        async with KrakenClient(key, manager=manager, base_url=base_url, clock=clock) as client:
            outcome = await client.call("GetApiKeyInfo")
    except KrakenonceError as error:
        return [failed("signed call", str(error), "Mend that, then try again.", account)]
    finally:
        manager.store.close()
    finding, facts = judge_signed_call(account, outcome)
    return [finding] if facts is None else [finding, *judge_key(account, facts, clock.wall_ns())]


def _shape(error: KrakenonceError) -> str:
    return f"{error.field}: {error.shape}" if isinstance(error, ConfigError) else str(error)


def _manager(store: str, clock: Clock) -> GlobalKrakenNonceManager:
    return GlobalKrakenNonceManager(store, clock=clock, registry=LaneRegistry())


async def _examine_clock(client: KrakenClient, clock: Clock) -> list[Finding]:
    before = clock.wall_ns()
    answer = await client.public("Time")
    ours = (before + clock.wall_ns()) // 2
    theirs = answer.result.get("unixtime") if isinstance(answer, Accepted) and isinstance(answer.result, dict) else None
    if not isinstance(theirs, int):
        return [failed("clock", "the exchange does not tell its time", "Try again in a minute.")]
    return [judge_clock(theirs * NS_PER_SECOND + HALF_A_SECOND - ours)]


def _load_all(subjects: Sequence[Subject], load: Load) -> tuple[dict[str, Credentials], list[Finding]]:
    keys: dict[str, Credentials] = {}
    findings = []
    for account, reference in subjects:
        try:
            keys[account] = load(reference)
        except KrakenonceError as error:
            mend = error.mend if isinstance(error, ConfigError) else "Install the extra that it names."
            findings.append(failed("credentials", _shape(error), mend, account))
        else:
            findings.append(passed("credentials", f"found in {reference}", account))
    return keys, findings
