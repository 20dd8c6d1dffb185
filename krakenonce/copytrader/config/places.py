"""Where things are: paths beside the configuration, addresses in the environment, URLs of stores and journals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FilePath
from urllib.parse import urlsplit

from krakenonce.copytrader.config.lines import Path
from krakenonce.copytrader.config.problems import Notes
from krakenonce.copytrader.config.settings import RunMode
from krakenonce.copytrader.config.values import hint
from krakenonce.global_nonce import STORE_VARIABLE
from krakenonce.stores.opening import STORES

_JOURNALS = ("sqlite", "postgresql", "postgres", "memory")


def beside(file: FilePath, name: str) -> FilePath:
    """Return the path *name*, which begins at the folder of *file* unless it is absolute."""
    return (file.parent / FilePath(name).expanduser()).absolute()


def looked_up(notes: Notes, path: Path, value: str, environment: Mapping[str, str]) -> str:
    """Return *value*, or what the variable holds that it names as ``env:NAME``."""
    if not value.startswith("env:"):
        return value
    name = value.removeprefix("env:")
    found = environment.get(name, "").strip()
    if not found:
        shape = f"the environment variable {name}, which is not set, or empty"
        notes.add(path, shape, "Set it where this program is started.")
    return found


def store(notes: Notes, value: str | None, environment: Mapping[str, str]) -> str:
    """Return the nonce store's URL: *value*, else the environment's, else memory."""
    if value is None:
        return environment.get(STORE_VARIABLE, "").strip() or "memory://"
    url = looked_up(notes, ("store",), value, environment)
    scheme = _scheme(url)
    if url and scheme not in STORES:
        mend = f"{hint(scheme, list(STORES))}Write memory://, file:///path, redis://... or postgresql://..."
        notes.add(("store",), f"an address of {len(url)} characters that is no store's", mend)
    return url


def journal(notes: Notes, value: str | None, environment: Mapping[str, str], file: FilePath, run: RunMode) -> str:
    """Return the journal's URL. A plain path is a file beside *file*.

    Without *value* it is named after file and run, so that a dry run never writes into the journal of a live one.
    """
    if value is None:
        return f"sqlite://{file.with_name(f'{file.stem}-{run.value}.db')}"
    url = looked_up(notes, ("journal",), value, environment)
    if not url or _scheme(url) in _JOURNALS:
        return url
    if _scheme(url):
        mend = f"{hint(_scheme(url), _JOURNALS)}Write a file's name, sqlite:///path or postgresql://user@host/database."
        notes.add(("journal",), f"an address of {len(url)} characters that is no journal's", mend)
        return ""
    return f"sqlite://{beside(file, url)}"


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme if "://" in url else ""
    except ValueError:
        return ""
