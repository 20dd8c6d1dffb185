"""``krakenonce sim``: the simulated exchange on a port, until it is interrupted."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import signal
import sys
from pathlib import Path as FilePath
from typing import IO, TYPE_CHECKING

from krakenonce.errors import ConfigError
from krakenonce.simulator.options import add_arguments, paths_of, settings_of

if TYPE_CHECKING:
    from krakenonce.simulator.server import SimulatedKraken

__all__ = ["add_arguments", "run"]


def run(options: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM.

    Returns the exit status: 0; 1 if the books do not balance at the end; 2 if the options or the port won't do.
    """
    from krakenonce.simulator.server import SimulatedKraken

    try:
        sim = SimulatedKraken(
            host=options.host, port=options.port, paths=paths_of(options), settings=settings_of(options)
        )
        if options.keys is not None:
            _write_keys(options.keys, sim)
        with _log_file(options.log_file) as sim.exchange.evidence.file:
            asyncio.run(_serve(sim, as_json=options.json))
    except (ConfigError, OSError) as error:
        _say(f"krakenonce sim: {error}", error=True)
        return 2
    return _conclude(sim)


def _log_file(path: FilePath | None) -> contextlib.AbstractContextManager[IO[str] | None]:
    return contextlib.nullcontext() if path is None else path.open("w", buffering=1, encoding="utf-8")


def _write_keys(folder: FilePath, sim: SimulatedKraken) -> None:
    """Write key and secret of each account, two lines, into a file that only its owner can read."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for row in sim.credentials():
        handle = os.open(folder / row["name"].replace(":", ""), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(f"{row['key']}\n{row['secret']}\n")


def _conclude(sim: SimulatedKraken) -> int:
    """Check the books. Returns 1 if money was made or lost, or if the simulator itself failed."""
    problems = sim.audit() + sim.stats()["crashes"]
    for problem in problems:
        _say(f"krakenonce sim: {problem}", error=True)
    return 1 if problems else 0


async def _serve(sim: SimulatedKraken, *, as_json: bool) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    # What stands now stands to the end: a collector that walks it again and again makes executions arrive late.
    gc.collect()
    gc.freeze()
    async with sim:
        _say(_as_json(sim) if as_json else _as_table(sim))
        await stopped.wait()


def _as_json(sim: SimulatedKraken) -> str:
    return json.dumps({"accounts": sim.credentials(), "url": sim.url})


def _as_table(sim: SimulatedKraken) -> str:
    rows = [(row["name"], row["key"], row["secret"]) for row in sim.credentials()]
    width = max(len(name) for name, _, _ in rows)
    lines = [f"{name:<{width}}  {key:<56}  {secret}" for name, key, secret in [("NAME", "KEY", "SECRET"), *rows]]
    reach = "this machine only" if sim.host in ("127.0.0.1", "::1", "localhost") else "every machine that reaches it"
    head = f"Simulated Kraken on {sim.url} (listening on {sim.host}: {reach}). Stop it with Ctrl-C."
    return "\n".join([*lines, "", head])


def _say(text: str, *, error: bool = False) -> None:
    stream = sys.stderr if error else sys.stdout
    stream.write(text + "\n")
    stream.flush()
