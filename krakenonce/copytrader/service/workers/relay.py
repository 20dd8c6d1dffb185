"""One socket file for several workers: what is asked is asked of each, and answered as by one. One event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from krakenonce.clock import Clock
from krakenonce.copytrader.config import CopySettings
from krakenonce.copytrader.service.control import Request
from krakenonce.copytrader.service.offline import restate
from krakenonce.errors import KrakenonceError, TryLater

Answer = dict[str, Any]
Ask = Callable[[int, Request], Awaitable[Answer | None]]

_SWITCHES = frozenset({"kill", "pause", "resume", "rearm"})


class Relay:
    """Asks all workers of this host at once. Whoever has the user acts; if nobody does, the journal is told.

    Parameters:
        settings: the configuration; clock: ours.
        living: returns the numbers of the workers; ask: asks one, and returns None if it does not listen yet.
    """

    def __init__(self, settings: CopySettings, clock: Clock, living: Callable[[], Sequence[int]], ask: Ask) -> None:
        self._settings, self._clock, self._living, self._ask = settings, clock, living, ask

    async def steer(self, request: Request) -> Answer:
        """Do what *request* says and return what came of it.

        Raises:
            ConfigError: it says nothing that can be done. TryLater: no worker listens.
        """
        numbers = self._living()
        found = await asyncio.gather(*(self._ask_one(number, request) for number in numbers))
        answers = [answer for answer in found if isinstance(answer, dict)]
        refused = [answer for answer in found if isinstance(answer, KrakenonceError)]
        if refused and not answers:
            raise refused[0]
        if request.get("do") == "list":
            return _listed(answers)
        here = [answer for answer in answers if answer.get("here")]
        if not here:
            return await self._elsewhere(request, numbers)
        return _merged(here, [str(error) for error in refused])

    async def reload(self) -> list[str]:
        """Have every worker read the configuration again; return what was done; raises as `steer`."""
        return list((await self.steer({"do": "reload"}))["lines"])

    async def _ask_one(self, number: int, request: Request) -> Answer | KrakenonceError | None:
        # One of them tells the other hosts, and that is enough.
        is_alone = request.get("do") != "reload" or number != min(self._living(), default=number)
        try:
            return await self._ask(number, {**request, "here_only": is_alone})
        except KrakenonceError as error:
            return error

    async def _elsewhere(self, request: Request, numbers: Sequence[int]) -> Answer:
        for number in numbers:
            answer = await self._ask(number, request)
            if answer is not None:
                return answer
        deed, user = str(request.get("do")), str(request.get("user") or "")
        if deed not in _SWITCHES or not user:
            raise TryLater("no worker listens yet")
        line = await restate(self._settings, user, deed, str(request.get("reason") or "by hand"), self._clock)
        return {"lines": [line]}


def _merged(answers: Sequence[Answer], troubles: Sequence[str]) -> Answer:
    lines = dict.fromkeys(line for answer in answers for line in answer["lines"])
    merged: Answer = {"here": True, "lines": [*lines, *troubles]}
    if any("left" in answer for answer in answers):
        merged["left"] = any(answer.get("left") for answer in answers)
    if any("stocks" in answer for answer in answers):
        merged["stocks"] = [row for answer in answers for row in answer.get("stocks", ())]
        merged["absent"] = {user: why for answer in answers for user, why in answer.get("absent", {}).items()}
    return merged


def _listed(answers: Sequence[Answer]) -> Answer:
    if not answers:
        raise TryLater("no worker listens yet")
    rows: dict[str, Answer] = {}
    for answer in answers:
        for row in answer["users"]:
            if row.get("here") or row["user"] not in rows:
                rows[row["user"]] = row
    return {**answers[0], "users": list(rows.values())}
