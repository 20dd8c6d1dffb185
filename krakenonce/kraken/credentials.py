"""API credentials that can be passed around and printed without being given away."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field

from krakenonce.errors import ConfigError


def fingerprint(api_key: str) -> str:
    """Return the 16 hex digits by which krakenonce knows *api_key*: in logs, metrics, lanes and file names.

    It is the head of the key's SHA-256, so that neither the key nor its owner can be read from it.
    """
    return hashlib.sha256(api_key.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Credentials:
    """The API key and private key of one account. Immutable; repr and str show the fingerprint only.

    Parameters:
        key: the public API key, as Kraken shows it once.
        secret: the private key, base64 as Kraken shows it.

    Raises:
        ConfigError: one of the two is empty, has white space around it, or the private key is no base64.
    """

    key: str = field(repr=False)
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        _check_text("key", self.key)
        _check_text("secret", self.secret)
        decode_secret(self.secret)

    @property
    def fingerprint(self) -> str:
        """The name by which this key may appear in logs."""
        return fingerprint(self.key)

    def __repr__(self) -> str:
        return f"Credentials(fingerprint={self.fingerprint!r})"

    __str__ = __repr__


def decode_secret(secret: str) -> bytes:
    """Return the bytes of a base64 private key.

    Raises:
        ConfigError: the text is no base64. The message shows its length, never a character of it.
    """
    try:
        return base64.b64decode(secret, validate=True)
    except (binascii.Error, ValueError):
        # `from None`: the original error's traceback would show the secret among its locals to some reporters.
        raise ConfigError(
            "secret", f"text of {len(secret)} characters that is no base64", "Copy the private key again, whole."
        ) from None


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise ConfigError(name, f"a {type(value).__name__}", "Give it as text, as Kraken shows it.")
    if not value:
        raise ConfigError(name, "empty text", "Copy it from Kraken's API settings.")
    if value != value.strip():
        raise ConfigError(
            name, f"text of {len(value)} characters with white space around it", "Remove the white space."
        )
