"""Where API credentials are kept: the environment, a private file, the system's keyring, or an encrypted file.

from krakenonce.keychain import load_credentials

credentials = load_credentials("vault:alice")
"""

from krakenonce.keychain.references import Reference, load_credentials, parse_reference
from krakenonce.keychain.vault import Vault, default_vault

__all__ = ["Reference", "Vault", "default_vault", "load_credentials", "parse_reference"]
