"""``krakenonce keys``: put API keys where nobody else finds them. Secrets are read without echo, never from argv."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import sys
from pathlib import Path

from krakenonce.doctor.examination import examine_key
from krakenonce.doctor.findings import Finding, Verdict
from krakenonce.errors import ConfigError, KrakenonceError
from krakenonce.global_nonce import KRAKEN_URL, STORE_VARIABLE
from krakenonce.keychain import default_vault, load_credentials, parse_reference, plain_file, system_keyring
from krakenonce.keychain.passphrase import ask_new_passphrase, ask_passphrase
from krakenonce.kraken.credentials import Credentials

_PLACES = ("vault", "keyring", "file")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    deeds = parser.add_subparsers(dest="deed", metavar="ACTION", required=True)
    add = deeds.add_parser("add", help="read key and private key (two lines, or asked without echo), and keep them")
    add.add_argument("name", metavar="NAME", help="such as master or alice; with --to file a path")
    add.add_argument("--to", choices=_PLACES, default="vault", help="where to keep them (default: %(default)s)")
    add.add_argument("--url", default=KRAKEN_URL, help="the exchange to check the key with (default: %(default)s)")
    add.add_argument("--unchecked", action="store_true", help="do not ask the exchange what the key may do")
    deeds.add_parser("list", help="names and fingerprints; never keys")
    check = deeds.add_parser("check", help="whether a reference leads to well-formed credentials")
    check.add_argument("reference", metavar="REFERENCE", help="env:NAME, file:/path, keyring:NAME or vault:NAME")
    remove = deeds.add_parser("remove", help="forget a key here; delete it at Kraken, too")
    remove.add_argument("name", metavar="NAME")
    remove.add_argument("--from", dest="place", choices=_PLACES[:2], default="vault", help="(default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Do what was asked. Return 0, or 1 if the key is not fit to be kept.

    Raises:
        ConfigError: something about the arguments, the credentials or the place is wrong.
        MissingExtra: the place needs an optional dependency.
    """
    deeds = {"add": _add, "list": _list, "check": _check, "remove": _remove}
    return deeds[args.deed](args)


def _add(args: argparse.Namespace) -> int:
    credentials = _read_credentials()
    _refuse_twin(credentials)
    if not args.unchecked:
        problems = _problems(args.name, credentials, args.url)
        for finding in problems:
            print(f"FAIL  {finding.check}: {finding.text}\n      mend: {finding.mend}", file=sys.stderr)
        if problems:
            return 1
    _keep(args.to, args.name, credentials)
    print(f"kept as {args.to}:{args.name} (fingerprint {credentials.fingerprint})")
    return 0


def _list(_: argparse.Namespace) -> int:
    for name, fingerprint in _vault_names().items():
        print(f"vault:{name}  {fingerprint}")
    for name in system_keyring.names() if system_keyring.is_there() else ():
        print(f"keyring:{name}")
    return 0


def _check(args: argparse.Namespace) -> int:
    credentials = load_credentials(args.reference)
    print(f"{parse_reference(args.reference)}: well-formed, fingerprint {credentials.fingerprint}")
    print(f"what it may do: krakenonce doctor {parse_reference(args.reference)}")
    return 0


def _remove(args: argparse.Namespace) -> int:
    if args.place == "keyring":
        system_keyring.remove(args.name)
    else:
        default_vault().remove(args.name)
    print(f"removed {args.place}:{args.name}; delete the key in Kraken's API settings as well")
    return 0


def _keep(place: str, name: str, credentials: Credentials) -> None:
    if place == "file":
        plain_file.save(name, credentials)
    elif place == "keyring":
        system_keyring.save(name, credentials)
    else:
        vault = default_vault()
        vault.save(name, credentials, ask_passphrase() if vault.exists else ask_new_passphrase())


def _read_credentials() -> Credentials:
    if sys.stdin.isatty():
        return Credentials(getpass.getpass("API key: ").strip(), getpass.getpass("Private key: ").strip())
    lines = [line.strip() for line in sys.stdin.read().splitlines() if line.strip()]
    if len(lines) != 2:
        mend = "Give two lines: the API key, then the private key."
        raise ConfigError("standard input", f"{len(lines)} lines", mend)
    return Credentials(*lines)


def _refuse_twin(credentials: Credentials) -> None:
    twin = next((name for name, mark in _vault_names().items() if mark == credentials.fingerprint), None)
    for name in system_keyring.names() if system_keyring.is_there() else ():
        if system_keyring.load(name).fingerprint == credentials.fingerprint:
            twin = name
    if twin is not None:
        raise ConfigError("key", f"the same as that of {twin}", "Make a key of its own for each account.")


def _vault_names() -> dict[str, str]:
    vault = default_vault()
    return vault.names() if vault.exists else {}


def _problems(name: str, credentials: Credentials, url: str) -> list[Finding]:
    account = "MASTER" if Path(name).stem.lower() == "master" else f"USER:{name}"
    store = os.environ.get(STORE_VARIABLE) or "memory://"
    try:
        findings = asyncio.run(examine_key(account, credentials, base_url=url, store=store))
    except KrakenonceError as error:
        raise ConfigError("key", f"one that could not be checked ({error})", "Try again, or --unchecked.") from None
    return [finding for finding in findings if finding.verdict is Verdict.FAIL]
