"""What can be asked of a running copier: who is copied, pause, kill, come and go, a configuration read again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from krakenonce.copytrader.config import CopySettings, load_settings
from krakenonce.copytrader.journal.records import EVERYBODY
from krakenonce.copytrader.policy import Leaving
from krakenonce.copytrader.service.changes import Differences, differences
from krakenonce.copytrader.service.control import Request
from krakenonce.copytrader.service.copying import CopyService
from krakenonce.copytrader.service.resolving import Resolved
from krakenonce.errors import ConfigError, KrakenonceError

log = logging.getLogger("krakenonce")

MOST_PATIENCE_S = 90.0


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
        service = self._service
        async with self._turn:
            after = load_settings(service.settings.file)
            resolved = service.resolve(after)
            found = differences(service.settings, after)
            await service.cover(after.users)
            done = [f"{', '.join(found.restart)}: counts after a restart"] if found.restart else []
            users = _apply(service, after, found, resolved)
            done += [line for line in await asyncio.gather(*users) if line]
            if after.webhooks != service.settings.webhooks:
                await service.renew_notices(after)
                done.append("webhooks: changed")
            service.adopt(_kept(service.settings, after, found), resolved)
        for line in done:
            log.info("configuration read again: %s", line)
        return done

    async def _list(self, _: Request) -> dict[str, Any]:
        service, copier = self._service, self._service.copier
        users = []
        for name in service.settings.users:
            row: dict[str, Any] = {"user": name, "trouble": service.guests.trouble.get(name, "")}
            if name in copier.users:
                standing = copier.standing(name)
                row |= {"state": standing.state.value, "reason": standing.reason, "path": service.guests.path(name)}
                row["lines"] = [
                    {"master": line.key.master, "pair": service.name_of(line.key.pair), "held": f"{line.held:f}"}
                    for line in copier.lines(name)
                    if line.held or line.wanted
                ]
            users.append(row)
        everybody = copier.everybody
        return {"users": users, "everybody": everybody.state.value, "why": everybody.reason}

    async def _kill(self, request: Request) -> dict[str, Any]:
        user = self._user(request)
        await self._service.copier.kill(str(request.get("reason") or "by hand"), user=user)
        return {"lines": [f"{user}: killed; open copy orders are cancelled"]}

    async def _pause(self, request: Request) -> dict[str, Any]:
        user = self._user(request)
        await self._service.copier.pause(str(request.get("reason") or "by hand"), user=user)
        return {"lines": [self._stands(user)]}

    async def _resume(self, request: Request) -> dict[str, Any]:
        user = self._user(request)
        await self._service.copier.resume(user=user)
        return {"lines": [self._stands(user)]}

    async def _rearm(self, request: Request) -> dict[str, Any]:
        user, service = self._user(request), self._service
        if user != EVERYBODY and user not in service.copier.users:
            async with self._turn:
                settings = service.settings
                await service.guests.join(settings.users[user], service.resolve(settings))
        else:
            await service.copier.rearm(user=user)
        return {"lines": [self._stands(user)]}

    async def _leave(self, request: Request) -> dict[str, Any]:
        user, word = self._user(request), request.get("leaving")
        async with self._turn:
            task = await self._service.guests.leave(user, Leaving(word) if word else None)
        if task is not None:
            await asyncio.wait((task,), timeout=min(float(request.get("wait_s", 0)), MOST_PATIENCE_S))
        has_left = task is None or task.done()
        return {"left": has_left, "lines": [f"{user}: {'has left' if has_left else 'is leaving'}"]}

    async def _reload(self, _: Request) -> dict[str, Any]:
        return {"lines": await self.reload() or ["nothing has changed"]}

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
    return [
        *(_said(name, "left", guests.leave(name)) for name in found.left),
        *(_said(name, "joined", guests.join(after.users[name], resolved)) for name in (*found.joined, *again)),
        *(_said(name, "another account", guests.rotate(after.users[name], resolved)) for name in found.rekeyed),
        *(_said(name, "another policy", copier.change(name, resolved.policies[name])) for name in changed),
    ]


async def _said(name: str, words: str, work: Awaitable[object]) -> str:
    try:
        await work
    except KrakenonceError as error:
        return f"{name}: not done ({words}): {error}"
    return f"{name}: {words}"


def _kept(before: CopySettings, after: CopySettings, found: Differences) -> CopySettings:
    return replace(after, **{name: getattr(before, name) for name in found.restart})
