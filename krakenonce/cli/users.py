"""``krakenonce users``: who is copied; pause, kill, come and go, while a copier runs and while none does."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from krakenonce.cli.report import account_of, print_table
from krakenonce.clock import SystemClock
from krakenonce.copytrader.config import CopySettings, load_settings
from krakenonce.copytrader.config.editing import add_user, change_key, remove_user, write_config
from krakenonce.copytrader.journal.records import EVERYBODY, State
from krakenonce.copytrader.policy import Leaving
from krakenonce.copytrader.report.text import Table
from krakenonce.errors import ConfigError
from krakenonce.keychain import parse_reference

_SWITCHES = {
    "pause": "make no entries until resume; exits go out",
    "resume": "end a pause",
    "kill": "let no order leave any more and cancel open copy orders, until rearm",
    "rearm": "copy again after a kill or a stop; losses are counted anew",
}
PATIENCE_S = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    deeds = parser.add_subparsers(dest="deed", metavar="ACTION", required=True)
    _deed(deeds, "list", "who is copied, and how he stands")
    for name, summary in _SWITCHES.items():
        room = _deed(deeds, name, summary)
        who = room.add_mutually_exclusive_group(required=True)
        who.add_argument("user", nargs="?", metavar="NAME")
        who.add_argument("--all", action="store_true", help="everybody")
        if name in ("pause", "kill"):
            room.add_argument("--reason", default="by hand", metavar="TEXT")
    add = _deed(deeds, "add", "write a user into the configuration, and copy for him")
    add.add_argument("user", metavar="NAME")
    add.add_argument("--key", required=True, metavar="REFERENCE", help="such as vault:alice; never the key itself")
    add.add_argument("--master", action="append", default=[], metavar="NAME", help="whom he follows, if several")
    rotate = _deed(deeds, "rotate", "go on with another key of the same account; nobody else stops")
    rotate.add_argument("user", metavar="NAME")
    rotate.add_argument("--key", required=True, metavar="REFERENCE")
    remove = _deed(deeds, "remove", "copy no more for a user, and take him out of the configuration")
    remove.add_argument("user", metavar="NAME")
    choices = [choice.value for choice in Leaving]
    remove.add_argument("--leaving", choices=choices, help="what becomes of copied positions (default: his own choice)")
    _deed(deeds, "reload", "read the configuration again; whoever is unchanged in it goes on untouched")


def run(args: argparse.Namespace) -> int:
    """Do what was asked. Return 0, or 1 if a user has not left yet.

    Raises:
        ConfigError: configuration or arguments are wrong, or the copier does not want to.
        KrakenonceError: copier or journal are not to be had.
    """
    if args.deed == "list":
        return _list(args.config)
    if args.deed in _SWITCHES:
        user = EVERYBODY if args.all else account_of(args.user)
        return _say(asyncio.run(switch(args.config, user, args.deed, getattr(args, "reason", ""))))
    settings = load_settings(args.config)
    return {"add": _add, "rotate": _rotate, "remove": _remove, "reload": _reload}[args.deed](args, settings)


async def switch(config: Path, user: str, deed: str, reason: str) -> list[str]:
    """Have the copier kill, pause, resume or re-arm *user*; if none runs, the journal remembers it.

    A copier that runs is reached whatever has become of its configuration file meanwhile.
    """
    from krakenonce.copytrader.service.offline import restate

    answer = await ask_copier(config, {"do": deed, "user": user, "reason": reason})
    if answer is not None:
        return list(answer["lines"])
    settings = load_settings(config)
    if user != EVERYBODY:
        known_user(settings, user)
    return [await restate(settings, user, deed, reason, SystemClock())]


def _list(config: Path) -> int:
    answer = asyncio.run(ask_copier(config, {"do": "list"}))
    if answer is None:
        return _list_offline(load_settings(config))
    _print_users("Users", answer["users"])
    if answer["everybody"] != "active":
        print(f"everybody: {answer['everybody']} ({answer['why']})")
    return 0


def _list_offline(settings: CopySettings) -> int:
    from krakenonce.copytrader.service.offline import roll_call, standings

    known = asyncio.run(standings(settings, SystemClock()))
    called = asyncio.run(roll_call(settings, SystemClock()))
    if called:
        _print_users("Users (no copier runs on this host)", list(called.values()))
        everybody = known[EVERYBODY]
        if everybody.state is not State.ACTIVE:
            print(f"everybody: {everybody.state.value} ({everybody.reason})")
        return 0
    rows = [(name.removeprefix("USER:"), one.state.value, "", "", one.reason) for name, one in known.items()]
    print_table(Table("Users (no copier runs)", ("user", "state", "path", "holds", "reason"), rows, 5))
    return 0


def _print_users(title: str, users: Sequence[Mapping[str, Any]]) -> None:
    """Print who is copied; and by which worker, if there may be several."""
    columns, rows = ["user", "state", "path", "holds", "reason"], [[*_row(user)] for user in users]
    if any("worker" in user for user in users):
        columns.insert(2, "worker")
        for row, user in zip(rows, users, strict=True):
            row.insert(2, user.get("worker", ""))
    print_table(Table(title, tuple(columns), [tuple(row) for row in rows], len(columns)))


def _row(user: Mapping[str, Any]) -> tuple[str, ...]:
    holds = ", ".join(
        f"{line['held'].rstrip('0').rstrip('.')} {line['pair']}"
        for line in user.get("lines", ())
        if Decimal(line["held"])
    )
    reason = user["trouble"] or user.get("reason", "")
    return user["user"].removeprefix("USER:"), user.get("state", "not copied"), user.get("path", ""), holds, reason


def _add(args: argparse.Namespace, settings: CopySettings) -> int:
    name, text = _bare(args.user), settings.file.read_text()
    write_config(settings.file, add_user(text, name, parse_reference(args.key), tuple(args.master)))
    return _taken_over(settings, f"{name} is in {settings.file.name}")


def _rotate(args: argparse.Namespace, settings: CopySettings) -> int:
    name = _bare(known_user(settings, args.user))
    write_config(settings.file, change_key(settings.file.read_text(), name, parse_reference(args.key)))
    return _taken_over(settings, f"{name} has another key in {settings.file.name}")


def _remove(args: argparse.Namespace, settings: CopySettings) -> int:
    user = known_user(settings, args.user)
    text = remove_user(settings.file.read_text(), _bare(user))
    request = {"do": "leave", "user": user, "leaving": args.leaving or "", "wait_s": PATIENCE_S}
    answer = asyncio.run(ask_copier(settings.file, request))
    if answer is None and args.leaving not in (None, Leaving.KEEP.value):
        shape = f"{args.leaving}, and no copier runs that could"
        raise ConfigError("leaving", shape, "Start it first: krakenonce run; or use --leaving keep.")
    if answer is not None and not answer["left"]:
        print(f"{user} is leaving; his table stays in {settings.file.name} until he has left: ask again then")
        return 1
    write_config(settings.file, text)
    return _taken_over(settings, f"{_bare(user)} is not in {settings.file.name} any more")


def _reload(_: argparse.Namespace, settings: CopySettings) -> int:
    return _taken_over(settings, f"{settings.file.name} is right")


def _taken_over(settings: CopySettings, done: str) -> int:
    print(done)
    answer = asyncio.run(ask_copier(settings.file, {"do": "reload"}))
    return _say(_elsewhere(settings) if answer is None else answer["lines"])


def _elsewhere(settings: CopySettings) -> list[str]:
    from krakenonce.copytrader.service.offline import ask_for_files

    is_told = asyncio.run(ask_for_files(settings, SystemClock()))
    return ["no copier runs on this host; those on others read their files again" if is_told else "no copier runs"]


async def ask_copier(config: Path, request: Mapping[str, Any]) -> dict[str, Any] | None:
    """Have the copier that runs on *config* do what *request* says and return its answer; None if none runs."""
    from krakenonce.copytrader.service.control import ask
    from krakenonce.copytrader.service.socket_file import socket_path

    return await ask(socket_path(config), request)


def _deed(deeds: Any, name: str, summary: str) -> argparse.ArgumentParser:
    room: argparse.ArgumentParser = deeds.add_parser(name, help=summary, description=f"{summary.capitalize()}.")
    room.add_argument("--config", required=True, type=Path, metavar="FILE", help="the configuration")
    return room


def known_user(settings: CopySettings, name: str) -> str:
    """Return the account's name of the user *name*; raises `ConfigError` if the configuration has no such user."""
    user = account_of(name)
    if user not in settings.users:
        known = ", ".join(map(_bare, settings.users))
        raise ConfigError("user", f"{_bare(user)[:60]!r}, who is not in {settings.file.name}", f"Known: {known}.")
    return user


def _bare(user: str) -> str:
    return user.removeprefix("USER:")


def _say(lines: list[str]) -> int:
    for line in lines:
        print(line)
    return 0
