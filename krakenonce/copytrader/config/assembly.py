"""From a file's text to typed settings, or to all of its mistakes."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from krakenonce.copytrader.config import places
from krakenonce.copytrader.config.checks import check_whole
from krakenonce.copytrader.config.keys import ACCOUNT, ROOT, USER, WEBHOOK
from krakenonce.copytrader.config.policies import (
    account_name,
    build_common_guards,
    build_policy,
    merge,
    read_tables_of_data,
)
from krakenonce.copytrader.config.problems import BadConfig, Notes, Problem, dotted
from krakenonce.copytrader.config.secrets import find_secrets
from krakenonce.copytrader.config.settings import AccountSettings, CopySettings, RunMode, UserSettings, Webhook
from krakenonce.copytrader.config.tables import named_tables, read_table
from krakenonce.copytrader.config.values import shape_of
from krakenonce.copytrader.notify import Event
from krakenonce.errors import ConfigError
from krakenonce.keychain import Reference

KRAKEN = "https://api.kraken.com"
_WHERE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def load_settings(path: str | Path, environment: Mapping[str, str] | None = None) -> CopySettings:
    """Return what the configuration file at *path* says.

    Parameters:
        environment: where ``env:NAME`` addresses are looked up; the process's own if None.

    Raises:
        ConfigError: it can't be read. `BadConfig`: it has mistakes; all of them are told.
    """
    file = Path(path).expanduser()
    try:
        text = file.read_bytes().decode()
    except OSError as error:
        raise ConfigError(str(path), f"a file that can't be read ({error.strerror})", "Check its name.") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problem = Problem(line, "the file", "not UTF-8 from here on", "Save it as UTF-8: TOML is nothing else.")
        raise BadConfig(str(path), [problem]) from None
    return parse_settings(text, file.absolute(), environment)


def parse_settings(text: str, file: Path, environment: Mapping[str, str] | None = None) -> CopySettings:
    """Return what the *text* of the configuration *file* says; see `load_settings`.

    Relative paths begin beside *file*.
    """
    try:
        document = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(file.name, [_syntax_problem(text, str(error))]) from None
    except RecursionError:
        problem = Problem(1, "the file", "nested too deeply", "Write it plainly.")
        raise BadConfig(file.name, [problem]) from None
    notes = Notes(text)
    find_secrets(notes, document)
    settings = _Assembly(notes, document, file, os.environ if environment is None else environment).settings()
    if notes.problems:
        raise BadConfig(file.name, notes.problems)
    return settings


class _Assembly:
    """The parts of one file, put together."""

    def __init__(self, notes: Notes, document: dict[str, Any], file: Path, environment: Mapping[str, str]) -> None:
        self._notes, self._document, self._file = notes, document, file
        self._environment = environment
        self._root = read_table(notes, (), document, ROOT)
        self._only_master: tuple[str, ...] = ()
        self._run: RunMode = self._root.get("run", RunMode.DRY)

    def settings(self) -> CopySettings:
        """Return the settings; they are of use only if nothing was noted."""
        root, masters = self._root, self._masters()
        self._only_master = tuple(masters) if len(masters) == 1 else ()
        users = self._users()
        settings = CopySettings(
            file=self._file,
            run=self._run,
            url=self._address("url", KRAKEN),
            store=places.store(self._notes, root.get("store"), self._environment),
            journal=places.journal(self._notes, root.get("journal"), self._environment, self._file, self._run),
            lease_s=root.get("lease_s", 6),
            currency=root.get("currency", "USD"),
            masters=MappingProxyType(masters),
            users=MappingProxyType({user.name: user for user in users}),
            guards=build_common_guards(self._notes, root.get("guards", {}), root.get("pairs")),
            fee_rate=root.get("fee_rate", Decimal("0.004")),
            webhooks=self._webhooks(),
            lines=MappingProxyType({dotted(path): spot.line for path, spot in self._notes.spots.items()}),
        )
        check_whole(self._notes, settings)
        return settings

    def _masters(self) -> dict[str, AccountSettings]:
        found = {}
        if "master" in self._document:
            found["MASTER"] = self._account("MASTER", self._root.get("master", {}))
        if "masters" in self._root:
            for name, said in named_tables(self._notes, ("masters",), self._root["masters"], ACCOUNT):
                found[f"MASTER:{name}"] = self._account(f"MASTER:{name}", said)
        return found

    def _users(self) -> list[UserSettings]:
        defaults = self._root.get("defaults", {})
        read_tables_of_data(self._notes, ("defaults",), defaults)
        if "users" not in self._root:
            return []
        keys = USER if self._run is not RunMode.SHADOW else (replace(USER[0], required=False), *USER[1:])
        named = named_tables(self._notes, ("users",), self._root["users"], keys)
        return [self._user(name, own, defaults) for name, own in named]

    def _user(self, name: str, own: dict[str, Any], defaults: dict[str, Any]) -> UserSettings:
        path = ("users", name)
        read_tables_of_data(self._notes, path, own)
        said = merge(defaults, own)
        said["masters"] = tuple(account_name(master) for master in said.get("masters", self._only_master))
        policy = build_policy(self._notes, path, said, self._root.get("pairs"))
        account, balances = self._account(f"USER:{name}", own), MappingProxyType(said["balances"])
        return UserSettings(account, policy, balances, said.get("cancel_after_s"))

    def _account(self, name: str, said: Mapping[str, Any]) -> AccountSettings:
        key: Reference | None = said.get("key")
        if key is not None and key.kind == "file":
            key = Reference("file", str(places.beside(self._file, key.name)))
        return AccountSettings(name, key, said.get("tier"), bool(said.get("allow_withdraw", False)))

    def _webhooks(self) -> tuple[Webhook, ...]:
        hooks = self._root.get("webhooks", [])
        if not isinstance(hooks, list):
            self._notes.add(("webhooks",), shape_of(hooks), "Write one or more tables: [[webhooks]].")
            return ()
        found = []
        for place, hook in enumerate(hooks):
            path = ("webhooks", place)
            said = read_table(self._notes, path, hook, WEBHOOK)
            if "url" in said:
                url = places.looked_up(self._notes, (*path, "url"), said["url"], self._environment)
                found.append(Webhook(url, frozenset(said.get("events", Event))))
        return tuple(found)

    def _address(self, name: str, standard: str) -> str:
        return places.looked_up(self._notes, (name,), self._root.get(name, standard), self._environment)


def _syntax_problem(text: str, complaint: str) -> Problem:
    where = _WHERE.search(complaint)
    line = int(where[1]) if where is not None and where[1] else text.rstrip().count("\n") + 1
    reason = _WHERE.sub("", complaint)
    return Problem(line, "the file", f"no valid TOML here: {reason[:1].lower()}{reason[1:]}", "See https://toml.io.")
