"""Credentials in one encrypted file. Names and fingerprints can be listed without the passphrase; nothing else can."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from krakenonce.errors import ConfigError
from krakenonce.keychain.locking import locked
from krakenonce.keychain.plain_file import check_private
from krakenonce.keychain.private_files import write_private
from krakenonce.kraken.credentials import Credentials

VARIABLE = "KRAKENONCE_VAULT"

_VERSION = 1
_LARGEST = 64 * 1024 * 1024
_CHECK = b"krakenonce vault 1 check"
_SHORTEST_PASSPHRASE = 12


def default_vault() -> Vault:
    """Return the vault at the path in ``KRAKENONCE_VAULT``, else the one in the user's configuration folder."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Vault(Path(os.environ.get(VARIABLE) or Path(base) / "krakenonce" / "vault.json"))


class Vault:
    """An encrypted file of credentials, by name. It is written whole or not at all, with mode 0600. Threads and
    processes may change it at the same time: each change is made to what the others left.

    The passphrase is stretched by scrypt with the file's own salt; each entry is sealed by ChaCha20-Poly1305 under a
    key of its own salt, bound to its name and fingerprint. Whoever steals the file has names and fingerprints, and
    must guess the passphrase; whoever changes it is found out.

    Parameters:
        path: where the file is, or will be.
        work: scrypt's ``n`` for a new file.
    """

    def __init__(self, path: Path, work: int = 2**17) -> None:
        self.path = path
        self._work = work
        self._stretched: tuple[str, str, bytes] | None = None

    def __repr__(self) -> str:
        return f"Vault({str(self.path)!r})"

    @property
    def exists(self) -> bool:
        """Whether the file is there."""
        return self.path.expanduser().exists()

    def names(self) -> dict[str, str]:
        """Return the fingerprint of each key, by name. Needs no passphrase, and so is proved by `load` only.

        Raises:
            ConfigError: the file can't be read, or is no vault.
        """
        return {name: str(entry["fingerprint"]) for name, entry in self._entries(self._read()).items()}

    def load(self, name: str, passphrase: str) -> Credentials:
        """Return the credentials kept as *name*.

        Raises:
            ConfigError: there are none, the passphrase is wrong, or the file was changed.
        """
        from krakenonce.keychain.sealing import Broken, unseal

        document = self._read()
        entry = self._entries(document).get(name)
        if entry is None:
            raise ConfigError(f"vault:{name}", "a name that the vault does not know", "See: krakenonce keys list.")
        master = self._master(document, passphrase)
        try:
            key, secret = json.loads(unseal(master, _context(name, entry["fingerprint"]), entry))
        except Broken:
            mend = "Somebody changed the file. Restore it from a backup, and replace this API key."
            raise ConfigError(f"vault:{name}", "an entry whose seal is broken", mend) from None
        return Credentials(key, secret)

    def save(self, name: str, credentials: Credentials, passphrase: str) -> None:
        """Keep *credentials* as *name*; makes the file if there is none.

        Raises:
            ConfigError: the name or the key is there already, or the passphrase is not the file's own.
        """
        with locked(self.path):
            self._save(name, credentials, passphrase)

    def _save(self, name: str, credentials: Credentials, passphrase: str) -> None:
        from krakenonce.keychain.sealing import seal

        document = self._read() if self.exists else self._new(passphrase)
        entries = self._entries(document)
        if name in entries:
            raise ConfigError("name", f"{name!r}, which the vault knows already", "Choose another, or remove it first.")
        twin = next((other for other, row in entries.items() if row["fingerprint"] == credentials.fingerprint), None)
        if twin is not None:
            mend = "Give every account a key of its own: two programs on one key get in each other's way."
            raise ConfigError("key", f"the same as that of {twin}", mend)
        master = self._master(document, passphrase)
        text = json.dumps([credentials.key, credentials.secret]).encode()
        sealed = seal(master, _context(name, credentials.fingerprint), text)
        entries[name] = {"fingerprint": credentials.fingerprint, **sealed}
        self._write(document)

    def remove(self, name: str) -> None:
        """Forget *name*. Needs no passphrase: whoever may write the file may delete it, too.

        Raises:
            ConfigError: the vault does not know it.
        """
        with locked(self.path):
            document = self._read()
            if self._entries(document).pop(name, None) is None:
                raise ConfigError("name", f"{name!r}, which the vault does not know", "See: krakenonce keys list.")
            self._write(document)

    def _new(self, passphrase: str) -> dict[str, Any]:
        from krakenonce.keychain.sealing import Stretching, seal

        if len(passphrase) < _SHORTEST_PASSPHRASE:
            mend = f"Use {_SHORTEST_PASSPHRASE} or more: a few random words are easy to keep in mind."
            raise ConfigError("passphrase", f"text of {len(passphrase)} characters", mend)
        stretching = Stretching.fresh(self._work)
        check = seal(stretching.master(passphrase), _CHECK, _CHECK)
        return {"krakenonce vault": _VERSION, "stretching": stretching.as_row(), "check": check, "entries": {}}

    def _master(self, document: dict[str, Any], passphrase: str) -> bytes:
        from krakenonce.keychain.sealing import Broken, Stretching, unseal

        row = json.dumps([document["stretching"], document["check"]], sort_keys=True)
        if self._stretched is not None and self._stretched[:2] == (row, passphrase):
            return self._stretched[2]
        try:
            master = Stretching.from_row(document["stretching"]).master(passphrase)
            unseal(master, _CHECK, document["check"])
        except ConfigError:
            raise
        except (Broken, KeyError, TypeError, ValueError):
            mend = "Try again; if you are sure of it, the file was changed: restore it from a backup."
            raise ConfigError("passphrase", "one that does not open the vault", mend) from None
        self._stretched = (row, passphrase, master)
        return master

    def _read(self) -> dict[str, Any]:
        path = self.path.expanduser()
        try:
            with path.open("rb") as file:
                check_private(str(path), os.fstat(file.fileno()))
                document = json.loads(file.read(_LARGEST))
        except OSError as error:
            mend = f"Add a key first (krakenonce keys add NAME), or name the file in {VARIABLE}."
            raise ConfigError(str(self.path), f"a vault that can't be read ({error.strerror})", mend) from None
        except ConfigError:
            raise
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict) or document.get("krakenonce vault") != _VERSION:
            raise ConfigError(str(self.path), "no vault of krakenonce's", f"Restore it, or name another in {VARIABLE}.")
        return document

    def _entries(self, document: dict[str, Any]) -> dict[str, dict[str, Any]]:
        entries = document.get("entries")
        fine = isinstance(entries, dict) and all(
            isinstance(row, dict) and isinstance(row.get("fingerprint"), str) for row in entries.values()
        )
        if not isinstance(entries, dict) or not fine or not isinstance(document.get("check"), dict):
            raise ConfigError(str(self.path), "a vault with parts missing", "Restore it from a backup.")
        return entries

    def _write(self, document: dict[str, Any]) -> None:
        write_private(self.path, json.dumps(document, indent=1).encode(), replace=True)


def _context(name: str, fingerprint: str) -> bytes:
    return json.dumps(["krakenonce vault 1 entry", name, fingerprint]).encode()
