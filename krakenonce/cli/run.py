"""``krakenonce run FILE``: copy what a master trades to every user of a configuration, until it is stopped."""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from krakenonce.cli.lasting import log_lines, on_signal, reload_now
from krakenonce.copytrader.config import CopySettings, load_settings
from krakenonce.copytrader.config.describing import describe, doctor_words
from krakenonce.errors import MissingExtra

if TYPE_CHECKING:
    from krakenonce.copytrader.service import CopyService
    from krakenonce.copytrader.service.steering import Steering

log = logging.getLogger("krakenonce")

MOST_WORKERS = 64

EPILOG = """\
examples:
  krakenonce run --check copy.toml        what would run; asks nobody, changes nothing
  krakenonce run copy.toml                runs until Ctrl-C; SIGHUP reads the file again
  krakenonce run --workers 4 copy.toml    the users divided between 4 processes, which take over from one another
  krakenonce users list --config copy.toml    while it runs: who is copied, and by which worker

With a journal in PostgreSQL the same file may be run on several hosts: all workers of all hosts share the users.

exit status: 0; 2 if the configuration has mistakes, or the start fails."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter
    parser.add_argument("config", metavar="FILE", help="the configuration (TOML)")
    parser.add_argument("--check", action="store_true", help="tell what would run, and do not run it")
    parser.add_argument("--quiet", action="store_true", help="print warnings and errors only")
    parser.add_argument(
        "--workers",
        type=_count,
        default=1,
        metavar="N",
        help="how many processes share the users on this host (default: 1); several need a journal in PostgreSQL",
    )
    # Said by a supervisor to its workers.
    parser.add_argument("--worker", type=int, default=None, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Run the configuration until it is stopped, or tell what it would do. Return 0.

    Raises:
        ConfigError: the configuration has mistakes, or its accounts have.
        KrakenonceError: the start fails.
    """
    settings = load_settings(args.config)
    if args.workers > 1:
        from krakenonce.cli.crew import check_shareable

        check_shareable(settings, args.workers)
    if args.check:
        _print_check(settings, args.workers)
        return 0
    with log_lines(logging.WARNING if args.quiet else logging.INFO, args.worker):
        if args.workers > 1:
            from krakenonce.cli.crew import supervise

            return asyncio.run(supervise(settings, args.workers, quiet=args.quiet))
        asyncio.run(_serve(settings, args.worker))
    return 0


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"{count}, and it takes 1 to {MOST_WORKERS}")
    return count


def _print_check(settings: CopySettings, workers: int) -> None:
    print(f"{settings.file.name} is right\n")
    for line in describe(settings):
        print(line)
    if workers > 1:
        print(f"{workers} workers on this host share the users")
    print(f"\nstill to be checked, with the keys:\n{doctor_words(settings)}")


async def _serve(settings: CopySettings, worker: int | None) -> None:
    try:
        from krakenonce.copytrader.service import CopyService
        from krakenonce.copytrader.service.keys import KeyRing
        from krakenonce.copytrader.service.workers.lifeline import read_letter, when_cut
    except ModuleNotFoundError as missing:
        raise MissingExtra("copying", "bot") from missing
    loop, stop, keys = asyncio.get_running_loop(), asyncio.Event(), KeyRing()
    for name in ("SIGINT", "SIGTERM"):
        on_signal(loop, name, stop.set)
    if worker is not None:
        passphrase = read_letter().passphrase
        keys = KeyRing() if passphrase is None else KeyRing(lambda: passphrase)
        when_cut(lambda: loop.call_soon_threadsafe(stop.set))
    service = CopyService(settings, load=keys)
    starting = asyncio.create_task(service.__aenter__())
    await _first(starting, stop.wait())
    if not starting.done():
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        return
    await starting
    try:
        await _copy(service, settings, stop, worker)
    finally:
        await service.__aexit__(None, None, None)


async def _copy(service: CopyService, settings: CopySettings, stop: asyncio.Event, worker: int | None) -> None:
    """Copy until *stop* is set."""
    from krakenonce.copytrader.service.collecting import rare_collections
    from krakenonce.copytrader.service.control import ControlServer
    from krakenonce.copytrader.service.socket_file import socket_path
    from krakenonce.copytrader.service.steering import Steering

    loop, steering = asyncio.get_running_loop(), Steering(service)
    reloads: list[asyncio.Task[None]] = []
    on_signal(loop, "SIGHUP", lambda: reloads.append(loop.create_task(reload_now(steering.reload))))
    asked = loop.create_task(_reload_when_asked(service, steering))
    async with ControlServer(socket_path(settings.file, worker), steering.steer), rare_collections():
        log.info("copying for %d of %d users", len(service.copier.users), len(settings.users))
        await stop.wait()
        log.info("stopping")
    asked.cancel()
    await asyncio.gather(asked, *reloads, return_exceptions=True)


async def _reload_when_asked(service: CopyService, steering: Steering) -> None:
    """Read the configuration again each time another worker was asked to, also one on another host."""
    while True:
        await service.files_asked.wait()
        service.files_asked.clear()
        await reload_now(steering.reload)


async def _first(*works: Awaitable[object]) -> None:
    """Wait for the first of *works*; the others are ended, unless they are tasks of the caller's."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task, work in zip(tasks, works, strict=True):
            if task is not work:
                task.cancel()
