"""One way to name credentials: ``env:NAME``, ``file:/path``, ``keyring:NAME``, ``vault:NAME``."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import NamedTuple

from krakenonce.errors import ConfigError
from krakenonce.keychain import environment, plain_file, system_keyring
from krakenonce.keychain.passphrase import ask_passphrase
from krakenonce.keychain.vault import default_vault
from krakenonce.kraken.credentials import Credentials

KINDS = ("env", "file", "keyring", "vault")


class Reference(NamedTuple):
    """Where to find one account's credentials. No secret itself: it may be logged and put into configuration."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


def parse_reference(text: str) -> Reference:
    """Return the reference that *text* spells.

    Raises:
        ConfigError: it is none. The text is never repeated: somebody may have given the secret itself.
    """
    kind, colon, name = text.partition(":")
    if not colon or kind not in KINDS or not name.strip():
        close = get_close_matches(kind, KINDS, 1) if colon else []
        hint = f"Did you mean {close[0]}:NAME? " if close else ""
        shape = f"text of {len(text)} characters that names no place"
        raise ConfigError("reference", shape, f"{hint}Write env:NAME, file:/path, keyring:NAME or vault:NAME.")
    return Reference(kind, name)


def load_credentials(reference: str | Reference, passphrase: Callable[[], str] = ask_passphrase) -> Credentials:
    """Return the credentials that *reference* names.

    Parameters:
        reference: ``env:NAME`` for the variables ``NAME_KEY`` and ``NAME_SECRET``; ``file:/path`` for a file of two
            lines that only its owner can read; ``keyring:NAME`` for the system's keyring; ``vault:NAME`` for the
            encrypted file (see `default_vault`).
        passphrase: asked for the vault's passphrase, if one is needed.

    Raises:
        ConfigError: there are none, they are malformed, or others could have read them. The message names the mend,
            and nothing of the secret.
        MissingExtra: the place needs an optional dependency.
    """
    place = reference if isinstance(reference, Reference) else parse_reference(reference)
    if place.kind == "env":
        return environment.load(place.name)
    if place.kind == "file":
        return plain_file.load(place.name)
    if place.kind == "keyring":
        return system_keyring.load(place.name)
    return default_vault().load(place.name, passphrase())
