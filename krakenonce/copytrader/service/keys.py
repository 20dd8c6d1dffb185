"""Credentials for a program that runs long: the vault's passphrase is asked for once, and its file stretched once."""

from __future__ import annotations

from collections.abc import Callable

from krakenonce.keychain import Reference, Vault, default_vault, load_credentials
from krakenonce.keychain.passphrase import ask_passphrase
from krakenonce.kraken.credentials import Credentials


class KeyRing:
    """Loads credentials by reference; call it with one. Keeps the passphrase in memory, for keys that come later.

    Parameters:
        ask: asked for the passphrase, once, when the first key from the vault is wanted.
        vault: where ``vault:`` keys are.
    """

    def __init__(self, ask: Callable[[], str] = ask_passphrase, vault: Vault | None = None) -> None:
        self._ask, self._vault = ask, vault or default_vault()
        self._passphrase: str | None = None

    def __call__(self, reference: Reference) -> Credentials:
        """Return the credentials that *reference* names; raises as `krakenonce.keychain.load_credentials`."""
        if reference.kind != "vault":
            return load_credentials(reference)
        if self._passphrase is None:
            self._passphrase = self._ask()
        return self._vault.load(reference.name, self._passphrase)
