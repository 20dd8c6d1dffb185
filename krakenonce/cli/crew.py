"""``krakenonce run --workers N``: this process starts the workers, keeps them alive, and answers for all of them."""

from __future__ import annotations

import asyncio
from typing import Any

from krakenonce.cli.lasting import on_signal, reload_now
from krakenonce.clock import SystemClock
from krakenonce.copytrader.config import CopySettings
from krakenonce.errors import ConfigError, MissingExtra
from krakenonce.orders.journal import JournalAddress


def check_shareable(settings: CopySettings, workers: int) -> None:
    """See that *workers* processes can share the users of *settings*.

    Raises:
        ConfigError: the journal is a file, or each process would have its own nonces.
    """
    if not JournalAddress.of(settings.journal).is_server:
        mend = 'Put the journal into PostgreSQL: journal = "env:COPY_JOURNAL"; or leave --workers out.'
        raise ConfigError("--workers", f"{workers} workers, and a journal in a file of one process", mend)
    if settings.store.startswith("memory:"):
        mend = 'The workers share the masters\' keys: write store = "file:///path", or redis:// for several hosts.'
        raise ConfigError("store", f"the memory of one process, and {workers} workers", mend)


async def supervise(settings: CopySettings, count: int, *, quiet: bool) -> int:
    """Run *count* workers until this process is told to stop; return the exit status.

    Raises:
        ConfigError: the vault's passphrase is not to be had, or a copier of this configuration runs here already.
    """
    try:
        from krakenonce.copytrader.service.control import ControlServer, ask
        from krakenonce.copytrader.service.socket_file import socket_path
        from krakenonce.copytrader.service.workers.lifeline import Letter
        from krakenonce.copytrader.service.workers.relay import Relay
        from krakenonce.copytrader.service.workers.supervisor import Child, Supervisor, launch
    except ModuleNotFoundError as missing:
        raise MissingExtra("copying", "bot") from missing
    loop, letter, clock = asyncio.get_running_loop(), Letter(_passphrase(settings)), SystemClock()

    async def start(number: int) -> Child:
        words = ["run", str(settings.file), "--worker", str(number), *(["--quiet"] if quiet else [])]
        return await launch(words, letter)

    async def ask_worker(number: int, request: Any) -> dict[str, Any] | None:
        return await ask(socket_path(settings.file, number), request)

    supervisor = Supervisor(count, start, clock)
    relay = Relay(settings, clock, lambda: supervisor.living, ask_worker)
    reloads: list[asyncio.Task[None]] = []
    for name in ("SIGINT", "SIGTERM"):
        on_signal(loop, name, supervisor.stop)
    on_signal(loop, "SIGHUP", lambda: reloads.append(loop.create_task(reload_now(relay.reload))))
    async with ControlServer(socket_path(settings.file), relay.steer):
        status = await supervisor.run()
    await asyncio.gather(*reloads, return_exceptions=True)
    return status


def _passphrase(settings: CopySettings) -> str | None:
    """Ask for the vault's passphrase once, for all workers; None if no key is there."""
    accounts = [*settings.masters.values(), *(user.account for user in settings.users.values())]
    if not any(account.key is not None and account.key.kind == "vault" for account in accounts):
        return None
    from krakenonce.keychain.passphrase import ask_passphrase

    return ask_passphrase()
