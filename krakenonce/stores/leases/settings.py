"""The options of a lease store, taken out of its URL."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from krakenonce.errors import ConfigError

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class LeaseSettings:
    """How long leases last and what is asked of the engine. Times are in seconds.

    Attributes:
        ttl: a session that was not renewed for so long is dead, and its keys go to others. It is renewed every third.
        request_timeout: the longest a request to the exchange takes; set it to your client's.
        grace: what clocks may drift apart during one lease.
        quantum: a holder with waiters of its own keeps a key for so long before it hands it to another process.
        claim: a waiter that was handed a key and is not heard of for so long is passed over.
        replicas: how many replicas must acknowledge a reservation before it is used (Redis `WAIT`).
        wait: how long to wait for them.
        degrade: ``host`` to go on alone while the engine is away; by default nothing is sent then.
        floors: a directory on this host in which the highest numbers used are remembered.
        cluster: True if the URL names a Redis cluster.
    """

    ttl: float = 10.0
    request_timeout: float = 5.0
    grace: float = 0.5
    quantum: float = 0.05
    claim: float = 1.0
    replicas: int = 0
    wait: float = 0.1
    degrade: str = ""
    floors: str = ""
    cluster: bool = False

    @property
    def sending(self) -> float:
        """For how long after a renewal requests may be sent: each is over when the lease ends."""
        return self.ttl - self.request_timeout - self.grace

    @property
    def margin(self) -> int:
        """Whole seconds by which numbers jump ahead when an engine is not the one that granted before.

        More than a holder that has not heard of the change can still send.
        """
        return max(5, math.ceil(self.sending))

    @property
    def quiet_after_loss(self) -> float:
        """For how long nothing new is granted once the engine has lost its data: until all the living were heard of.

        They renew every third of the time-to-live.
        """
        return self.ttl * 2 / 5

    @property
    def quiet_after_change(self) -> float:
        """The same when another server has taken over: then connections break, and everybody comes at once."""
        return min(1.0, self.quiet_after_loss)

    @property
    def trusts_pushes(self) -> bool:
        """Whether a key that is pushed may be used before its claim is answered.

        Not where replicas must know of it first, nor where a push was made by another clock than the session counts by.
        """
        return not self.replicas and not self.cluster

    def check(self) -> None:
        """Raise `ConfigError` if no request could be sent between two renewals."""
        if self.ttl / 3 >= self.sending:
            raise ConfigError(
                "store",
                f"ttl={self.ttl:g} leaves too little beside request_timeout={self.request_timeout:g}",
                f"Give a ttl of at least {math.ceil((self.request_timeout + self.grace) * 1.5 + 1)} seconds.",
            )
        if self.degrade not in ("", "host"):
            raise ConfigError("store", f"degrade={self.degrade!r}", "Only degrade=host is known; without it: fail.")


def _flag(text: str) -> bool:
    return text.lower() in ("1", "true", "yes", "on")


_READERS: dict[str, Callable[[str], Any]] = {"float": float, "int": int, "str": str, "bool": _flag}


def split_settings(url: str) -> tuple[str, LeaseSettings]:
    """Return *url* without the options that are krakenonce's own, and these.

    Raises:
        ConfigError: an option has no sense. The message never repeats a password.
    """
    parts = urlsplit(url)
    ours = {field.name: _READERS[str(field.type)] for field in fields(LeaseSettings)}
    given, rest = {}, []
    for name, text in parse_qsl(parts.query, keep_blank_values=True):
        if name not in ours:
            rest.append((name, text))
            continue
        try:
            given[name] = ours[name](text)
        except ValueError:
            raise ConfigError("store", f"{name}={text!r} in the URL", "Give a number.") from None
    settings = replace(LeaseSettings(), **given)
    settings.check()
    return _together(parts._replace(query=urlencode(rest))), settings


def redacted(url: str) -> str:
    """Return *url* fit for printing: without user, password and options."""
    parts = urlsplit(url)
    return _together(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


def _together(parts: SplitResult) -> str:
    # urlunsplit leaves the two slashes out where there is no host, as in redis+unix:///run/redis.sock
    text = f"{parts.scheme}://{parts.netloc}{parts.path}"
    return f"{text}?{parts.query}" if parts.query else text
