"""How keys of krakenonce are named in Redis, and what its scripts answer."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import Any

from krakenonce.stores.leases.engine import Done, Granted, Message, NoSession, Queued, Reply
from krakenonce.stores.leases.pushes import read_push

SHARDS = "0123456789abcdef"
"""Every key belongs to one of sixteen shards, by the first hex digit of its SHA-256. A shard is a hash tag, so all of a
key, and the sessions that its scripts must look at, lie on one node; and a process renews sixteen sessions at the most,
whatever the number of its keys."""

RESERVATION_SECONDS = 3
LONGEST_LATENESS_MS = 60_000
MEMORY_OF_SESSIONS_MS = 86_400_000


def shard_of(key: str) -> str:
    """Return the shard of *key*."""
    return hashlib.sha256(key.encode()).hexdigest()[0]


def session_name(shard: str, session: str) -> str:
    """Return the name of the hash in which a *shard* keeps *session*."""
    return f"kn{{{shard}}}s:{session}"


def era_name(shard: str) -> str:
    """Return the name of the hash in which a *shard* keeps its era."""
    return f"kn{{{shard}}}a"


def names(key: str, session: str) -> tuple[str, str, str, str, str]:
    """Return the names of state and queue of *key*, of *session* beside them, of the key's events, and of the era."""
    shard = shard_of(key)
    state, queue, events = (f"kn{{{shard}}}{kind}:{key}" for kind in "kqe")
    return state, queue, session_name(shard, session), events, era_name(shard)


def channel(session: str) -> str:
    """Return the channel on which *session* is told things."""
    return f"kn:{session}"


def script(name: str) -> str:
    """Return the text of the script *name*, as it is sent."""
    room = resources.files(__package__)
    parts = ("era", name) if name == "renew" else ("era", "prelude", name)
    return "".join((room / f"{part}.lua").read_text("utf-8") for part in parts)


def read_reply(reply: Sequence[Any]) -> Reply:
    """Return what a script's *reply* means."""
    kind = reply[0]
    if kind == b"G":
        return Granted(
            int(reply[1]), int(reply[2]), int(reply[3]), int(reply[4]), tuple(reply[5].decode().splitlines())
        )
    if kind == b"Q":
        return Queued(max(0, int(reply[1])) / 1000, reply[2].decode())
    if kind == b"D":
        return Done(effect=reply[1] > 0, handed=int(reply[2]) if reply[1] > 1 else 0)
    return NoSession()


def read_message(text: str) -> Message:
    """Return what a push means."""
    return read_push(text, key_of=lambda name: name.partition("k:")[2])
