"""What engines push, in words that are the same for all of them."""

from __future__ import annotations

from collections.abc import Callable

from krakenonce.stores.leases.engine import Granted, Handed, Knock, Message, Wanted


def read_push(text: str, key_of: Callable[[str], str] = str) -> Message:
    """Return what the push *text* means; *key_of* turns a name in it into that of a key."""
    line, _, events = text.partition("\n")
    match line.split(" ", 2):
        case ["W", generation, name]:
            return Wanted(key_of(name), int(generation))
        case ["H", generation, name]:
            return Handed(key_of(name), int(generation))
        case ["G", generation, rest]:
            low, high, waiting, at_ns, name = rest.split(" ", 4)
            granted = Granted(int(low), int(high), int(generation), int(waiting), tuple(events.splitlines()))
            return Handed(key_of(name), int(generation), int(at_ns), granted)
        case _:
            return Knock()
