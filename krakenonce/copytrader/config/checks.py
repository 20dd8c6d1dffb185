"""What must fit together: accounts and keys, users and masters, runs and where they keep their truth."""

from __future__ import annotations

from urllib.parse import urlsplit

from krakenonce.copytrader.config.lines import Path
from krakenonce.copytrader.config.policies import NOBODY
from krakenonce.copytrader.config.problems import Notes
from krakenonce.copytrader.config.settings import AccountSettings, CopySettings, RunMode, UserSettings
from krakenonce.copytrader.config.values import hint


def check_whole(notes: Notes, settings: CopySettings) -> None:
    """Note what contradicts itself in *settings*."""
    if not settings.masters and ("masters",) not in notes.spots:
        mend = 'Add the account to copy: [master], with key = "vault:master".'
        notes.add(("master",), "missing", mend)
    for user in settings.users.values():
        _check_masters(notes, settings, user)
        _check_balances(notes, settings, user)
    _check_keys(notes, settings)
    _check_truth(notes, settings)


def path_of(account: str) -> Path:
    """Return where the file has the table of *account*."""
    kind, _, name = account.partition(":")
    return ("master",) if not name else (f"{kind.lower()}s", name)


def _check_masters(notes: Notes, settings: CopySettings, user: UserSettings) -> None:
    path = (*path_of(user.name), "masters")
    if user.policy.masters == NOBODY:
        if settings.masters:
            notes.add(path, "missing, and there are several masters", "Say whom the user follows: masters = [...].")
        return
    known = [name.removeprefix("MASTER:") for name in settings.masters]
    for place, master in enumerate(user.policy.masters):
        if master not in settings.masters and settings.masters:
            where = (*path, place) if (*path, place) in notes.spots else ("defaults", "masters", place)
            name = master.removeprefix("MASTER:")
            notes.add(where, "a master that is not in this file", f"{hint(name, known)}Known: {', '.join(known)}.")


def _check_balances(notes: Notes, settings: CopySettings, user: UserSettings) -> None:
    path = (*path_of(user.name), "balances")
    if settings.run is RunMode.SHADOW and not user.balances:
        notes.add(path, 'missing, but run = "shadow"', "Say what the simulated account begins with: USD = 10000.")
    if settings.run is not RunMode.SHADOW and path in notes.spots:
        notes.add(path, f'balances with run = "{settings.run.value}"', "Leave them out: the real account's count.")


def _check_keys(notes: Notes, settings: CopySettings) -> None:
    owners: dict[str, AccountSettings] = {}
    users = [user.account for user in settings.users.values()]
    for account in (*settings.masters.values(), *users):
        if account.key is None:
            continue
        other = owners.setdefault(str(account.key), account)
        if other is not account:
            mend = "Give every account a key of its own: two accounts on one key would copy to themselves."
            notes.add((*path_of(account.name), "key"), f"the same as that of {other.name}", mend)


def _check_truth(notes: Notes, settings: CopySettings) -> None:
    scheme = urlsplit(settings.journal).scheme
    if settings.run is RunMode.LIVE and scheme == "memory":
        mend = "Write a file's name: after a crash the journal knows what was copied."
        notes.add(("journal",), "memory, which a crash erases", mend)
