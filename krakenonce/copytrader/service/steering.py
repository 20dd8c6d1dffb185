"""What can be asked of a running copier: who is copied, pause, kill, come and go, a configuration read again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from krakenonce.copytrader.config import CopySettings, load_settings
from krakenonce.copytrader.journal.records import EVERYBODY, Changes, State
from krakenonce.copytrader.policy import Leaving
from krakenonce.copytrader.service.changes import Differences, differences
from krakenonce.copytrader.service.control import Request
from krakenonce.copytrader.service.copying import CopyService
from krakenonce.copytrader.service.keeping import standing_now
from krakenonce.copytrader.service.memory import FILES_FACT
from krakenonce.copytrader.service.offline import restate
from krakenonce.copytrader.service.resolving import Resolved
from krakenonce.copytrader.service.roll import Row, held, place_of, roll, stands
from krakenonce.copytrader.service.stocktaking import stock_row
from krakenonce.errors import ConfigError, KrakenonceError

log = logging.getLogger("krakenonce")

MOST_PATIENCE_S = 90.0
LOOK_S = 0.2


class Steering:
    """Steers one service. Requests about users wait for one another; a kill waits for nothing.

    Parameters:
        service: that runs.
    """

    def __init__(self, service: CopyService) -> None:
        self._service = service
        self._turn = asyncio.Lock()
        self._deeds: dict[str, Callable[[Request], Awaitable[dict[str, Any]]]] = {
            "list": self._list,
            "kill": self._kill,
            "pause": self._pause,
            "resume": self._resume,
            "rearm": self._rearm,
            "leave": self._leave,
            "reload": self._reload,
            "reconcile": self._reconcile,
        }

    async def steer(self, request: Request) -> dict[str, Any]:
        """Do what *request* says and return what came of it.

        Raises:
            ConfigError: it says nothing that can be done.
        """
        deed = self._deeds.get(str(request.get("do")))
        if deed is None:
            raise ConfigError("do", "no known word", f"Use one of: {', '.join(self._deeds)}.")
        return await deed(request)

    async def reload(self) -> list[str]:
        """Read the configuration again, go on with what is new, and return what was done, in words.

        Nobody whose table is unchanged is touched.

        Raises:
            ConfigError: it has mistakes, or cannot be read: nothing is changed then.
        """
        service, copier = self._service, self._service.copier
        async with self._turn:
            after = load_settings(service.settings.file)
            resolved = service.resolve(after)
            found = differences(service.settings, after)
            done = [f"{', '.join(found.restart)}: counts after a restart"] if found.restart else []
            done += [f"{name}: joins, with the worker that has room" for name in found.joined if service.is_shared]
            users = _apply(service, after, found, resolved)
            done += [line for line in await asyncio.gather(*users) if line]
            if after.guards != service.settings.guards:
                copier.change_guards(resolved.guards)
                done.append("guards: changed")
            if after.webhooks != service.settings.webhooks:
                await service.renew_notices(after)
                done.append("webhooks: changed")
            service.adopt(_kept(service.settings, after, found), resolved)
        for line in done:
            log.info("configuration read again: %s", line)
        return done

    async def _list(self, _: Request) -> dict[str, Any]:
        service = self._service
        rows = await roll(service.journal, service.settings.users, service.name_of) if service.is_shared else {}
        users = [self._row(name) if service.has(name) else rows[name] for name in service.settings.users]
        everybody = service.copier.everybody
        return {"users": users, "everybody": everybody.state.value, "why": everybody.reason}

    def _row(self, name: str) -> Row:
        service, copier = self._service, self._service.copier
        row: Row = {"user": name, "trouble": service.guests.trouble.get(name, "")}
        if service.is_shared:
            row |= {"worker": place_of(service.worker), "here": True}
        if name in copier.users:
            row |= stands(copier.standing(name))
            row |= {"path": service.guests.path(name), "lines": held(copier.lines(name), service.name_of)}
        return row

    async def _kill(self, request: Request) -> dict[str, Any]:
        user, reason = self._user(request), str(request.get("reason") or "by hand")
        if self._is_in_hand(user):
            await self._service.copier.kill(reason, user=user)
        words = f"{user}: killed; open copy orders are cancelled"
        return await self._switched(request, user, reason, words)

    async def _pause(self, request: Request) -> dict[str, Any]:
        user, reason = self._user(request), str(request.get("reason") or "by hand")
        if self._is_in_hand(user):
            await self._service.copier.pause(reason, user=user)
        return await self._switched(request, user, reason)

    async def _resume(self, request: Request) -> dict[str, Any]:
        user = self._user(request)
        if self._is_in_hand(user):
            await self._service.copier.resume(user=user)
        return await self._switched(request, user)

    async def _rearm(self, request: Request) -> dict[str, Any]:
        user, service = self._user(request), self._service
        if user == EVERYBODY or user in service.copier.users:
            await service.copier.rearm(user=user)
        elif service.has(user):
            async with self._turn:
                settings = service.settings
                await service.guests.join(settings.users[user], service.resolve(settings))
        return await self._switched(request, user)

    async def _switched(self, request: Request, user: str, reason: str = "", words: str = "") -> dict[str, Any]:
        """Tell what came of a switch; of one that concerns another worker's user, have it told to that one."""
        service = self._service
        if user == EVERYBODY or not service.is_shared or user in service.copier.users:
            return {"here": True, "lines": [words or self._stands(user)]}
        if request.get("here_only"):
            return {"here": False, "lines": []}
        line = await restate(service.settings, user, str(request["do"]), reason, service.clock)
        return {"here": False, "lines": [line]}

    async def _leave(self, request: Request) -> dict[str, Any]:
        user, word = self._user(request), request.get("leaving")
        leaving = Leaving(word) if word else None
        if not self._service.has(user):
            return await self._leave_elsewhere(request, user, leaving)
        async with self._turn:
            task = await self._service.guests.leave(user, leaving)
        if task is not None:
            await asyncio.wait((task,), timeout=_patience_s(request))
        has_left = task is None or task.done()
        return {"here": True, "left": has_left, "lines": [_left(user, is_over=has_left)]}

    async def _leave_elsewhere(self, request: Request, user: str, leaving: Leaving | None) -> dict[str, Any]:
        service, has_left = self._service, False
        if request.get("here_only"):
            return {"here": False, "left": False, "lines": []}
        leaving = leaving or service.settings.users[user].policy.leaving
        await restate(service.settings, user, "leave", leaving.value, service.clock)
        with suppress(TimeoutError):
            async with asyncio.timeout(_patience_s(request)):
                while not (has_left := (await standing_now(service.journal, user)).state is State.LEFT):
                    await service.copier.sleep(LOOK_S)
        return {"here": False, "left": has_left, "lines": [_left(user, is_over=has_left)]}

    async def _reload(self, request: Request) -> dict[str, Any]:
        service, lines = self._service, await self.reload()
        if service.is_shared and not request.get("here_only"):
            await service.journal.commit(Changes(meta={FILES_FACT: f"{service.worker} {service.clock.wall_ns()}"}))
            lines.append("workers on other hosts read their files again")
        return {"here": True, "lines": lines or ["nothing has changed"]}

    def _is_in_hand(self, user: str) -> bool:
        # An engine that is the only one says itself that it does not copy somebody.
        return not self._service.is_shared or user == EVERYBODY or user in self._service.copier.users

    async def _reconcile(self, request: Request) -> dict[str, Any]:
        service, user = self._service, self._user(request)
        users = [name for name in service.copier.users if user in (EVERYBODY, name)]
        if request.get("mend"):
            await service.copier.reconcile(users, mend=True)
        stocks = await service.copier.take_stock(users)
        absent = {name: why for name, why in service.guests.trouble.items() if user in (EVERYBODY, name)}
        rows = [stock_row(stock, service.name_of(stock.line.pair)) for stock in stocks]
        return {"here": bool(users or absent), "lines": [], "stocks": rows, "absent": absent}

    def _user(self, request: Request) -> str:
        user = str(request.get("user") or "")
        if user != EVERYBODY and user not in self._service.settings.users:
            known = ", ".join(name.removeprefix("USER:") for name in self._service.settings.users)
            raise ConfigError("user", f"{user[:60]!r}, who is not in the configuration", f"Known: {known}.")
        return user

    def _stands(self, user: str) -> str:
        copier = self._service.copier
        standing = copier.everybody if user == EVERYBODY else copier.standing(user)
        return f"{user}: {standing.state.value}{f' ({standing.reason})' if standing.reason else ''}"


def _apply(service: CopyService, after: CopySettings, found: Differences, resolved: Resolved) -> list[Awaitable[str]]:
    guests, copier = service.guests, service.copier
    stuck = [name for name in guests.trouble if name in after.users and name not in found.joined]
    again = [name for name in stuck if name not in found.rekeyed and not guests.has_departed(name)]
    changed = [name for name in found.changed if name in copier.users]
    rekeyed = [name for name in found.rekeyed if service.has(name)]
    # Whoever is new is shared out with all others, to whichever worker has room.
    joined = again if service.is_shared else (*found.joined, *again)
    return [
        *(_said(name, "left", guests.leave(name)) for name in found.left if service.has(name)),
        *(_said(name, "joined", guests.join(after.users[name], resolved)) for name in joined),
        *(_said(name, "another account", guests.rotate(after.users[name], resolved)) for name in rekeyed),
        *(_said(name, "another policy", copier.change(name, resolved.policies[name])) for name in changed),
    ]


async def _said(name: str, words: str, work: Awaitable[object]) -> str:
    try:
        await work
    except KrakenonceError as error:
        return f"{name}: not done ({words}): {error}"
    return f"{name}: {words}"


def _patience_s(request: Request) -> float:
    return min(float(request.get("wait_s", 0)), MOST_PATIENCE_S)


def _left(user: str, *, is_over: bool) -> str:
    return f"{user}: {'has left' if is_over else 'is leaving'}"


def _kept(before: CopySettings, after: CopySettings, found: Differences) -> CopySettings:
    return replace(after, **{name: getattr(before, name) for name in found.restart})
