"""What a ``file://`` URL asks for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from krakenonce.errors import ConfigError

LOCKS = ("ofd", "flock")
_CHOICES = {"locks": LOCKS, "network": ("refuse", "allow")}


@dataclass(frozen=True, slots=True)
class FileSettings:
    """A ``file://`` URL, read.

    Attributes:
        url: the URL as it was given.
        directory: where the store keeps its files.
        group: the name of the group that may use it too, or None for this user alone.
        locks: ``ofd`` (byte ranges, first come first served), ``flock`` (the lesser guarantee), or None for what the
            system offers.
        allow_network: True to use a network file system in spite of everything.
    """

    url: str
    directory: Path
    group: str | None = None
    locks: str | None = None
    allow_network: bool = False


def read_url(url: str) -> FileSettings:
    """Return the settings in *url*: ``file:///path``, with ``?group=NAME``, ``?locks=flock``, ``?network=allow``.

    Raises:
        ConfigError: the URL is malformed, or names an option that does not exist.
    """
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise ConfigError("store", f"a host {parts.netloc!r} in a file URL", "Write three slashes: file:///path.")
    if not parts.path or parts.path == "/":
        raise ConfigError("store", "a file URL without a directory", "Name one of its own: file:///var/lib/krakenonce.")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name, value in options.items():
        _check_option(name, value)
    return FileSettings(
        url, Path(unquote(parts.path)), options.get("group"), options.get("locks"), options.get("network") == "allow"
    )


def _check_option(name: str, value: str) -> None:
    if name not in ("group", *_CHOICES):
        raise ConfigError("store", f"an option {name!r}", "A file store knows group, locks and network.")
    if not value or value not in _CHOICES.get(name, (value,)):
        choices = " or ".join(_CHOICES.get(name, ("a group of this host",)))
        raise ConfigError("store", f"{value!r} for {name}", f"Give {choices}.")
