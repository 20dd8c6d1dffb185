"""The names of our orders. Pure: whoever forgets what he has sent can work out its name and look it up."""

from __future__ import annotations

import hashlib

from krakenonce.copytrader.records import LineKey

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_TRIPLES = tuple(a + b + c for a in _ALPHABET for b in _ALPHABET for c in _ALPHABET)


def order_name(key: LineKey, exec_id: str, attempt: int) -> str:
    """Return the ``cl_ord_id`` of the *attempt*-th order of the line *key* after the fill *exec_id*.

    The same for the same arguments, for ever, on every host. 18 lowercase letters and digits, which every path of
    Kraken's accepts (https://docs.kraken.com/api/docs/guides/spot-clordid). Two different orders have the same name
    with a chance of 1 in 10 ** 28; among a thousand million orders, of 1 in 10 ** 10.
    """
    # Each part is preceded by its length, so that no two lists of parts make the same text.
    user, master, pair = key
    count = str(attempt)
    parts = f"{len(user)}:{user}{len(master)}:{master}{len(pair)}:{pair}{len(exec_id)}:{exec_id}{len(count)}:{count}"
    number = int.from_bytes(hashlib.sha256(parts.encode()).digest())
    name = ""
    for _ in range(6):
        number, triple = divmod(number, len(_TRIPLES))
        name += _TRIPLES[triple]
    return name
