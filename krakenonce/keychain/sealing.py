"""Sealing text under a passphrase: scrypt, a key of its own for each entry, and authenticated encryption. Pure.

The algorithms are those of the package ``cryptography``; nothing here is home-made but their order.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from krakenonce.errors import ConfigError, MissingExtra

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
except ModuleNotFoundError as missing:
    raise MissingExtra("the encrypted file", "keys") from missing

_SALT_BYTES = 16
_NONCE_BYTES = 12
_KEY_BYTES = 32
_MOST_WORK = 2**20


class Broken(Exception):  # a signal between two rooms: `Vault` says what it means
    """The seal does not hold: wrong passphrase, or somebody changed something."""


@dataclass(frozen=True, slots=True)
class Stretching:
    """How a passphrase becomes a key: scrypt with these parameters (RFC 7914).

    Parameters:
        salt: random, one for each file.
        n: work and memory; the default takes about a third of a second and 128 MB, once per program.
        r, p: block size and parallelism.
    """

    salt: bytes
    n: int = 2**17
    r: int = 8
    p: int = 1

    def __post_init__(self) -> None:
        # What a changed file may ask of us is bounded: it must not eat the machine's memory.
        fine = 2 <= self.n <= _MOST_WORK and self.n & (self.n - 1) == 0 and 1 <= self.r <= 16 and 1 <= self.p <= 4
        if not fine or len(self.salt) != _SALT_BYTES:
            raise ConfigError("vault", "a file with impossible scrypt parameters", "Restore it from a backup.")

    @classmethod
    def fresh(cls, n: int = 2**17) -> Stretching:
        """Return parameters with a new salt."""
        return cls(os.urandom(_SALT_BYTES), n)

    def master(self, passphrase: str) -> bytes:
        """Return the key that *passphrase* stands for."""
        stretcher = Scrypt(salt=self.salt, length=_KEY_BYTES, n=self.n, r=self.r, p=self.p)
        return stretcher.derive(passphrase.encode())

    def as_row(self) -> dict[str, Any]:
        """Return the parameters for a file."""
        return {"name": "scrypt", "salt": self.salt.hex(), "n": self.n, "r": self.r, "p": self.p}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Stretching:
        """Return the parameters that a file names; raises KeyError, TypeError or ValueError if it names none."""
        if row["name"] != "scrypt":
            raise ValueError
        return cls(bytes.fromhex(row["salt"]), int(row["n"]), int(row["r"]), int(row["p"]))


def seal(master: bytes, context: bytes, text: bytes) -> dict[str, str]:
    """Return *text* encrypted under a key of its own, bound to *context*: it opens nowhere else."""
    salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
    sealed = ChaCha20Poly1305(_entry_key(master, salt, context)).encrypt(nonce, text, context)
    return {"salt": salt.hex(), "nonce": nonce.hex(), "sealed": sealed.hex()}


def unseal(master: bytes, context: bytes, row: Mapping[str, Any]) -> bytes:
    """Return the text in *row*.

    Raises:
        Broken: the passphrase was another, or *row* or *context* were changed.
    """
    try:
        salt, nonce, sealed = (bytes.fromhex(row[field]) for field in ("salt", "nonce", "sealed"))
        return ChaCha20Poly1305(_entry_key(master, salt, context)).decrypt(nonce, sealed, context)
    except (InvalidTag, KeyError, TypeError, ValueError):
        raise Broken from None


def _entry_key(master: bytes, salt: bytes, context: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=salt, info=context).derive(master)
