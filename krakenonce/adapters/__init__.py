"""Put krakenonce into clients people already use: krakenex, pykrakenapi, python-kraken-sdk and ccxt.

    import krakenex
    from krakenonce.adapters import install

    api = krakenex.API(key, secret)
    install(api, account="MASTER")
    api.query_private("Balance")   # as before, from any number of threads

None of the libraries is imported here; a client is known by the names of its classes.
"""

from __future__ import annotations

import logging
import threading
from typing import Any, TypeAlias

from krakenonce.adapters import ccxt, krakenex, pykrakenapi, python_kraken_sdk
from krakenonce.adapters.installation import MARK, Installation
from krakenonce.adapters.libraries import Library
from krakenonce.adapters.urgency import priority
from krakenonce.adapters.verdicts import outcome_of
from krakenonce.errors import ConfigError, UnsupportedClient
from krakenonce.global_nonce import GlobalKrakenNonceManager, get_global_nonce_manager
from krakenonce.lanes import Priority
from krakenonce.rates import Limits

__all__ = ["SUPPORTED", "Installation", "Limits", "Priority", "install", "outcome_of", "priority", "uninstall"]

log = logging.getLogger("krakenonce")

LIBRARIES: tuple[Library, ...] = (krakenex, pykrakenapi, python_kraken_sdk, ccxt)

SUPPORTED: tuple[str, ...] = tuple(library.SUPPORTED for library in LIBRARIES)
"""The clients that `install` knows, one line per library. Their subclasses count as well."""

_Settings: TypeAlias = tuple[str, GlobalKrakenNonceManager, Priority | None, float | None, Limits | None]
"""What an installation is made with, in the order of `Installation`: account, manager, priority, timeout, limits."""

_lock = threading.RLock()


def install(
    client: Any,
    account: str = "MASTER",
    *,
    manager: GlobalKrakenNonceManager | None = None,
    priority: Priority | None = None,
    timeout: float | None = None,
    limits: Limits | None = None,
) -> Installation:
    """Make every private call of *client* safe to use from any number of threads and tasks at the same time.

    Each is signed and sent inside a turn of its key's lane: one request in flight per key, its nonce taken last, just
    before signing. All clients of one key in the process share the lane; clients of different keys never wait for each
    other. Public calls go on as before. Only the object is changed, never its class; `uninstall` changes it back.
    Installing again with the same settings changes nothing.

    Parameters:
        client: an unmodified client that has its key and private key; see `SUPPORTED`.
        account: ``MASTER`` or ``USER:<name>``; for the logs.
        manager: where the nonces come from; the process's one manager if None.
        priority: the place of all its calls in the lane. None goes by the method: cancel before entry before read.
        limits: Kraken's rate limits of the account, to be kept before they are met (`krakenonce.rates.Limits`). None
            leaves them to the client, some of which have a limiter of their own.
        timeout: seconds a call may wait for its turn; None waits for ever. The client's own time-outs, for the request
            itself, are left as they are.

    Raises:
        UnsupportedClient: the object is none of those listed in `SUPPORTED`.
        ConfigError: the account's name is malformed, the client has no credentials, or it was installed with other
            settings before.

    A call may then raise, besides what the client itself raises:
        HeldBack: with *limits*, the call would have been refused. Nothing was sent.
        LaneTimeout, ReentrantUse, ForkedProcess, StoreUnavailable: nothing was sent.
        OutcomeUnknown: the exchange's address answered with a redirect, which was not followed.
    """
    _check_account(account)
    library, target = _recognise(client)
    if not library.key(target):
        raise ConfigError("client", f"a {type(target).__name__} without key or secret", "Give it both, then install.")
    chosen = get_global_nonce_manager() if manager is None else manager
    with _lock:
        return _installed(library, target, (account, chosen, priority, timeout, limits))


def uninstall(client: Any) -> None:
    """Leave *client* exactly as it was before `install`. Does nothing if it is not installed.

    Raises:
        UnsupportedClient: the object is none of those listed in `SUPPORTED`.
        ConfigError: private calls of the client are under way.
    """
    _, target = _recognise(client)
    with _lock:
        present: Installation | None = vars(target).get(MARK)
        if present is not None:
            present.uninstall()


def _installed(library: Library, target: Any, settings: _Settings) -> Installation:
    """Return the installation of *target*, made now unless it has the same already. The caller holds the lock."""
    account, chosen, *_ = settings
    present: Installation | None = vars(target).get(MARK)
    if present is None:
        made = Installation(library, target, *settings)
        log.info("GLOBAL Kraken Nonce Manager installed for %s (%s)", account, chosen.precision)
        return made
    if not present.is_same_as(*settings):
        raise ConfigError("client", f"installed for {present.account} with other settings", "Call uninstall() first.")
    return present


def _recognise(client: Any) -> tuple[Library, Any]:
    for library in LIBRARIES:
        target = library.find(client)
        if target is not None:
            return library, target
    cls = type(client)
    known = "; ".join(SUPPORTED)
    raise UnsupportedClient(f"{cls.__module__}.{cls.__qualname__} is no client krakenonce knows. It knows: {known}")


def _check_account(account: object) -> None:
    name = account.removeprefix("USER:") if isinstance(account, str) else ""
    is_user = name != account and name != "" and name == name.strip() and name.isprintable()
    if account != "MASTER" and not is_user:
        shape = "empty text" if account == "" else f"{account!r:.60}"
        raise ConfigError("account", shape, "Write MASTER, or USER:<name> such as USER:alice.")
