"""Credentials in the system's own keyring (macOS Keychain, Windows Credential Locker, Secret Service, KWallet)."""

from __future__ import annotations

import json
from typing import Any

from krakenonce.errors import ConfigError, MissingExtra
from krakenonce.kraken.credentials import Credentials

SERVICE = "krakenonce"
INDEX = "krakenonce names"
"""Keyrings can't be searched portably: the names are kept in an entry of their own. No name can be this one."""

_ELSEWHERE = "Use the encrypted file instead: krakenonce keys add NAME --to vault."
_NO_KEYRING = ("keyring.backends.fail", "keyring.backends.null")


def load(name: str) -> Credentials:
    """Return the credentials kept as *name*.

    Raises:
        ConfigError: the keyring has none, or there is no keyring in this session.
        MissingExtra: the package ``keyring`` is not installed.
    """
    text = _backend().get_password(SERVICE, name)
    if text is None:
        mend = f"Add them: krakenonce keys add {name} --to keyring."
        raise ConfigError(f"keyring:{name}", "a name that the keyring does not know", mend)
    return _read(name, text)


def save(name: str, credentials: Credentials) -> None:
    """Keep *credentials* as *name*; the keyring encrypts them.

    Raises:
        ConfigError: the name is taken, or there is no keyring.
    """
    backend, known = _backend(), names()
    if name in known or name == INDEX:
        raise ConfigError("name", f"{name!r}, which the keyring knows already", "Choose another, or remove it first.")
    text = json.dumps({"key": credentials.key, "secret": credentials.secret})
    backend.set_password(SERVICE, name, text)
    backend.set_password(SERVICE, INDEX, json.dumps([*known, name]))


def remove(name: str) -> None:
    """Forget *name*.

    Raises:
        ConfigError: the keyring does not know it.
    """
    backend, known = _backend(), names()
    if name not in known:
        raise ConfigError("name", f"{name!r}, which the keyring does not know", "See: krakenonce keys list.")
    backend.delete_password(SERVICE, name)
    backend.set_password(SERVICE, INDEX, json.dumps([other for other in known if other != name]))


def names() -> list[str]:
    """Return the names under which credentials are kept."""
    text = _backend().get_password(SERVICE, INDEX)
    try:
        found = json.loads(text or "[]")
    except ValueError:
        found = []
    return [str(name) for name in found] if isinstance(found, list) else []


def is_there() -> bool:
    """Return whether this session has a keyring that may be used."""
    try:
        _backend()
    except (ConfigError, MissingExtra):
        return False
    return True


def _backend() -> _Guarded:
    try:
        import keyring
    except ModuleNotFoundError as missing:
        raise MissingExtra("the system's keyring", "keys") from missing
    backend = keyring.get_keyring()
    if type(backend).__module__ in _NO_KEYRING:
        raise ConfigError("keyring", "none in this session, as is usual without a desktop", _ELSEWHERE)
    if "Plaintext" in type(backend).__qualname__:
        raise ConfigError("keyring", "one that keeps secrets unencrypted", _ELSEWHERE)
    return _Guarded(backend)


class _Guarded:
    """A backend whose errors (locked, no session bus, refused by the user) come as one kind."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def get_password(self, service: str, name: str) -> str | None:
        found: str | None = self._ask("get_password", service, name)
        return found

    def set_password(self, service: str, name: str, text: str) -> None:
        self._ask("set_password", service, name, text)

    def delete_password(self, service: str, name: str) -> None:
        self._ask("delete_password", service, name)

    def _ask(self, deed: str, *words: str) -> Any:
        from keyring.errors import KeyringError

        try:
            return getattr(self._backend, deed)(*words)
        except KeyringError as error:
            # `from None`: a backend's traceback may hold the secret among its arguments.
            shape = f"one that does not answer ({type(error).__name__})"
            raise ConfigError("keyring", shape, _ELSEWHERE) from None


def _read(name: str, text: str) -> Credentials:
    try:
        row = json.loads(text)
        key, secret = row["key"], row["secret"]
    except (ValueError, KeyError, TypeError):
        mend = "Remove it and add it again: krakenonce keys remove, krakenonce keys add."
        raise ConfigError(f"keyring:{name}", "an entry that krakenonce did not write", mend) from None
    return Credentials(key, secret)
