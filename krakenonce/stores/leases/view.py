"""What can be seen of a lease store from outside, whichever engine keeps it."""

from __future__ import annotations

from typing import NamedTuple

MOST_LANES = 10_000
"""A survey stops there: an engine may keep a million keys, and others work on it."""


class LeasedLane(NamedTuple):
    """One key on an engine.

    Attributes:
        key: the lane's name.
        floor: the lowest number that could be granted when the engine last wrote it down. While the key is held,
            numbers run on with the engine's clock, up to *until_ns* at the most.
        holder: the session that holds the key, or empty. A session is one process; its name says nothing of the host.
        until_ns: where that session ends unless it is renewed, in nanoseconds since 1970 by the engine's clock.
        waiting: how many sessions wait.
        events: what was remembered of the key, oldest first.
    """

    key: str
    floor: int
    holder: str
    until_ns: int
    waiting: int
    events: tuple[str, ...]


class LeaseView(NamedTuple):
    """A lease store: the engine, its clock, its lanes, and whether there are more than were looked at."""

    engine: str
    now_ns: int
    lanes: list[LeasedLane]
    is_cut: bool
