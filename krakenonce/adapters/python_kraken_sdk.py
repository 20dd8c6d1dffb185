"""python-kraken-sdk: everything that inherits from ``SpotClient`` or ``SpotAsyncClient`` (spot only: futures keys
have nonces of their own, which Kraken judges differently).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from krakenonce.adapters.installation import Installation
from krakenonce.adapters.libraries import Hooks, has_class, key_if_complete
from krakenonce.refusals.healing import PROBE

SUPPORTED = "kraken.spot.SpotClient, User, Trade, Market, Funding, Earn; kraken.spot.SpotAsyncClient, SpotWSClient"

_PROBE = f"/0/private/{PROBE}"
_SYNC, _ASYNC = "kraken.base_api.SpotClient", "kraken.base_api.SpotAsyncClient"


def find(client: Any) -> Any | None:
    """Return *client* if it is a spot client, synchronous or not."""
    return client if has_class(client, _SYNC) else None


def key(client: Any) -> str:
    """Return the key that the constructor's ``key=`` set."""
    return key_if_complete(client._key, client._secret)  # noqa: SLF001 - it has no public name


def base_url(client: Any) -> str:
    """Return the constructor's ``url=`` or the class's default."""
    return str(client.URL)


def hooks(client: Any, installation: Installation) -> Hooks:
    """Bring signed ``request`` calls into their turns, and let ``get_nonce`` (text here) take the turn's nonce."""
    is_async = has_class(client, _ASYNC)
    request = (_async_request if is_async else _sync_request)(client.request, installation)
    renewal = _guarded_renewal(client, "SpotAsyncClient" if is_async else "SpotClient", installation)
    return {"request": request, "get_nonce": lambda: str(installation.nonce()), **renewal}


def _sync_request(send: Callable[..., Any], installation: Installation) -> Callable[..., Any]:
    @wraps(send)
    def request(method: str, uri: str, params: Any = None, *args: Any, **kwargs: Any) -> Any:
        if not kwargs.get("auth", True):
            return send(method, uri, params, *args, **kwargs)
        own = _copied(params)
        return installation.run(uri, lambda: send(method, uri, own, *args, **kwargs), lambda: send("POST", _PROBE), own)

    return request


def _async_request(send: Callable[..., Any], installation: Installation) -> Callable[..., Any]:
    @wraps(send)
    async def request(method: str, uri: str, params: Any = None, *args: Any, **kwargs: Any) -> Any:
        if not kwargs.get("auth", True):
            return await send(method, uri, params, *args, **kwargs)
        own = _copied(params)
        return await installation.run_async(
            uri, lambda: send(method, uri, own, *args, **kwargs), lambda: send("POST", _PROBE), own
        )

    return request


def _copied(params: Any) -> Any:
    # The client writes the nonce into the caller's dict, which calls of several accounts may share.
    return None if params is None else dict(params)


def _guarded_renewal(client: Any, owner: str, installation: Installation) -> Hooks:
    """Guard the client's HTTP session, and every one it replaces it with (it does so every five minutes)."""
    make, session = f"_{owner}__create_new_session", f"_{owner}__session"
    renew = getattr(client, make, None)
    if renew is None or not hasattr(client, session):
        return {}
    installation.guard(getattr(client, session))

    @wraps(renew)
    def create_new_session() -> None:
        renew()
        installation.guard(getattr(client, session))

    return {make: create_new_session}
