"""Names the exchange gives: transaction ids, tokens, keys and secrets. All of them follow from the seed."""

from __future__ import annotations

import base64
import hashlib
import random
import string

_ALPHABET = string.ascii_uppercase + string.digits


class Mint:
    """Makes identifiers in Kraken's patterns, in an order that only the seed decides. Belongs to one thread."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"{seed}/identifiers")

    def transaction(self, initial: str) -> str:
        """Return an id such as ``OABCDE-FGHIJ-KLMNOP``: initial O for orders, T for trades, L for ledger entries."""
        letters = "".join(self._random.choices(_ALPHABET, k=15))
        return f"{initial}{letters[:5]}-{letters[5:10]}-{self._random.choice(_ALPHABET)}{letters[10:]}"

    def token(self) -> str:
        """Return a WebSocket token."""
        return base64.b64encode(self._random.randbytes(33)).decode()

    def connection(self) -> int:
        """Return a connection id above 2 ** 63, as the real ones are."""
        return self._random.randrange(2**63, 2**64)


def api_key(seed: int, name: str) -> str:
    """Return the public key of the key called *name*: 56 characters, the same for the same seed."""
    return base64.b64encode(_derive(seed, name, "key", 42)).decode()


def api_secret(seed: int, name: str) -> str:
    """Return the private key of the key called *name*: 64 bytes as 88 characters of base64."""
    return base64.b64encode(_derive(seed, name, "secret", 64)).decode()


def _derive(seed: int, name: str, purpose: str, size: int) -> bytes:
    return hashlib.shake_256(f"simulated exchange/{seed}/{name}/{purpose}".encode()).digest(size)
