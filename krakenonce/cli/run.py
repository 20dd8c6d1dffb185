"""``krakenonce run FILE``: copy what a master trades to every user of a configuration, until it is stopped."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

from krakenonce.copytrader.config import CopySettings, load_settings
from krakenonce.copytrader.config.describing import describe, doctor_words
from krakenonce.errors import KrakenonceError, MissingExtra

if TYPE_CHECKING:
    from krakenonce.copytrader.service import CopyService

log = logging.getLogger("krakenonce")

EPILOG = """\
examples:
  krakenonce run --check copy.toml    what would run; asks nobody, changes nothing
  krakenonce run copy.toml            runs until Ctrl-C; SIGHUP reads the file again

exit status: 0; 2 if the configuration has mistakes, or the start fails."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter
    parser.add_argument("config", metavar="FILE", help="the configuration (TOML)")
    parser.add_argument("--check", action="store_true", help="tell what would run, and do not run it")
    parser.add_argument("--quiet", action="store_true", help="print warnings and errors only")


def run(args: argparse.Namespace) -> int:
    """Run the configuration until it is stopped, or tell what it would do. Return 0.

    Raises:
        ConfigError: the configuration has mistakes, or its accounts have.
        KrakenonceError: the start fails.
    """
    settings = load_settings(args.config)
    if args.check:
        _print_check(settings)
        return 0
    with _log_lines(logging.WARNING if args.quiet else logging.INFO):
        asyncio.run(_serve(settings))
    return 0


def _print_check(settings: CopySettings) -> None:
    print(f"{settings.file.name} is right\n")
    for line in describe(settings):
        print(line)
    print(f"\nstill to be checked, with the keys:\n{doctor_words(settings)}")


async def _serve(settings: CopySettings) -> None:
    try:
        from krakenonce.copytrader.service import CopyService
        from krakenonce.copytrader.service.keys import KeyRing
    except ModuleNotFoundError as missing:
        raise MissingExtra("copying", "bot") from missing
    stop, keys = asyncio.Event(), KeyRing()
    for name in ("SIGINT", "SIGTERM"):
        _on_signal(asyncio.get_running_loop(), name, stop.set)
    while not stop.is_set():
        service = CopyService(settings, load=keys)
        starting = asyncio.create_task(service.__aenter__())
        await _first(starting, stop.wait())
        if not starting.done():
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            return
        await starting
        try:
            await _copy(service, settings, stop)
        finally:
            await service.__aexit__(None, None, None)
        if not stop.is_set():
            settings = _read_again(settings)


def _read_again(settings: CopySettings) -> CopySettings:
    try:
        return load_settings(settings.file)
    except KrakenonceError as error:
        log.warning("configuration not taken over: %s", error)
        return settings


async def _copy(service: CopyService, settings: CopySettings, stop: asyncio.Event) -> None:
    """Copy until *stop* is set, or until another copier may have taken over."""
    from krakenonce.copytrader.service.collecting import rare_collections
    from krakenonce.copytrader.service.control import ControlServer
    from krakenonce.copytrader.service.socket_file import socket_path
    from krakenonce.copytrader.service.steering import Steering

    loop, steering = asyncio.get_running_loop(), Steering(service)
    reloads: list[asyncio.Task[None]] = []
    _on_signal(loop, "SIGHUP", lambda: reloads.append(loop.create_task(_reload(steering.reload))))
    async with ControlServer(socket_path(settings.file), steering.steer), rare_collections():
        log.info("copying for %d of %d users", len(service.copier.users), len(settings.users))
        await _first(service.lost(), stop.wait())
        log.info("stopping")
    await asyncio.gather(*reloads)


async def _first(*works: Awaitable[object]) -> None:
    """Wait for the first of *works*; the others are ended, unless they are tasks of the caller's."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task, work in zip(tasks, works, strict=True):
            if task is not work:
                task.cancel()


def _on_signal(loop: asyncio.AbstractEventLoop, name: str, deed: Callable[[], object]) -> None:
    # Windows has neither all of these signals nor handlers in the loop; Ctrl-C still ends the program there.
    with contextlib.suppress(AttributeError, NotImplementedError):
        loop.add_signal_handler(getattr(signal, name), deed)


async def _reload(reload: Callable[[], Awaitable[list[str]]]) -> None:
    try:
        if not await reload():
            log.info("configuration read again: nothing has changed")
    except KrakenonceError as error:
        log.warning("configuration not taken over: %s", error)


@contextlib.contextmanager
def _log_lines(least: int) -> Iterator[None]:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    level = log.level
    log.addHandler(handler)
    log.setLevel(least)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
