"""What the client asks of a lane. Lanes satisfy it; so does whatever a demonstration puts in their place."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from krakenonce.kraken.replies import Outcome
from krakenonce.lanes import Priority


class Turn(Protocol):
    """One place in a lane."""

    @property
    def nonce(self) -> int:
        """The number to sign with, issued at the first look."""

    def reissue(self) -> int:
        """Return a fresh, higher number, after the former one was refused without effect."""

    async def areissue(self) -> int:
        """Return a fresh, higher number under a grant that was just confirmed."""

    def report(self, outcome: Outcome) -> None:
        """Tell the lane what became of the request."""


class Lane(Protocol):
    """The queue of one API key."""

    def turn(
        self, priority: Priority = ..., *, timeout: float | None = ..., above: int = ...
    ) -> AbstractAsyncContextManager[Turn]:
        """Return a place in the queue, to be entered with ``async with``; its nonce will exceed *above*."""


class LaneSource(Protocol):
    """Whatever knows the lane of a key."""

    def lane(self, api_key: str, *, base_url: str = ...) -> Lane:
        """Return the one lane of *api_key* at *base_url*."""
