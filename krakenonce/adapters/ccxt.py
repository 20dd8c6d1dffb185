"""ccxt: ``ccxt.kraken``, ``ccxt.async_support.kraken`` and ``ccxt.pro.kraken``, which inherits from the latter.

ccxt's own rate limiter waits before the turn. Its retries (``maxRetriesOnFailure``, off by default) happen inside the
turn, each with a fresh and higher nonce.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from krakenonce.adapters.installation import Installation
from krakenonce.adapters.libraries import Hooks, has_class, key_if_complete
from krakenonce.refusals.healing import PROBE

SUPPORTED = "ccxt.kraken, ccxt.async_support.kraken, ccxt.pro.kraken"

_SYNC, _ASYNC = "ccxt.kraken.kraken", "ccxt.async_support.kraken.kraken"


def find(client: Any) -> Any | None:
    """Return *client* if it is ccxt's spot exchange ``kraken``, in any of its three forms."""
    return client if has_class(client, _SYNC, _ASYNC) else None


def key(client: Any) -> str:
    """Return ``apiKey``."""
    return key_if_complete(client.apiKey, client.secret)


def base_url(client: Any) -> str:
    """Return ``urls['api']['private']``."""
    return str(client.urls["api"]["private"])


def hooks(client: Any, installation: Installation) -> Hooks:
    """Bring private ``fetch2`` calls into their turns; let ``incrementing_nonce`` take the turn's nonce.

    ``nonce`` is hooked as well: releases before 4.5.51 sign with it directly.
    """
    nonces = {"incrementing_nonce": installation.nonce, "nonce": installation.nonce}
    return nonces | (_async_hooks if has_class(client, _ASYNC) else _sync_hooks)(client, installation)


def _sync_hooks(client: Any, installation: Installation) -> dict[str, Callable[..., Any]]:
    send, wait = client.fetch2, client.throttle

    @wraps(send)
    def fetch2(path: str, api: Any = None, method: str = "GET", params: Any = None, config: Any = None) -> Any:
        call = _Fetch(path, api, method, params, config)
        if not call.is_private:
            return send(*call.arguments)
        installation.guard(client.session)
        if client.enableRateLimit:
            client.throttle(call.cost(client))
        return installation.run(path, lambda: send(*call.arguments), lambda: send(*call.probe), call.arguments[3])

    @wraps(wait)
    def throttle(cost: Any = None) -> Any:
        return None if installation.is_in_turn() else wait(cost)

    return {"fetch2": fetch2, "throttle": throttle}


def _async_hooks(client: Any, installation: Installation) -> dict[str, Callable[..., Any]]:
    send, wait = client.fetch2, client.throttle

    @wraps(send)
    async def fetch2(path: str, api: Any = None, method: str = "GET", params: Any = None, config: Any = None) -> Any:
        call = _Fetch(path, api, method, params, config)
        if not call.is_private:
            return await send(*call.arguments)
        if client.enableRateLimit:
            await client.throttle(call.cost(client))
        return await installation.run_async(
            path, lambda: send(*call.arguments), lambda: send(*call.probe), call.arguments[3]
        )

    @wraps(wait)
    async def throttle(cost: Any = None) -> Any:
        return None if installation.is_in_turn() else await wait(cost)

    return {"fetch2": fetch2, "throttle": throttle, **_guarded_sessions(client, installation)}


def _guarded_sessions(client: Any, installation: Installation) -> dict[str, Callable[..., Any]]:
    """Guard the sessions that the client makes when it first needs them."""
    make, make_behind_proxy = client.open, client.get_socks_proxy_session

    @wraps(make)
    def open_(*args: Any, **kwargs: Any) -> Any:
        made = make(*args, **kwargs)
        installation.guard(client.session)
        return made

    @wraps(make_behind_proxy)
    def get_socks_proxy_session(*args: Any, **kwargs: Any) -> Any:
        session = make_behind_proxy(*args, **kwargs)
        installation.guard(session)
        return session

    return {"open": open_, "get_socks_proxy_session": get_socks_proxy_session}


class _Fetch:
    """The arguments of one ``fetch2``, with ccxt's own defaults."""

    def __init__(self, path: str, api: Any, method: str, params: Any, config: Any) -> None:
        api = ["public"] if api is None else api
        params, config = {} if params is None else params, {} if config is None else config
        self.arguments = (path, api, method, params, config)
        self.probe: tuple[Any, ...] = (PROBE, api, "POST", {}, {})
        # A list with the kind first in ccxt 4.5, plain text in earlier releases.
        self.is_private = (api if isinstance(api, str) else api[0]) == "private"

    def cost(self, client: Any) -> Any:
        """Return what the call costs in the client's own rate limiter."""
        path, api, method, params, config = self.arguments
        return client.calculate_rate_limiter_cost(api, method, path, params, config)
